#!/usr/bin/env bash
# One schema registry (Apicurio, with Confluent's REST API) that keeps everything in one directory.
#
#   registry.sh start DIR    starts it and waits until it answers; a later start has the same port and the same schemas.
#                            Prints last url=http://127.0.0.1:PORT/apis/ccompat/v7
#   registry.sh stop DIR     ends it in order (SIGTERM) and waits for that
#   registry.sh kill DIR     ends it at once (SIGKILL)
#   registry.sh status DIR   prints what `start` does if it answers; 3 if not
#
# The log is DIR/registry.log, or in SYNCROBOARD_LOG_DIR.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=services/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/services/common.sh"
# shellcheck source-path=SCRIPTDIR source=services/fetch.sh
source "$source_dir/fetch.sh"

usage() { wrong_use "usage: registry.sh start|stop|kill|status DIR"; }

url() { echo "http://127.0.0.1:$(cat "$dir/port")/apis/ccompat/v7"; }
answers() { curl --noproxy '*' -fsS -m 5 -o /dev/null "$(url)/subjects" 2>/dev/null; }
was_taken() { [[ $(log_since "$log" "$begin") == *"seems to be in use"* ]]; }

run() {
    local settings=() line
    while IFS= read -r line; do
        case $line in '#'* | '') ;; *) settings+=("-D$line") ;; esac
    done <"$source_dir/registry.properties"
    begin=$(log_size "$log")
    launch "$dir" "$log" "$(java_program)" "-Dsyncroboard.service=$dir" -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 "${settings[@]}" \
        "-Dapicurio.datasource.url=jdbc:h2:file:$dir/schemas;WRITE_DELAY=0" -Dquarkus.http.host=127.0.0.1 \
        "-Dquarkus.http.port=$(cat "$dir/port")" -jar "$registry_home/apicurio-registry-app-$APICURIO_VERSION-runner.jar"
    wait_for "$dir" 120 answers
}

start() {
    if alive "$dir"; then
        wait_for "$dir" 120 answers || fail "the registry in $dir runs but does not answer; its log: $log"
        return
    fi
    let_go "$dir"
    fetch_registry
    local fresh='' attempt
    if [ ! -e "$dir/port" ]; then
        fresh=yes
        free_port >"$dir/port.new"
        mv "$dir/port.new" "$dir/port"
    fi
    for attempt in 1 2 3 4 5; do
        if run; then return; fi
        # Between the choice of a port and its use someone else took it. A later start has told its port to others.
        if [ -z "$fresh" ] || ! was_taken; then break; fi
        say "a port was taken meanwhile: attempt $((attempt + 1))"
        end "$dir" KILL 10
        free_port >"$dir/port"
    done
    end "$dir" KILL 10
    fail "the schema registry did not start; its log $log says:" "$(reasons "$begin" 'ERROR|FATAL|Exception|Error:')"
}

if [ $# -ne 2 ]; then usage; fi
case $1 in start) mkdir -p "$2" ;; stop | kill | status) ;; *) usage ;; esac
if [ ! -d "$2" ]; then if [ "$1" = status ]; then exit 3; else exit 0; fi; fi
dir=$(cd "$2" && pwd -P)
log=${SYNCROBOARD_LOG_DIR:-$dir}/registry.log

case $1 in
start)
    start
    echo "url=$(url)"
    ;;
status)
    if ! alive "$dir" || ! answers; then exit 3; fi
    echo "url=$(url)"
    ;;
stop) end "$dir" TERM 60 ;;
kill) end "$dir" KILL 10 ;;
esac
