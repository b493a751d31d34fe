# Sourced by the shell scripts: messages, progress, and the user that runs throw-away servers.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${DAYPASS_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/daypass}
TICKER=

if [ "$(id -u)" = 0 ]; then
  SUDO=()
else
  SUDO=(sudo)
fi

say() {
  printf '%s\n' "$*"
}

warn() {
  printf '%s\n' "$*" >&2
}

die() {
  warn "${0##*/}: $*"
  exit 1
}

need_sudo() {
  [ ${#SUDO[@]} -eq 0 ] || command -v sudo >/dev/null ||
    die "$1 needs root: run this as root, or install sudo and run it again"
}

# Says every 15 s (on a terminal: every second, in place) how long a step has taken and what it
# is doing. Ends by itself when the script does.
ticker() {
  local text=$1 log=$2 started=$SECONDS last width
  # A line that wraps cannot be overwritten in place.
  width=$(stty size 2>/dev/null </dev/tty | cut -d ' ' -f 2) || width=
  [ "${width:-0}" -gt 0 ] || width=80
  while sleep 1 && kill -0 $$ 2>/dev/null; do
    last=$(tail -c 400 "$log" 2>/dev/null | tr '\r' '\n' | grep -v '^[[:space:]]*$' | tail -n 1 | cut -c 1-70)
    if [ -t 1 ]; then
      printf -v last '%s (%d s) %s' "$text" $((SECONDS - started)) "$last"
      printf '\r\033[K%s' "${last:0:width - 1}"
    elif [ $(((SECONDS - started) % 15)) = 0 ]; then
      printf '%s (%d s) %s\n' "$text" $((SECONDS - started)) "$last"
    fi
  done
}

ticker_stop() {
  [ -n "$TICKER" ] || return 0
  kill "$TICKER" 2>/dev/null || true
  wait "$TICKER" 2>/dev/null || true
  TICKER=
  [ ! -t 1 ] || printf '\r\033[K'
}

# The lines of a log that say what went wrong, or its end where none says so.
show_errors() {
  local errors
  errors=$(grep -aE -A 2 '((error|ERROR|^E):|undefined reference)' "$1" | cut -c 1-300 | head -n 60)
  if [ -n "$errors" ]; then
    printf '%s\n' "$errors" | sed 's/^/    /'
  else
    tail -n 40 "$1" | cut -c 1-300 | sed 's/^/    /'
  fi
  echo "    (all of it: $1)"
}

# with_progress TEXT LOG COMMAND...: runs the command with its output in LOG, showing progress.
# On failure the errors in the log are shown and the command's status returned.
with_progress() {
  local text=$1 log=$2 started=$SECONDS status=0
  shift 2
  [ -t 1 ] || say "$text ..."
  ticker "$text" "$log" 2>/dev/null &
  TICKER=$!
  "$@" >>"$log" 2>&1 </dev/null || status=$?
  ticker_stop
  if [ $status != 0 ]; then
    warn "$text: failed after $((SECONDS - started)) s."
    show_errors "$log" >&2
    return $status
  fi
  say "$text: done in $((SECONDS - started)) s"
}

# A port of the loopback that nobody listens on now.
free_port() {
  python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}
