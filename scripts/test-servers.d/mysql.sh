# Sourced by scripts/test-servers: MySQL and MariaDB.
# shellcheck shell=bash

# mysql_program NAME WHERE
mysql_program() {
  local program=/usr/sbin/mariadbd
  [[ "$1" != mysql* ]] || program=/usr/sbin/mysqld
  [ -x "${2%/}$program" ] || die "no ${2%/}$program: run scripts/install-dependencies test"
  echo "$program"
}

mysql_configure() {
  local name=$1 scheduler=ON
  # One server whose owner never turned it on: what locks accounts at their end must cope.
  [ "$name" != mariadb1011 ] || scheduler=OFF
  cat >"$base/my.cnf" <<CONF
[mysqld]
datadir = $inside/data
tmpdir = $inside
socket = $inside/server.sock
pid_file = $inside/server.pid
bind_address = 127.0.0.1
skip_name_resolve = ON
ssl_ca = $inside/ca.pem
ssl_cert = $inside/server.pem
ssl_key = $inside/server.key
log_error = $inside/server.log
general_log = ON
general_log_file = $inside/server.log
event_scheduler = $scheduler
character_set_server = utf8mb4
max_connections = 200
innodb_buffer_pool_size = 32M
innodb_flush_log_at_trx_commit = 0
innodb_doublewrite = OFF
innodb_use_native_aio = OFF
key_buffer_size = 1M
skip_log_bin
CONF
  if [ "$name" = mysql97 ]; then
    printf '%s\n' 'mysqlx = OFF' 'secure_file_priv = NULL' 'innodb_redo_log_capacity = 8M' \
      'log_error_verbosity = 2'
  else
    printf '%s\n' 'innodb_log_file_size = 8M' 'performance_schema = OFF' 'aria_pagecache_buffer_size = 8M'
  fi >>"$base/my.cnf"
}

mysql_initialise() {
  local name=$1 where=$2 program=$3
  if [ "$name" = mysql97 ]; then
    as_server "$where" "$program" --defaults-file="$inside/my.cnf" --initialize-insecure \
      --general-log=OFF --log-error="$inside/initialise.log"
  else
    # Named once more, because what reads the option file for this script may be MySQL's.
    as_server "$where" /usr/bin/mariadb-install-db --defaults-file="$inside/my.cnf" \
      --basedir=/usr --datadir="$inside/data" \
      --auth-root-authentication-method=normal --skip-name-resolve --skip-test-db --cross-bootstrap \
      --general-log=OFF --log-error="$inside/initialise.log"
  fi >>"$base/initialise.log" 2>&1 </dev/null
}

# Making an empty data folder takes many seconds, copying one takes none: it is made once for each
# version, kept in the cache, and holds no secret.
mysql_fill() {
  local name=$1 where=$2 program=$3 stamp kept lock
  stamp=$({ as_server "$where" "$program" --version && declare -f mysql_configure mysql_initialise; } |
    sha256sum | cut -c 1-16)
  kept=$CACHE/data/$name-$server_uid-$stamp
  mkdir -p "$CACHE/data"
  exec {lock}>"$CACHE/data/$name.lock"
  flock "$lock"
  if [ ! -e "$kept" ]; then
    mysql_initialise "$name" "$where" "$program" || return 1
    # Keys that it made for itself belong to one server.
    find "$base/data" -maxdepth 1 \( -name '*.pem' -o -name auto.cnf \) -delete
    rm -rf "$CACHE/data/$name-$server_uid"-*
    cp -a "$base/data" "$kept.partial"
    mv "$kept.partial" "$kept"
  else
    cp -a "$kept" "$base/data"
  fi
  exec {lock}>&-
}

# What the server runs before it takes the first connection. sql_log_off: the password must not get
# into the log that tests search for passwords. MariaDB comes with a root without password at each
# address of the loopback.
mysql_set_password() {
  local name=$1 password
  password=$(cat "$dir/password")
  {
    echo "SET sql_log_off = ON;"
    if [ "$name" != mysql97 ]; then
      echo "DELETE FROM mysql.global_priv WHERE Host <> 'localhost';"
      echo "FLUSH PRIVILEGES;"
    fi
    echo "ALTER USER 'root'@'localhost' IDENTIFIED BY '$password';"
    echo "CREATE USER 'root'@'127.0.0.1' IDENTIFIED BY '$password';"
    echo "GRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;"
    echo "GRANT PROXY ON ''@'' TO 'root'@'127.0.0.1' WITH GRANT OPTION;"
  } >"$base/first.sql"
  printf '[client]\nuser = root\npassword = %s\nsocket = %s\n' "$password" "$base/server.sock" >"$dir/$name.cnf"
}

# start_mysql NAME WHERE: writes $dir/NAME.facts.
start_mysql() {
  local name=$1 where=$2 program base inside port attempt key=DAYPASS_TEST_${1^^}
  program=$(mysql_program "$name" "$where")
  new_base "$name" "$where"
  mysql_configure "$name"
  : >"$base/initialise.log"
  give_to_server "$base"
  mysql_fill "$name" "$where" "$program" || {
    did_not_start "$name" "$base/initialise.log"
    return 1
  }
  mysql_set_password "$name"
  give_to_server "$base/first.sql"
  for attempt in 1 2 3 4 5; do
    port=$(free_port)
    if run_server "$where" "$base/server.log" 'ready for connections' \
      "$program" --defaults-file="$inside/my.cnf" --init-file="$inside/first.sql" --port="$port"; then
      rm -f "$base/first.sql"
      {
        echo "${key}_PORT=$port"
        echo "${key}_SOCKET=$base/server.sock"
        echo "${key}_LOG=$base/server.log"
        echo "${key}_VERSION=$(as_server "$where" "$program" --version | sed -E 's/^.* Ver ([0-9.]+).*/\1/')"
        echo "${key}_SUPERUSER=root"
        echo "${key}_DEFAULTS_FILE=$dir/$name.cnf"
      } >"$dir/$name.facts"
      return 0
    fi
    # Somebody else may have taken the port in between; anything else will not get better.
    grep -q 'Address already in use' "$base/server.log" || break
  done
  did_not_start "$name" "$base/server.log"
  return 1
}
