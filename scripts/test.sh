#!/usr/bin/env bash
# Every test. The servers that they need are started before and ended after, whatever ends the tests; those that were up
# before stay up.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tests=
# shellcheck disable=SC2317,SC2329 # called by the traps
stop() {
    if [ -n "$tests" ]; then kill -TERM -- "-$tests" 2>/dev/null || true; fi
}
trap 'stop; exit 130' INT
trap 'stop; exit 143' TERM HUP
if [ ! -e .services/env ]; then trap 'stop; scripts/services.sh down' EXIT; fi

scripts/services.sh up
set -a
# shellcheck source=/dev/null
. .services/env
set +a

# With job control the tests are a process group of their own, which a signal can end as a whole.
set -m
run() {
    "$@" </dev/null &
    tests=$!
    wait "$tests"
    tests=
}
run cargo test --workspace --locked --no-fail-fast
# One build with both features.
with_bugs() { run cargo test --workspace --locked --features injected-bugs,kill-points --test "$@"; }
with_bugs simulation
with_bugs apart kill_points
with_bugs rig
