#!/bin/sh
# Starts the agent in the foreground with the settings under which its memory and CPU time are measured
# (docs/notes/0004-runtime.md). Arguments are those of `stepparent run`.

here=$(dirname "$(readlink -f "$0")")

# One malloc arena for all threads, and a young generation that fits what the agent does.
export MALLOC_ARENA_MAX=1
flags='--max-semi-space-size=1 --no-turbofan --v8-pool-size=1 --heap-growing-percent=20'

# With the sources' compiled form at hand the agent need not load the TypeScript stripper, some 18 MB. The first call
# only fills the folder; what it finds wrong, the second says. Not below node_modules: there a root's folder would be in
# the way of its owner's next `npm ci`.
export NODE_COMPILE_CACHE="${CACHE_DIRECTORY:-/var/cache/stepparent}"
# shellcheck disable=SC2086
sh "$here/with-node.sh" node $flags "$here/main.ts" run --check "$@" >/dev/null 2>&1
# shellcheck disable=SC2086
exec sh "$here/with-node.sh" node $flags "$here/main.ts" run "$@"
