# Sourced by scripts/test-servers: Debian sid, unpacked below the cache, for servers that this
# distribution does not have. One folder per group of packages, so that a new server is fetched
# alone and what is there stays.
# shellcheck shell=bash

# MySQL and MariaDB share a folder: of their files only /usr/sbin/mysqld and /usr/bin/innochecksum
# collide. MySQL is unpacked last, so that mysqld is MySQL's, and MariaDB's is called mariadbd.
# python3-cffi-backend is asked for under a name that packages only provide, which debootstrap does
# not follow.
tree_packages() {
  case $1 in
  sid) echo postgresql-18 ;;
  sid-mysql) echo mariadb-server-core mysql-client-core mysql-server-core ;;
  sid-moto) echo python3-moto python3-flask python3-flask-cors python3-cffi-backend ;;
  esac
}

# The mirror and proxy that apt uses on this machine. Nothing is printed where apt knows no Debian
# mirror (on Ubuntu, say): debootstrap then takes its own default.
debian_mirror() {
  if [ -n "${DAYPASS_DEBIAN_MIRROR:-}" ]; then
    printf '%s\n' "$DAYPASS_DEBIAN_MIRROR"
    return
  fi
  apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(SITE)' 'Created-By: Packages' |
    awk '$1 == "Debian" && $2 == "main" && $3 ~ /^https?:/ && $3 !~ /security/ { print $3; exit }'
}

tree_is_complete() {
  [ "$(cat "$CACHE/$1/complete" 2>/dev/null)" = "$(tree_packages "$1")" ]
}

tree_is_in_use() {
  local root
  for root in /proc/[0-9]*/root; do
    [ "$("${SUDO[@]}" readlink "$root" 2>/dev/null)" != "$CACHE/$1" ] || return 0
  done
  return 1
}

# Unpacks Debian sid with the wanted packages. Maintainer scripts do not run, so nothing is
# configured or started and no mount is needed; a server needs its files and two devices only.
tree_unpack() {
  local tree=$CACHE/$1 packages=$2 mirror proxy http_proxy=${http_proxy:-}
  mirror=$(debian_mirror)
  eval "$(apt-config shell proxy Acquire::http::Proxy)"
  [ -n "$http_proxy" ] || http_proxy=${proxy:-}
  "${SUDO[@]}" rm -rf "$tree" "$tree.partial"
  "${SUDO[@]}" env http_proxy="$http_proxy" PATH="$PATH:/usr/sbin:/sbin" debootstrap \
    --foreign --variant=minbase --include="${packages// /,}" sid "$tree.partial" ${mirror:+"$mirror"}
  say "Unpacking"
  "${SUDO[@]}" env PATH="$PATH:/usr/sbin:/sbin" bash -euc '
    cd "$1"
    for package in var/cache/apt/archives/*.deb; do
      dpkg-deb -x "$package" .
    done
    rm -rf var/cache/apt/archives/*.deb debootstrap
    chroot . /sbin/ldconfig
    chmod 1777 tmp
    echo "root:x:0:0::/root:/bin/sh" >etc/passwd
    chroot . /bin/sh -c "head -c 1 /dev/urandom >/dev/null"
    echo "$2" >complete' sid "$tree.partial" "$packages"
  "${SUDO[@]}" mv "$tree.partial" "$tree"
}

tree_prepare() {
  local name=$1 packages lock
  packages=$(tree_packages "$name")
  mkdir -p "$CACHE"
  exec {lock}>"$CACHE/$name.lock"
  flock "$lock"
  if ! tree_is_complete "$name"; then
    need_sudo "debootstrap"
    command -v debootstrap >/dev/null || [ -x /usr/sbin/debootstrap ] ||
      die "debootstrap is missing: run scripts/install-dependencies test"
    ! tree_is_in_use "$name" ||
      die "$CACHE/$name must be made anew for $packages, but servers run from it: stop them first"
    : >"$CACHE/$name.log"
    with_progress "Fetching $packages from Debian sid, once, into $CACHE/$name" "$CACHE/$name.log" \
      bash -euo pipefail -c '. "$1/common.sh"; . "$1/test-servers.d/debian-sid.sh"; CACHE=$2
        tree_unpack "$3" "$4"' sid "$ROOT/scripts" "$CACHE" "$name" "$packages" ||
      die "could not make $CACHE/$name; it is tried again at the next start"
  fi
  exec {lock}>&-
}

# A server looks up its own user by number.
tree_know_user() {
  grep -q "^[^:]*:x:$server_uid:" "$CACHE/$1/etc/passwd" ||
    echo "server$server_uid:x:$server_uid:$server_gid::/tmp:/bin/sh" |
    "${SUDO[@]}" tee -a "$CACHE/$1/etc/passwd" >/dev/null
}
