#!/usr/bin/env bash
# Builds SyncroBoard, starts it in one process, pours in the sample if it is not there, says how to use it, and waits.
# Ctrl-C stops the server gracefully, a second one at once; nothing acknowledged is lost either way.
#
#   DATA_DIR                    where everything is kept (default ./data)
#   SYNCROBOARD__API__LISTEN    where to listen (default 127.0.0.1:8080), like every other key of the configuration
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

data_dir=${DATA_DIR:-data}
user=you@example.org
# The sample's first project; there, the sample was poured in before.
sample_project=WEB

cargo build --locked --bin syncroboard
bin=${CARGO_TARGET_DIR:-target}/debug/syncroboard

mkdir -p "$data_dir"
unfinished=$data_dir/sample.unfinished
pipe_dir=$(mktemp -d)
server=
import=
stopping=
# shellcheck disable=SC2329 # called by the traps
stop() {
    stopping=yes
    if [ -n "$import" ]; then kill -TERM "$import" 2>/dev/null || true; fi
    if [ -n "$server" ]; then kill -TERM "$server" 2>/dev/null || true; fi
}
trap stop INT TERM
trap 'stop; rm -rf "$pipe_dir"' EXIT

# With job control each job has a process group of its own, so that Ctrl-C reaches the server once, through this script.
set -m
mkfifo "$pipe_dir/out"
"$bin" dev --data-dir "$data_dir" </dev/null >"$pipe_dir/out" &
server=$!

# Waits for a job through signals, which end `wait` but not the job.
finish() {
    local status=0
    while true; do
        wait "$1" && status=0 || status=$?
        if ! kill -0 "$1" 2>/dev/null; then return "$status"; fi
    done
}

address=
exec 3<"$pipe_dir/out"
while IFS= read -r line <&3; do
    echo "$line"
    case $line in
    state=RUNNING*)
        address=${line##*listen=}
        address=${address%/}
        break
        ;;
    esac
done
if [ -z "$address" ]; then
    status=0
    finish "$server" || status=$?
    server=
    exit "$status"
fi
cat <&3 &

token=$("$bin" token --user "$user" --admin --data-dir "$data_dir" | tail -n 1)

# Whether the sample has to be poured in: it was never begun, or was stopped half way. It may be run again for as long as
# the server remembers its commands, which is seven days.
sample_wanted() {
    if [ -n "$(find "$unfinished" -mtime -6 2>/dev/null)" ]; then return 0; fi
    local status
    status=$(curl -s -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $token" "$address/projects/$sample_project")
    [ "$status" = 404 ]
}

if sample_wanted; then
    echo "Pouring in the sample:"
    touch "$unfinished"
    SYNCROBOARD_TOKEN=$token "$bin" import --sample --server "$address" --rejects "$data_dir/sample.rejects.ndjson" </dev/null &
    import=$!
    if finish "$import"; then rm -f "$unfinished" "$data_dir/sample.rejects.ndjson"; fi
    import=
fi

if [ -z "$stopping" ] && kill -0 "$server" 2>/dev/null; then
    cat <<END

  The board     $address/?token=$token
  A token       $token   ($user, administrator, 30 days)
  A ticket      curl -X POST $address/projects/$sample_project/tickets -H 'Authorization: Bearer $token' -H 'Content-Type: application/json' -d '{"title": "My first ticket"}'

  Everything is kept in $data_dir; Ctrl-C stops the server.

END
fi

status=0
finish "$server" || status=$?
server=
exit "$status"
