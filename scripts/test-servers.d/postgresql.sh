# Sourced by scripts/test-servers: PostgreSQL.
# shellcheck shell=bash

postgresql_bindir() {
  local newest
  if [ "$1" != / ]; then
    echo /usr/lib/postgresql/18/bin
    return
  fi
  newest=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)
  [ -x "$newest" ] || die "no PostgreSQL server below /usr/lib/postgresql: run scripts/install-dependencies run"
  printf '%s\n' "${newest%/initdb}"
}

postgresql_configure() {
  cat >>"$base/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$inside'
ssl = on
ssl_cert_file = '$inside/server.pem'
ssl_key_file = '$inside/server.key'
password_encryption = 'scram-sha-256'
max_connections = 200
max_prepared_transactions = 10
shared_buffers = 32MB
dynamic_shared_memory_type = mmap
fsync = off
synchronous_commit = off
full_page_writes = off
log_statement = 'all'
log_connections = on
log_disconnections = on
log_timezone = 'UTC'
timezone = 'UTC'
CONF
}

# start_postgresql NAME WHERE: writes $dir/NAME.facts.
start_postgresql() {
  local name=$1 where=$2 bindir base inside port attempt key=DAYPASS_TEST_${1^^}
  bindir=$(postgresql_bindir "$where")
  new_base "$name" "$where"
  install -m 0600 "$dir/password" "$base/password"
  give_to_server "$base"
  as_server "$where" "$bindir/initdb" -D "$inside/data" -N -U postgres --pwfile="$inside/password" \
    --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 >"$dir/$name.initdb.log" 2>&1 || {
    did_not_start "PostgreSQL ($name)" "$dir/$name.initdb.log"
    return 1
  }
  rm -f "$base/password"
  postgresql_configure
  for attempt in 1 2 3 4 5; do
    port=$(free_port)
    if as_server "$where" "$bindir/pg_ctl" -D "$inside/data" -w -t 60 -s \
      -o "-p $port" -l "$inside/server.log" start >"$dir/$name.start.log" 2>&1 </dev/null; then
      {
        echo "${key}_PORT=$port"
        echo "${key}_SOCKET_DIR=$base"
        echo "${key}_LOG=$base/server.log"
        echo "${key}_VERSION=$(as_server "$where" "$bindir/postgres" --version | grep -oE '[0-9]+' | head -n 1)"
        [ "$where" != / ] || echo "${key}_BINDIR=$bindir"
      } >"$dir/$name.facts"
      return 0
    fi
    # Somebody else may have taken the port in between; anything else will not get better.
    grep -q 'Address already in use' "$base/server.log" || break
  done
  did_not_start "PostgreSQL ($name)" "$dir/$name.start.log" "$base/server.log"
  return 1
}

# Ended by itself, PostgreSQL takes its shared memory along. One that cannot yet be told to is killed
# with the rest.
stop_postgresql() {
  local where=$1 inside=$2
  [ ! -e "${where%/}$inside/data/postmaster.pid" ] ||
    as_server "$where" "$(postgresql_bindir "$where")/pg_ctl" -D "$inside/data" -m immediate -w -s stop \
      2>/dev/null || true
}
