# shellcheck shell=sh disable=SC2034
# Sets the environment and the flags of Node under which the agent's memory and CPU time are measured, for a checkout and for the
# packages (docs/notes/0004-runtime.md).

export MALLOC_ARENA_MAX=1
flags='--max-semi-space-size=1 --no-turbofan --no-maglev-inlining --optimize-for-size --v8-pool-size=1 --heap-growing-percent=20'

# With the sources' compiled form at hand the agent need not load the TypeScript stripper, some 18 MB. Not below node_modules:
# there a root's directory would be in the way of its owner's next `npm ci`.
export NODE_COMPILE_CACHE="${CACHE_DIRECTORY:-/var/cache/stepparent}"
