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
#   redis.sh signal DIR NAME
#                         sends a signal; STOP freezes it, CONT wakes it
#   redis.sh status DIR   prints what `start` does if it answers; 3 if not
#
# The log is DIR/redis.log, or in SYNCROBOARD_LOG_DIR.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=services/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/services/common.sh"

service=redis
end_signal=TERM
usage() { wrong_use "usage: redis.sh start DIR [KEY=VALUE]..." "       redis.sh stop|kill|status DIR" "       redis.sh signal DIR NAME"; }

port() { cat "$dir/port"; }
where() { echo "url=redis://127.0.0.1:$(port)"; }
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
    write_settings
    launch "$dir" "$log" redis-server "$dir/redis.conf"
    wait_for "$dir" 120 answers
}

start() {
    if is_up; then return; fi
    has redis-server || fail "Redis $REDIS_VERSION or newer is not there; this installs it: scripts/setup.sh services"
    local fresh=
    mkdir -p "$dir/data"
    draw_port
    write_lines ${settings[@]+"${settings[@]}"} >>"$dir/settings"
    run_somewhere '#|FATAL|ERROR'
}

asked "$@"
take_settings ${rest[@]+"${rest[@]}"}
obey
