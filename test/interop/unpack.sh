#!/usr/bin/env bash
# Brings the mail servers that can't be installed beside Postfix, or that no package of this system has, into a cache folder outside the checkout:
# Exim and OpenSMTPD as folders to chroot into (Debian's packages, unpacked, with their libraries), chasquid and mox built by Go, and
# Haraka by npm, each in the versions that the lock files beside this script name. Runs again in no time when all is there. What can't be had is said and left out: its trial is skipped by name.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
if [ -n "${PEERPOST_INTEROP_CACHE:-}" ]; then cache="$PEERPOST_INTEROP_CACHE"
elif [ "$(id -u)" = 0 ]; then cache=/var/cache/peerpost-interop
else cache="${XDG_CACHE_HOME:-$HOME/.cache}/peerpost-interop"; fi
mkdir -p "$cache"

# A root folder with what a package brings, the libraries that its programs load, a shell and a few files of /etc.
unpack() {
  local name=$1; shift
  local root="$cache/$name" new="$cache/$name.new" debs="$cache/$name.debs"
  [ -e "$root/ready" ] && return
  command -v apt-get >/dev/null || { echo "skipped: $name (needs apt-get)"; return; }
  rm -rf "$root" "$new" "$debs"; mkdir -p "$new" "$debs"
  local package
  # Of the libraries in its closure, those that this system lacks.
  for package in $(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "$@" \
    | grep -E '^lib' | sort -u); do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || set -- "$@" "$package"
  done
  # Into a folder of root's, so apt's own user can't write there, and says so.
  (cd "$debs" && apt-get download -q -o APT::Sandbox::User=root "$@")
  for package in "$debs"/*.deb; do dpkg -x "$package" "$new"; done
  rm -rf "$debs" "$new"/usr/share/{doc,man,lintian}
  close_over "$new"
  touch "$new/ready"
  mv "$new" "$root"
}

# Copies the libraries of all programs of a root into it, and a shell.
close_over() {
  local root=$1 file
  export LD_LIBRARY_PATH="$root/usr/lib:$root/usr/lib/x86_64-linux-gnu:$root/usr/lib/aarch64-linux-gnu:$root/lib/x86_64-linux-gnu"
  mkdir -p "$root"/{bin,etc,dev,tmp,lib,lib64,var/run,var/spool,usr/lib}
  cp /bin/sh "$root/bin/sh"
  find "$root/usr/sbin" "$root/usr/libexec" "$root/usr/lib" "$root/bin" -type f 2>/dev/null | while read -r file; do
    ldd "$file" 2>/dev/null | awk '/not found/ { print "missing library: " $0 > "/dev/stderr" } $3 ~ /^\// { print $3 } $1 ~ /^\/.*ld-/ { print $1 }' || true
  done | sort -u | while read -r file; do
    case "$file" in
      "$root"/*) ;;
      *) mkdir -p "$root$(dirname "$file")"; cp -L "$file" "$root$file" ;;
    esac
  done
  unset LD_LIBRARY_PATH
  # Libraries that lie elsewhere in their package than where the loader looks by itself.
  printf '/usr/lib\n/usr/lib/x86_64-linux-gnu\n/lib/x86_64-linux-gnu\n/usr/lib/aarch64-linux-gnu\n' >"$root/etc/ld.so.conf"
  if command -v ldconfig >/dev/null || [ -x /sbin/ldconfig ]; then "$(command -v ldconfig || echo /sbin/ldconfig)" -r "$root" 2>/dev/null || true; fi
}

# Without C: mox runs in a folder that has no libraries.
build() {
  local name=$1 package=$2; shift 2
  cmp -s "$here/go/go.sum" "$cache/go/$name.sum" && return
  command -v go >/dev/null || { echo "skipped: $name (needs Go)"; return; }
  mkdir -p "$cache/go"
  if (cd "$here/go" && CGO_ENABLED=0 GOFLAGS=-mod=mod go build -trimpath "$@" -o "$cache/go/$name" "$package"); then
    cp "$here/go/go.sum" "$cache/go/$name.sum"
  else
    echo "skipped: $name (Go could not build it)"
  fi
}

# apt's lists may be missing or old.
{ unpack exim exim4-daemon-heavy exim4-base && unpack opensmtpd opensmtpd; } || { apt-get update -q && unpack exim exim4-daemon-heavy exim4-base && unpack opensmtpd opensmtpd; }
# Its DNS server can be chosen only in a build with this tag, which is what its own trials use.
build chasquid blitiri.com.ar/go/chasquid -tags dnsoverride
build mox github.com/mjl-/mox
# Without its optional plugins: some compile, none is needed.
if ! cmp -s "$here/npm/package-lock.json" "$cache/npm/node_modules/installed-lock.json"; then
  mkdir -p "$cache/npm"
  cp "$here/npm/package.json" "$here/npm/package-lock.json" "$cache/npm/"
  npm ci --prefix "$cache/npm" --omit=optional --ignore-scripts --no-audit --no-fund
  cp "$here/npm/package-lock.json" "$cache/npm/node_modules/installed-lock.json"
fi
