#!/bin/sh
# Installs what Python packages cannot bring: a browser, a database server, a C compiler for the fault tests, a web
# server for the download benchmark, and Java for the tokenizer Okt.
# Where it may not install, it says what is missing and how to get it.
set -u

missing=""
need() { # need PACKAGE COMMAND-OR-GLOB...
  package=$1
  shift
  for candidate in "$@"; do
    command -v "$candidate" >/dev/null 2>&1 && return
    # Debian keeps the database server's programs outside PATH.
    for file in $candidate; do [ -r "$file" ] && return; done
  done
  missing="$missing $package"
}

need chromium chromium google-chrome
need chromium-driver chromedriver
need postgresql '/usr/lib/postgresql/*/bin/initdb' initdb
need gcc cc gcc
need default-jre-headless java
need nginx nginx /usr/sbin/nginx
need libnginx-mod-http-lua /usr/lib/nginx/modules/ngx_http_lua_module.so
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "Installing from the system's packages:$missing"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -o DPkg::Lock::Timeout=600 update -qq &&
    # shellcheck disable=SC2086 # each word is a package
    apt-get -o DPkg::Lock::Timeout=600 install -y -qq --no-install-recommends $missing >/dev/null && exit 0
fi
echo "Missing from this system:$missing" >&2
echo "On Debian or Ubuntu: sudo apt-get install$missing" >&2
echo "Without them the tests of those parts fail; everything else works." >&2
exit 0
