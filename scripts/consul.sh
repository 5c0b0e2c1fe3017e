#!/usr/bin/env bash
# A real Consul on loopback, for tests and for trying things out: Debian's package, checked against Debian's keyring and a checksum, unpacked
# without being installed.
#
#   scripts/consul.sh fetch                          prints the path of the binary; exit code 3 where it cannot be had here
#   scripts/consul.sh run [servers] [port]           one server, or three, until Ctrl-C; the first one's HTTP API is on <port>, 8500 by default
#   scripts/consul.sh server <name> <directory> <HTTP port> <servers> <gossip port of each server…>
#                                                    one server in the foreground; its port for other servers is the one below its gossip port
set -euo pipefail

version=1.8.7+dfsg1-2+b3
checksum=e4e888bba104daba1d9161f49bfc52649a7e4efd45b1a7ead5bc54f2cb9c89d9
home=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/zerohop/consul-$version
binary=$home/usr/bin/consul

cannot() {
  echo "consul.sh: no Consul here: $1" >&2
  exit 3
}

. "${0%/*}/from-debian.sh"

fetch() {
  [ -x "$binary" ] && return
  # Where there is no dpkg, what follows says so.
  [ "$(dpkg --print-architecture 2>/dev/null || echo amd64)" = amd64 ] || cannot 'the package is for amd64'
  ask_debian bullseye
  mkdir root
  download "consul=$version"
  # What is there and is not what it should be is no reason to skip.
  echo "$checksum  $(echo consul_*.deb)" | sha256sum -c --quiet - >&2
  dpkg -x consul_*.deb root
  # Renamed into its place: of two that fetch at once, one is the later.
  mv -T root "$home" 2>/dev/null || [ -x "$binary" ]
}

server() {
  local name=$1 directory=$2 http=$3 servers=$4 gossip=$5 joins=()
  shift 4
  for port in "$@"; do joins+=(-retry-join "127.0.0.1:$port"); done
  # The first one given is its own.
  exec "$binary" agent -server -bootstrap-expect "$servers" -node "$name" -data-dir "$directory" -bind 127.0.0.1 -client 127.0.0.1 \
    -log-level err -http-port "$http" -grpc-port -1 -dns-port -1 -serf-wan-port -1 -serf-lan-port "$gossip" -server-port $((gossip - 1)) \
    -retry-interval 1s "${joins[@]}" -hcl 'performance { raft_multiplier = 1 }' -hcl 'disable_update_check = true' -hcl 'connect { enabled = true }'
}

run() {
  local servers=${1:-1} port=${2:-8500} directory
  directory=$(mktemp -d)
  trap 'kill $(jobs -p) 2>/dev/null; wait; rm -rf "$directory"' EXIT
  trap 'exit 0' INT TERM
  local gossip=()
  for n in $(seq "$servers"); do gossip+=($((port + 1000 + 2 * n))); done
  for n in $(seq "$servers"); do
    (server "server-$n" "$directory/$n" $((port + n - 1)) "$servers" "${gossip[$((n - 1))]}" "${gossip[@]}") &
  done
  echo "consul.sh: $servers of $servers begin, HTTP on 127.0.0.1:$port and up; Ctrl-C ends them"
  wait
}

case ${1:-} in
  fetch) fetch && echo "$binary" ;;
  run) fetch && run "${@:2}" ;;
  server) server "${@:2}" ;;
  *) sed -n '2,10p' "$0" >&2 && exit 64 ;;
esac
