# Sourced by scripts/test-servers: moto, which plays AWS. test-servers.d/moto/serve.py says how well.
# shellcheck shell=bash

# start_moto NAME WHERE: writes $dir/NAME.facts.
start_moto() {
  local name=$1 where=$2 base inside port attempt key=DAYPASS_TEST_${1^^}
  new_base "$name" "$where"
  install -m 0644 "$ROOT"/scripts/test-servers.d/moto/*.py "$base"
  give_to_server "$base"
  for attempt in 1 2 3 4 5; do
    port=$(free_port)
    if run_server "$where" "$base/server.log" 'Running on https://' \
      env PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME="$inside" \
      python3 "$inside/serve.py" "$port" "$inside/server.pem" "$inside/server.key"; then
      {
        echo "${key}_PORT=$port"
        echo "${key}_URL=https://localhost:$port"
        echo "${key}_LOG=$base/server.log"
        echo "${key}_VERSION=$(as_server "$where" python3 -c 'import moto; print(moto.__version__)')"
      } >"$dir/$name.facts"
      return 0
    fi
    # Somebody else may have taken the port in between; anything else will not get better.
    grep -q 'in use' "$base/server.log" || break
  done
  did_not_start moto "$base/server.log"
  return 1
}
