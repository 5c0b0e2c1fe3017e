#!/usr/bin/env bash
# Python's gRPC, for tests: the packages grpcio and grpcio-tools in a virtual environment of their own.
#
#   scripts/grpcio.sh fetch    prints the path of the Python that has them; exit code 3 where they cannot be had here
set -euo pipefail

version=1.85.1
# With all that they need: what pip would choose by itself is another thing next week.
packages=("grpcio==$version" "grpcio-tools==$version" protobuf==7.36.2 setuptools==84.2.1 typing_extensions==4.16.0)

cannot() {
  echo "grpcio.sh: no grpcio here: $1" >&2
  exit 3
}

# An environment belongs to the Python that made it.
release=$(python3 -c 'import platform; print(platform.python_version())' 2>/dev/null) || cannot 'it needs Python 3, and there is no python3'
home=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/zerohop/grpcio-$version-python-$release
program=$home/bin/python

fetch() {
  [ -x "$program" ] && return
  mkdir -p "$(dirname "$home")"
  work=$(mktemp -d "$home.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  python3 -m venv "$work/home" >&2 || cannot 'this Python makes no virtual environments (python3-venv on Debian)'
  # Built ones only: to compile it takes a quarter of an hour.
  "$work/home/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: "${packages[@]}" >&2 ||
    cannot "pip finds no built packages for Python $release"
  "$work/home/bin/python" -c 'import grpc_tools.protoc' >&2 || cannot 'its build does not run on this machine'
  # Whoever was faster has put the same thing there.
  python3 -c 'import os, sys; os.rename(*sys.argv[1:])' "$work/home" "$home" 2>/dev/null || [ -x "$program" ] || cannot "$home cannot be written"
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
