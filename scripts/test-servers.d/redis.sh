# Sourced by scripts/test-servers: Redis.
# shellcheck shell=bash

# Debian has the server's program in redis-tools, under another of its names; what the package
# redis-server adds is a link, and a service that would be started.
REDIS_PROGRAM=/usr/bin/redis-check-rdb

redis_configure() {
  cat >"$base/redis.conf" <<CONF
bind 127.0.0.1
tls-cert-file $inside/server.pem
tls-key-file $inside/server.key
tls-ca-cert-file $inside/ca.pem
tls-auth-clients no
unixsocket $inside/server.sock
unixsocketperm 777
dir $inside
save ""
aclfile $inside/users.acl
logfile $inside/server.log
loglevel verbose
slowlog-log-slower-than 0
slowlog-max-len 10000
set-proc-title no
CONF
  printf 'user default on #%s ~* &* +@all\n' "$(tr -d '\n' <"$dir/password" | sha256sum | cut -c 1-64)" \
    >"$base/users.acl"
}

# start_redis NAME WHERE: writes $dir/NAME.facts.
start_redis() {
  local name=$1 where=$2 base inside port tls_port attempt key=DAYPASS_TEST_${1^^}
  [ -x "$REDIS_PROGRAM" ] || die "no $REDIS_PROGRAM: run scripts/install-dependencies test"
  new_base "$name" "$where"
  redis_configure
  give_to_server "$base"
  for attempt in 1 2 3 4 5; do
    port=$(free_port)
    tls_port=$(free_port)
    # shellcheck disable=SC2016
    if run_server "$where" "$base/server.log" 'Ready to accept connections' \
      bash -c 'exec -a redis-server "$0" "$@"' "$REDIS_PROGRAM" \
      "$inside/redis.conf" --port "$port" --tls-port "$tls_port"; then
      {
        echo "${key}_PORT=$port"
        echo "${key}_TLS_PORT=$tls_port"
        echo "${key}_SOCKET=$base/server.sock"
        echo "${key}_LOG=$base/server.log"
        echo "${key}_VERSION=$(redis-cli --version | grep -oE '[0-9]+(\.[0-9]+)+' | head -n 1)"
        echo "${key}_SUPERUSER=default"
        echo "${key}_ACL_FILE=$base/users.acl"
      } >"$dir/$name.facts"
      return 0
    fi
    # Somebody else may have taken a port in between; anything else will not get better.
    grep -q 'Address already in use' "$base/server.log" || break
  done
  did_not_start Redis "$base/server.log"
  return 1
}
