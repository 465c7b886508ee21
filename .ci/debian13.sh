#!/bin/sh
# Runs a command in a Debian 13 root, where the current stack runs on systems too old for it:
#
#     sudo sh .ci/debian13.sh make test-unit
#
# The checkout is there under its own path; more folders come in by DEBIAN13_MOUNTS="/data /models".
# The root lies in DEBIAN13_ROOT (~/.cache/session-retrieval/debian13 if not set; delete it like any
# folder). The first use makes it with debootstrap: about a minute, 600 MB.
#
# Every mount is made in a mount namespace of this command's own, so that none outlives it, however
# it ends, and deleting the root can never reach into the checkout.
set -eu

checkout=$(cd "$(dirname "$0")/.." && pwd -P)
root=${DEBIAN13_ROOT:-$HOME/.cache/session-retrieval/debian13}
packages=ca-certificates,python3,python3-venv,python3-dev,g++,make,git

fail() {
  echo "Error: $*" >&2
  exit 1
}

make_root() {
  if ! command -v debootstrap > /dev/null; then
    command -v apt-get > /dev/null || fail "debootstrap is missing; install it with your package manager"
    apt-get update -qq && apt-get install -qq -y debootstrap > /dev/null
  fi
  echo "Making a Debian 13 root in $root: once, about a minute ..." >&2
  # Built beside its place and moved there whole: what exists is never half a root.
  mkdir -p "$(dirname "$root")"
  new=$(mktemp -d "$root.XXXXXX")
  debootstrap --variant=minbase --include="$packages" trixie "$new" > "$new.log" 2>&1 || {
    tail -n 20 "$new.log" >&2
    rm -rf --one-file-system "$new"
    fail "debootstrap failed; its whole log is $new.log"
  }
  rm -f "$new.log" "$new"/var/cache/apt/archives/*.deb
  chmod 755 "$new"
  mv -T "$new" "$root"
}

bind() { # bind FILE-OR-FOLDER [PLACE-IN-ROOT]
  place=$root${2:-$1}
  if [ -d "$1" ]; then
    mkdir -p "$place"
  elif [ ! -e "$place" ]; then
    mkdir -p "$(dirname "$place")"
    : > "$place"
  fi
  mount --rbind "$1" "$place"
}

enter() {
  mount -t proc proc "$root/proc" 2> /dev/null || bind /proc
  bind /dev
  bind "$checkout"
  for folder in ${DEBIAN13_MOUNTS:-}; do bind "$folder"; done
  bind "$(readlink -f /etc/resolv.conf)" /etc/resolv.conf
  for certificates in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/cert.pem; do
    [ -f "$certificates" ] && bind "$certificates" /etc/ssl/certs/ca-certificates.crt && break
  done
  for settings in /etc/pip.conf "$HOME/.config/pip/pip.conf" "$HOME/.pip/pip.conf"; do
    [ -f "$settings" ] && bind "$settings" "/root${settings#"$HOME"}"
  done
  # The caller's settings go along, but for what names the outer system's programs and folders.
  exec chroot "$root" /usr/bin/env \
    -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u PYTHON -u PYTHONHOME -u PYTHONPATH -u VIRTUAL_ENV \
    -u PIP_FIND_LINKS -u UV_FIND_LINKS -u UV_CACHE_DIR -u UV_PYTHON_INSTALL_DIR -u SSL_CERT_DIR \
    -u TMPDIR -u XDG_CACHE_HOME -u XDG_CONFIG_HOME -u LD_LIBRARY_PATH -u LD_PRELOAD \
    -u DEBIAN13_INSIDE HOME=/root LANG=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin \
    STACK=current UV_LINK_MODE=copy \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt \
    sh -c 'cd "$0" && exec "$@"' "$checkout" "$@"
}

if [ "${DEBIAN13_INSIDE:-}" = "$root" ]; then
  enter "$@"
fi
[ $# -gt 0 ] || fail "say what to run: sh .ci/debian13.sh make test-unit"
[ "$(id -u)" = 0 ] || fail "a Debian 13 root needs root's rights: sudo sh .ci/debian13.sh $*"
[ -x "$root/usr/bin/python3" ] || make_root
DEBIAN13_INSIDE=$root exec unshare --mount --pid --fork --kill-child --propagation private \
  sh "$0" "$@"
