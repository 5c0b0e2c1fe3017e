#!/usr/bin/env bash
# The DNS server NSD, for tests: Debian's packages, checked against Debian's keyring, unpacked without being installed.
#
#   scripts/nsd.sh fetch    prints the path of what starts it; exit code 3 where it cannot be had here
set -euo pipefail

# bookworm: its build needs the C library, OpenSSL 3 and systemd's library of the machine, and besides only what is fetched with it.
release=bookworm
packages=(nsd libevent-2.1-7 libprotobuf-c1 libfstrm0)
home=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/zerohop/nsd-$release
program=$home/nsd

cannot() {
  echo "nsd.sh: no NSD here: $1" >&2
  exit 3
}

. "${0%/*}/from-debian.sh"

fetch() {
  [ -x "$program" ] && return
  ask_debian "$release"
  mkdir home
  download "${packages[@]}"
  local package libraries
  for package in *.deb; do dpkg -x "$package" home/root; done
  libraries=$(cd home && dirname root/usr/lib/*/libevent-2.1.so.7)
  printf '#!/bin/sh\nLD_LIBRARY_PATH="%s" exec "%s" "$@"\n' "$home/$libraries" "$home/root/usr/sbin/nsd" >home/nsd
  chmod +x home/nsd
  LD_LIBRARY_PATH=$work/home/$libraries home/root/usr/sbin/nsd -v >/dev/null 2>&1 || cannot 'its build does not run on this machine'
  # Whoever was faster has put the same thing there.
  mv -T home "$home" 2>/dev/null || [ -x "$program" ] || cannot "$home cannot be written"
}

case ${1:-} in
  fetch)
    fetch
    echo "$program"
    ;;
  *)
    sed -n '2,4s/^# \{0,1\}//p' "$0" >&2
    exit 64
    ;;
esac
