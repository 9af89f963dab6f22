#!/usr/bin/env bash
# One Redis server that keeps everything in one directory.
#
#   redis.sh start DIR [KEY=VALUE]...
#       Starts it and waits until it answers. The first start chooses a free port; a later one has the same port,
#       settings, and what it kept on the disk: nothing, unless its settings say so (save, appendonly).
#       Prints last url=redis://127.0.0.1:PORT
#       KEY=VALUE         Redis' own settings, over those of scripts/services/redis.conf
#   redis.sh stop DIR     ends it in order (SIGTERM) and waits for that
#   redis.sh kill DIR     ends it at once (SIGKILL)
#   redis.sh status DIR   prints what `start` does if it answers; 3 if not
#
# The log is DIR/redis.log, or in SYNCROBOARD_LOG_DIR.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=services/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/services/common.sh"

usage() { wrong_use "usage: redis.sh start DIR [KEY=VALUE]..." "       redis.sh stop|kill|status DIR"; }

port() { cat "$dir/port"; }
url() { echo "redis://127.0.0.1:$(port)"; }
was_taken() { [[ $(log_since "$log" "$begin") == *"Address already in use"* ]]; }

# One that still reads what it kept, or is set to want a password, answers otherwise than with PONG.
answers() {
    (
        exec 3<>"/dev/tcp/127.0.0.1/$(port)"
        printf 'PING\r\n' >&3
        IFS= read -r -t 5 line <&3
        case $line in +PONG* | -NOAUTH*) ;; *) exit 1 ;; esac
    ) 2>/dev/null
}

write_settings() {
    local line
    # Of a setting that stands there twice, Redis takes the last.
    while IFS= read -r line; do
        # shellcheck disable=SC2001 # what it finds has to be kept
        case $line in '#'* | '') ;; *) printf '%s "%s"\n' "${line%%=*}" "$(sed 's/[\\"]/\\&/g' <<<"${line#*=}")" ;; esac
    done < <(
        cat "$source_dir/redis.conf"
        echo bind=127.0.0.1
        echo "port=$(port)"
        echo "dir=$dir/data"
        # It is known by its arguments.
        echo set-proc-title=no
        cat "$dir/settings"
    ) >"$dir/redis.conf"
}

run() {
    begin=$(log_size "$log")
    launch "$dir" "$log" redis-server "$dir/redis.conf"
    wait_for "$dir" 120 answers
}

start() {
    if alive "$dir"; then
        if [ ${#settings[@]} -gt 0 ]; then wrong_use "redis.sh: the server in $dir runs: stop it before its settings are changed"; fi
        wait_for "$dir" 120 answers || fail "the Redis in $dir runs but does not answer; its log: $log"
        return
    fi
    let_go "$dir"
    has redis-server || fail "Redis $REDIS_VERSION or newer is not there; this installs it: scripts/setup.sh services"
    local fresh='' attempt
    if [ ! -e "$dir/port" ]; then
        fresh=yes
        : >"$dir/settings"
        mkdir -p "$dir/data"
        free_port >"$dir/port.new"
        mv "$dir/port.new" "$dir/port"
    fi
    if [ ${#settings[@]} -gt 0 ]; then printf '%s\n' "${settings[@]}" >>"$dir/settings"; fi
    for attempt in 1 2 3 4 5; do
        write_settings
        if run; then return; fi
        # Between the choice of a port and its use someone else took it. A later start has told its port to others.
        if [ -z "$fresh" ] || ! was_taken; then break; fi
        say "a port was taken meanwhile: attempt $((attempt + 1))"
        end "$dir" KILL 10
        free_port >"$dir/port"
    done
    end "$dir" KILL 10
    fail "Redis did not start; its log $log says:" "$(reasons "$begin" '#|FATAL|ERROR')"
}

if [ $# -lt 2 ]; then usage; fi
verb=$1
case $verb in start) mkdir -p "$2" ;; stop | kill | status) ;; *) usage ;; esac
if [ ! -d "$2" ]; then if [ "$verb" = status ]; then exit 3; else exit 0; fi; fi
dir=$(cd "$2" && pwd -P)
shift 2
log=${SYNCROBOARD_LOG_DIR:-$dir}/redis.log
settings=()
for setting in "$@"; do
    case $setting in
    [a-z]*=*) settings+=("$setting") ;;
    *) wrong_use "redis.sh: $setting is not KEY=VALUE" ;;
    esac
done

case $verb in
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
