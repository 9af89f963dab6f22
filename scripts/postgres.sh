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

service=postgres
end_signal=INT
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
where() { echo "url=postgres://postgres:$(cat "$dir/password")@127.0.0.1:$(port)/postgres"; }
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
    choose_ports
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
    local attempt
    for ((attempt = 1; attempt < 100; attempt++)); do
        begin=$(log_size "$log")
        write_settings
        launch "$dir" "$log" ${whom[@]+"${whom[@]}"} "$bin/postgres" "--syncroboard.service=$dir" -D "$dir/data" \
            "--config_file=$dir/postgresql.conf"
        if wait_for "$dir" 120 answers; then return 0; fi
        if ! is_leaving; then return 1; fi
        sleep 0.1
    done
    return 1
}

start() {
    if is_up; then return; fi
    local line fresh=
    whom=()
    while IFS= read -r line; do whom+=("$line"); done < <(as_whom)
    if [ "$(id -u)" -eq 0 ] && [ ${#whom[@]} -eq 0 ]; then exit 3; fi
    if [ ! -d "$dir/data" ]; then fresh=yes; fi
    prepare
    write_lines ${settings[@]+"${settings[@]}"} >>"$dir/settings"
    run_somewhere 'ERROR|FATAL|PANIC'
}

if [ "${1:-}" = programs ]; then
    programs
    exit
fi
asked "$@"
take_settings ${rest[@]+"${rest[@]}"}
case $verb in start | status) bin=$(programs) ;; esac
obey
