#!/bin/sh
# Starts the agent in the foreground with the settings of agent/daemon/runtime.sh. Arguments are those of `stepparent run`.

here=$(dirname "$(readlink -f "$0")")
. "$here/daemon/runtime.sh"

# The first call only fills the compile cache; what it finds wrong, the second says.
# shellcheck disable=SC2086
sh "$here/with-node.sh" node $flags "$here/main.ts" run --check "$@" >/dev/null 2>&1
# shellcheck disable=SC2086
exec sh "$here/with-node.sh" node $flags "$here/main.ts" run "$@"
