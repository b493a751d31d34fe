# Sourced by scripts/test-servers: the processes of servers, from before the first to after the last.
# shellcheck shell=bash

# The server must not run as root.
if [ "$(id -u)" != 0 ]; then
  server_uid=$(id -u) server_gid=$(id -g)
elif id postgres >/dev/null 2>&1; then
  server_uid=$(id -u postgres) server_gid=$(id -g postgres)
else
  server_uid=$(id -u nobody) server_gid=$(id -g nobody)
fi

# server_entry WHERE: sets entry, what a command is preceded by to run as the server's user. WHERE is
# / or the folder of a Debian of its own.
server_entry() {
  if [ "$1" != / ]; then
    entry=("${SUDO[@]}" env DAYPASS_SERVERS_OF="${DAYPASS_SERVERS_OF:-}"
      chroot --userspec="$server_uid:$server_gid" "$1")
  elif [ "$(id -u)" = 0 ]; then
    entry=(setpriv --reuid="$server_uid" --regid="$server_gid" --clear-groups)
  else
    entry=(env)
  fi
}

# as_server WHERE COMMAND...
as_server() {
  local entry
  server_entry "$1"
  shift
  (cd / && exec "${entry[@]}" "$@")
}

# new_base NAME WHERE: sets base, and inside, which is base as seen by the server. The folder is
# recorded before it exists, so that stop finds it whenever this script ends. Its name is short,
# because a socket's path may have 107 bytes only.
new_base() {
  base=$(mktemp -u "${2%/}/tmp/daypass-$1-XXXXXX")
  inside=/${base#"${2%/}/"}
  printf '%s %s\n' "$2" "$inside" >"$dir/$1.server"
  mkdir -m 0755 "$base"
  install -m 0600 "$dir/server.key" "$base/server.key"
  install -m 0644 "$dir/server.pem" "$dir/ca.pem" "$base"
}

give_to_server() {
  [ "$(id -u)" != 0 ] || chown -R "$server_uid:$server_gid" "$@"
}

# run_server WHERE LOG READY COMMAND...: starts a server in a session of its own and waits until its
# log has the words READY. False when it ended before, or took too long.
run_server() {
  local log=$2 ready=$3 pid lines follower status=0 entry
  server_entry "$1"
  shift 3
  : >>"$log"
  give_to_server "$log"
  (cd / && exec "${entry[@]}" setsid --wait "$@" >>"$log" 2>&1 </dev/null) &
  pid=$!
  exec {lines}< <(exec tail -n +1 -s 0.1 --pid="$pid" -f "$log")
  follower=$!
  timeout 120 grep -qF -- "$ready" <&"$lines" || status=1
  kill "$follower" 2>/dev/null || true
  exec {lines}<&-
  return $status
}

# did_not_start TITLE LOG...: why, for whoever called.
did_not_start() {
  local title=$1
  shift
  warn "$title did not start. The end of its log:"
  tail -q -n 30 "$@" 2>/dev/null | sed 's/^/    /' >&2
}

# Processes that a start in $dir left: started by it, or at work in a folder of one of its servers.
# Not this script's own. They are this user's, also those that sudo began, which itself ends with
# what it runs.
left_processes() {
  local record where inside at_work=(-false)
  for record in "$dir"/*.server; do
    [ -e "$record" ] || continue
    read -r where inside <"$record"
    at_work+=(-o -lname "${where%/}$inside" -o -lname "${where%/}$inside/*")
  done
  {
    grep -lszxF "DAYPASS_SERVERS_OF=$dir" /proc/[0-9]*/environ
    find /proc/[0-9]*/cwd -maxdepth 0 \( "${at_work[@]}" \) 2>/dev/null
  } | cut -d / -f 3 | sort -nu | grep -vxF -e $$ -e "$BASHPID" || true
}

# kill_processes PID...: and waits for their ends, which is not until somebody has reaped them.
kill_processes() {
  python3 -c 'import os, select, signal, sys
for pid in map(int, sys.argv[1:]):
    try:
        process = os.pidfd_open(pid)
        signal.pidfd_send_signal(process, signal.SIGKILL)
        select.select([process], [], [])
    except ProcessLookupError:
        pass' "$@"
}

# end_processes [COMMAND]: kills those that are left, or those of them that run COMMAND, until none is.
end_processes() {
  local pid pids
  while :; do
    pids=()
    for pid in $(left_processes); do
      [ -z "${1:-}" ] || [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$1" ] || continue
      [ ! -e "/proc/$pid" ] || grep -qs '^State:.*zombie' "/proc/$pid/status" || pids+=("$pid")
    done
    [ ${#pids[@]} -gt 0 ] || return 0
    kill_processes "${pids[@]}"
  done
}
