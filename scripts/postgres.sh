#!/usr/bin/env bash
# One PostgreSQL server that keeps everything in one directory.
#
#   postgres.sh start DIR [KEY=VALUE]...
#       Starts it and waits until it answers. The first start chooses a free port and a password; a later one has the
#       same port, password, data and settings. Prints last url=postgres://postgres:PASSWORD@127.0.0.1:PORT/postgres
#       KEY=VALUE         Postgres' own settings, over those of scripts/services/postgres.conf
#   postgres.sh stop DIR           ends it in order (SIGINT: transactions under way are rolled back) and waits for that
#   postgres.sh kill DIR           ends it and each of its processes at once (SIGKILL)
#   postgres.sh signal DIR NAME    sends a signal to each of its processes; STOP freezes it, CONT wakes it
#   postgres.sh status DIR         prints what `start` does if it answers; 3 if not
#   postgres.sh programs           prints the directory of Postgres' own programs, such as psql and pgbench
#
# The log is DIR/postgres.log, or in SYNCROBOARD_LOG_DIR. Postgres refuses to run as root: for root, the user `postgres`
# runs it, and may go through directories that only root may enter.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=services/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/services/common.sh"

usage() { wrong_use "usage: postgres.sh start DIR [KEY=VALUE]..." "       postgres.sh stop|kill|status DIR" "       postgres.sh signal DIR NAME" "       postgres.sh programs"; }

programs() {
    postgres_programs ||
        fail "PostgreSQL $POSTGRES_VERSION or newer is not there; this installs it: scripts/setup.sh services"
}

# The words before a command of Postgres', one a line: nothing but for root.
as_whom() {
    if [ "$(id -u)" -ne 0 ]; then return; fi
    if ! has setpriv || ! id postgres >/dev/null 2>&1; then
        fail "PostgreSQL does not run as root: there must be setpriv and a user postgres"
    fi
    printf '%s\n' setpriv --reuid=postgres --regid=postgres --init-groups --inh-caps=+dac_override --ambient-caps=+dac_override
}

port() { cat "$dir/port"; }
url() { echo "postgres://postgres:$(cat "$dir/password")@127.0.0.1:$(port)/postgres"; }
answers() { "$bin/pg_isready" -q -t 5 -h 127.0.0.1 -p "$(port)" 2>/dev/null; }
was_taken() { [[ $(log_since "$log" "$begin") == *"Address already in use"* ]]; }
# A process of the one before has not yet noticed that it died.
is_leaving() { [[ $(log_since "$log" "$begin") == *"pre-existing shared memory block"* || $(log_since "$log" "$begin") == *'lock file "postmaster.pid" already exists'* ]]; }

# What the directory keeps for good. The data appears only when it is complete.
prepare() {
    if [ -d "$dir/data" ]; then return; fi
    rm -rf "$dir/data.new"
    mkdir -m 700 "$dir/data.new"
    : >"$dir/settings"
    (umask 077 && head -c 16 /dev/urandom | od -A n -t x1 | tr -d ' \n' >"$dir/password")
    free_port >"$dir/port"
    if [ ${#whom[@]} -gt 0 ]; then chown postgres "$dir/data.new"; fi
    ${whom[@]+"${whom[@]}"} "$bin/initdb" --pgdata="$dir/data.new" --username=postgres --pwfile="$dir/password" \
        --auth=scram-sha-256 --locale=C --encoding=UTF8 --no-sync >>"$log" 2>&1 ||
        fail "PostgreSQL's directory could not be made; the end of $log:" "$(tail -n 10 "$log")"
    mv "$dir/data.new" "$dir/data"
}

write_settings() {
    local line value
    # Of a setting that stands there twice, Postgres takes the last.
    while IFS= read -r line; do
        value=${line#*=}
        case $line in '#'* | '') ;; *) echo "${line%%=*} = '${value//"'"/"''"}'" ;; esac
    done < <(
        cat "$source_dir/postgres.conf"
        echo listen_addresses=127.0.0.1
        echo "port=$(port)"
        # The path of a socket may not be long, and a directory's may.
        echo unix_socket_directories=
        cat "$dir/settings"
    ) >"$dir/postgresql.conf"
}

run() {
    begin=$(log_size "$log")
    launch "$dir" "$log" ${whom[@]+"${whom[@]}"} "$bin/postgres" "--syncroboard.service=$dir" -D "$dir/data" \
        "--config_file=$dir/postgresql.conf"
    wait_for "$dir" 120 answers
}

start() {
    bin=$(programs)
    if alive "$dir"; then
        if [ ${#settings[@]} -gt 0 ]; then wrong_use "postgres.sh: the server in $dir runs: stop it before its settings are changed"; fi
        wait_for "$dir" 120 answers || fail "the PostgreSQL in $dir runs but does not answer; its log: $log"
        return
    fi
    let_go "$dir"
    local line attempt fresh=
    whom=()
    while IFS= read -r line; do whom+=("$line"); done < <(as_whom)
    if [ "$(id -u)" -eq 0 ] && [ ${#whom[@]} -eq 0 ]; then exit 3; fi
    if [ ! -d "$dir/data" ]; then fresh=yes; fi
    prepare
    if [ ${#settings[@]} -gt 0 ]; then printf '%s\n' "${settings[@]}" >>"$dir/settings"; fi
    for ((attempt = 1; attempt < 100; attempt++)); do
        write_settings
        if run; then return; fi
        if is_leaving; then
            sleep 0.1
        elif [ -n "$fresh" ] && was_taken; then
            # Between the choice of a port and its use someone else took it. A later start has told its port to others.
            say "a port was taken meanwhile"
            free_port >"$dir/port"
        else
            break
        fi
    done
    kill_all
    fail "PostgreSQL did not start; its log $log says:" "$(reasons "$begin" 'ERROR|FATAL|PANIC')"
}

# all_of PID: it, and each process that it started.
all_of() {
    echo "$1"
    if [ -d /proc/self ]; then
        # The parent is the second word after the program's name, which is in brackets and may have brackets in it.
        # Any other process may end meanwhile.
        { cat /proc/[0-9]*/stat 2>/dev/null || true; } | awk -v parent="$1" '{ id = $1; sub(/.*\) /, ""); if ($2 == parent) print id }'
    else
        pgrep -P "$1" || true
    fi
}

# Each process of a server that dies notices that by itself, but not at once.
kill_all() {
    local pid one all
    pid=$(pid_of "$dir") || {
        let_go "$dir"
        return
    }
    # It begins no other while they are counted.
    kill -STOP "$pid" 2>/dev/null || true
    all=$(all_of "$pid")
    for one in $all; do kill -KILL "$one" 2>/dev/null || true; done
    for one in $all; do wait_gone "$one" 10 || fail "process $one does not end"; done
}

if [ "${1:-}" = programs ]; then
    programs
    exit
fi
if [ $# -lt 2 ]; then usage; fi
verb=$1
case $verb in start) mkdir -p "$2" ;; stop | kill | status | signal) ;; *) usage ;; esac
if [ ! -d "$2" ]; then if [ "$verb" = status ]; then exit 3; else exit 0; fi; fi
dir=$(cd "$2" && pwd -P)
shift 2
log=${SYNCROBOARD_LOG_DIR:-$dir}/postgres.log
settings=()
if [ "$verb" = signal ]; then
    if [ $# -ne 1 ]; then usage; fi
else
    for setting in "$@"; do
        case $setting in
        [a-z]*=*) settings+=("$setting") ;;
        *) wrong_use "postgres.sh: $setting is not KEY=VALUE" ;;
        esac
    done
fi

case $verb in
start)
    start
    echo "url=$(url)"
    ;;
status)
    bin=$(programs)
    if ! alive "$dir" || ! answers; then exit 3; fi
    echo "url=$(url)"
    ;;
signal)
    pid=$(pid_of "$dir") || fail "the PostgreSQL in $dir does not run"
    for one in $(all_of "$pid"); do kill "-$1" "$one" 2>/dev/null || true; done
    ;;
stop) end "$dir" INT 60 ;;
kill) kill_all ;;
esac
