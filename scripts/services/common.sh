# shellcheck shell=bash
# Sourced by the scripts that start servers: messages, processes, free ports.
# A server's directory has the file `pid`, and its process has an argument that only a server of this directory has (see
# `pid_of`): a process is ended only if both agree, so that a number that was given to someone else since is left alone.

# shellcheck source-path=SCRIPTDIR source=../versions.env
source "$(dirname "${BASH_SOURCE[0]}")/../versions.env"
# shellcheck disable=SC2034 # for those who source this
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

say() { printf 'services: %s\n' "$*" >&2; }
# A part that is needed is not there.
fail() {
    printf 'services: %s\n' "$@" >&2
    exit 3
}
wrong_use() {
    printf '%s\n' "$@" >&2
    exit 2
}
write_lines() { if [ $# -gt 0 ]; then printf '%s\n' "$@"; fi; }
has() { command -v "$1" >/dev/null 2>&1; }

java_program() {
    local java=java
    if [ -n "${JAVA_HOME:-}" ]; then java=$JAVA_HOME/bin/java; fi
    has "$java" || fail "Java $JAVA_VERSION or newer is not there; this installs it: scripts/setup.sh services"
    echo "$java"
}

# Prints the directory of the newest Postgres' programs; fails if there is none that is new enough. On Debian and its like
# PATH has only those of the client.
postgres_programs() {
    local dir version program newest=0 found=
    for dir in "$(dirname "$(command -v initdb)" 2>/dev/null)" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
        /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin; do
        for program in initdb postgres pg_isready psql pgbench; do
            if [ ! -x "$dir/$program" ]; then continue 2; fi
        done
        version=$("$dir/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
        if [ "$version" -gt "$newest" ]; then
            newest=$version
            found=$dir
        fi
    done
    [ "$newest" -ge "$POSTGRES_VERSION" ] && echo "$found"
}

# Waits until nobody else does what the given file stands for; where there is no flock (macOS), it is left to the user.
lock() {
    exec 9<"$1"
    if has flock; then flock 9; fi
}

args_of() {
    if [ -d /proc/self ]; then
        if [ -r "/proc/$1/cmdline" ]; then tr '\0' '\n' <"/proc/$1/cmdline"; fi
    else
        ps -ww -o args= -p "$1" | tr ' ' '\n'
    fi 2>/dev/null
}

# pid_of DIR: the running server's process id; fails if it does not run. It is known by an argument: Java and Postgres
# have a setting that means nothing to them, Redis its file of settings, MailDev the directory of its mails.
pid_of() {
    local pid
    pid=$(cat "$1/pid" 2>/dev/null) || return 1
    if [ -z "$pid" ]; then return 1; fi
    case $'\n'$(args_of "$pid")$'\n' in
    *$'\n-'[-D]"syncroboard.service=$1"$'\n'* | *$'\n'"$1/redis.conf"$'\n'* | *$'\n'"$1/mails"$'\n'*) echo "$pid" ;;
    *) return 1 ;;
    esac
}

alive() { pid_of "$1" >/dev/null; }

# launch DIR LOG PROGRAM ARGUMENT...: starts a server that outlives this script, in a process group of its own, so that
# Ctrl-C does not reach it. Its id is written before it begins, so that it can be ended whenever this script dies. One of
# the arguments is what `pid_of` knows it by.
launch() {
    local dir=$1 log=$2
    shift 2
    set -m
    # shellcheck disable=SC2016 # expanded by the inner shell
    sh -c 'cd "$1" && echo $$ >pid && shift && exec "$@"' sh "$dir" "$@" </dev/null >>"$log" 2>&1 9<&- &
    disown
    set +m
    # Until its id is there it cannot be told from one that died.
    local i
    for ((i = 0; i < 100; i++)); do
        if alive "$dir"; then return; fi
        sleep 0.02
    done
}

# end DIR SIGNAL SECONDS: ends a server, by SIGKILL if it is not gone after so long.
end() {
    local pid
    pid=$(pid_of "$1") || {
        let_go "$1"
        return
    }
    kill "-$2" "$pid" 2>/dev/null || true
    if wait_gone "$pid" "$3"; then return; fi
    if [ "$2" = KILL ]; then fail "process $pid does not end"; fi
    say "process $pid did not end within $3 s: killed"
    end "$1" KILL 10
}

# let_go DIR: waits for a server that someone killed a moment ago: it has no arguments any more, but still has its ports.
let_go() {
    local pid
    pid=$(cat "$1/pid" 2>/dev/null) || return 0
    if [ -n "$pid" ] && [ -z "$(args_of "$pid")" ]; then wait_gone "$pid" 10 || true; fi
}

# wait_gone PID SECONDS
wait_gone() {
    local i
    for ((i = 0; i < $2 * 50; i++)); do
        if is_gone "$1"; then return 0; fi
        sleep 0.02
    done
    return 1
}

# Whether a process has given back its ports and files: its last thread has ended, whether or not it was reaped.
is_gone() {
    if [ ! -d /proc/self ]; then
        ! kill -0 "$1" 2>/dev/null
        return
    fi
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
    case ${stat##*) } in
    Z*) [ "$(find "/proc/$1/task" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)" -le 1 ] ;;
    *) return 1 ;;
    esac
}

# A port that nobody listens on, below those that systems hand out to whoever connects: while a broker is down for a
# restart, its port cannot be taken, nor can a client that tries to reconnect be connected to itself.
free_port() {
    local port
    while true; do
        port=$((20000 + RANDOM % 12000))
        if ! listens "$port"; then
            echo "$port"
            return
        fi
    done
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# wait_for DIR SECONDS CHECK...: until the check succeeds. 1 if the server died before, 2 if that took too long.
wait_for() {
    local dir=$1 seconds=$2 i
    shift 2
    for ((i = 0; i < seconds * 10; i++)); do
        if "$@"; then return 0; fi
        alive "$dir" || return 1
        sleep 0.1
    done
    return 2
}

# What was written to a log since it had this many bytes.
log_since() { tail -c "+$(($2 + 1))" "$1"; }
log_size() { if [ -e "$1" ]; then wc -c <"$1" | tr -d ' '; else echo 0; fi; }

# reasons SIZE PATTERN: the first lines of trouble since a log had this many bytes, or its end if there are none.
reasons() {
    local found
    found=$(log_since "$log" "$1" | grep -v ' INFO ' | grep -E "$2" | cut -c 1-300 | sed -n 1,8p) || true
    echo "${found:-$(tail -n 8 "$log")}"
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

# kill_all DIR: ends a server and what it started by SIGKILL. What Postgres started notices its death by itself, but not at once.
kill_all() {
    local pid one all
    pid=$(pid_of "$1") || {
        let_go "$1"
        return
    }
    # It begins no other while they are counted.
    kill -STOP "$pid" 2>/dev/null || true
    all=$(all_of "$pid")
    for one in $all; do kill -KILL "$one" 2>/dev/null || true; done
    for one in $all; do wait_gone "$one" 10 || fail "process $one does not end"; done
}

# What a script for one server is told, which every such script takes alike. It says of itself before that it is the one for `service`
# and `end_signal`, and has `usage`, `start`, `answers`, and `where`, which prints the addresses.

# asked VERB DIR [ARGUMENT]...: sets `verb`, `dir`, `log` and `rest`, and goes where there is nothing that can be done.
asked() {
    if [ $# -lt 2 ]; then usage; fi
    verb=$1
    case $verb in start) mkdir -p "$2" ;; stop | kill | status | signal) ;; *) usage ;; esac
    if [ ! -d "$2" ]; then if [ "$verb" = status ]; then exit 3; else exit 0; fi; fi
    dir=$(cd "$2" && pwd -P)
    log=${SYNCROBOARD_LOG_DIR:-$dir}/$service.log
    shift 2
    # shellcheck disable=SC2034 # for those who source this
    rest=("$@")
    if [ "$verb" = signal ] && [ $# -ne 1 ]; then usage; fi
    if [ "$verb" = start ] && [ $# -gt 0 ] && alive "$dir"; then
        wrong_use "$service.sh: the server in $dir runs: stop it before its settings are changed"
    fi
}

# take_settings KEY=VALUE...: puts them into `settings`.
take_settings() {
    local setting
    settings=()
    if [ "$verb" = signal ]; then return; fi
    for setting in "$@"; do
        case $setting in
        [a-z]*=*) settings+=("$setting") ;;
        *) wrong_use "$service.sh: $setting is not KEY=VALUE" ;;
        esac
    done
}

# Does what was asked.
obey() {
    local pid one
    case $verb in
    start)
        start
        where
        ;;
    status)
        if ! alive "$dir" || ! answers; then exit 3; fi
        where
        ;;
    signal)
        pid=$(pid_of "$dir") || fail "$service in $dir does not run"
        for one in $(all_of "$pid"); do kill "-${rest[0]}" "$one" 2>/dev/null || true; done
        ;;
    stop) end "$dir" "$end_signal" 60 ;;
    kill) kill_all "$dir" ;;
    esac
}

# If the server runs already, waits until it answers; someone else may be starting it. Fails if it does not run.
is_up() {
    if alive "$dir"; then
        wait_for "$dir" 120 answers || fail "$service in $dir runs but does not answer; its log: $log"
        return 0
    fi
    let_go "$dir"
    return 1
}

# The port of a server that has one, drawn at its first start; sets `fresh` then.
draw_port() {
    if [ -e "$dir/port" ]; then return; fi
    fresh=yes
    choose_ports
}

choose_ports() {
    free_port >"$dir/port.new"
    mv "$dir/port.new" "$dir/port"
}

# run_somewhere PATTERN: `run`, at other ports if someone else took one between its choice and its use, unless others have been
# told of it by an earlier start. PATTERN is that of the log's lines that say why there was trouble.
run_somewhere() {
    local attempt
    for attempt in 1 2 3 4 5; do
        if run; then return; fi
        if [ -z "$fresh" ] || ! was_taken; then break; fi
        say "a port was taken meanwhile: attempt $((attempt + 1))"
        kill_all "$dir"
        choose_ports
    done
    kill_all "$dir"
    fail "$service did not start; its log $log says:" "$(reasons "$begin" "$1")"
}
