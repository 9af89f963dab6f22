#!/usr/bin/env bash
# One schema registry (Apicurio, with Confluent's REST API) that keeps everything in one directory.
#
#   registry.sh start DIR    starts it and waits until it answers; a later start has the same port and the same schemas.
#                            Prints last url=http://127.0.0.1:PORT/apis/ccompat/v7
#   registry.sh stop DIR     ends it in order (SIGTERM) and waits for that
#   registry.sh kill DIR     ends it at once (SIGKILL)
#   registry.sh signal DIR NAME
#                            sends a signal; STOP freezes it, CONT wakes it
#   registry.sh status DIR   prints what `start` does if it answers; 3 if not
#
# The log is DIR/registry.log, or in SYNCROBOARD_LOG_DIR.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=services/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/services/common.sh"
# shellcheck source-path=SCRIPTDIR source=services/fetch.sh
source "$source_dir/fetch.sh"

service=registry
end_signal=TERM
usage() { wrong_use "usage: registry.sh start|stop|kill|status DIR" "       registry.sh signal DIR NAME"; }

where() { echo "url=$(url)"; }
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
    if is_up; then return; fi
    fetch_registry
    local fresh=
    draw_port
    run_somewhere 'ERROR|FATAL|Exception|Error:'
}

asked "$@"
if [ "$verb" != signal ] && [ ${#rest[@]} -gt 0 ]; then usage; fi
obey
