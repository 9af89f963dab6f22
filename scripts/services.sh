#!/usr/bin/env bash
# The servers that the tests and those who want to try SyncroBoard use: Apache Kafka, a schema registry, PostgreSQL, Redis, MailDev.
#
#   services.sh up       starts what does not answer, fetching it if need be; harmless when all is up
#   services.sh down     ends what was started here, and deletes its data
#   services.sh status   says what answers; 3 if something does not
#
# All of it lies in .services of the clone: `env` says where the servers are, log/ has their logs, own/ the servers that
# single tests start for themselves (each with `owner`, the process id of the test).
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=services/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/services/common.sh"
# shellcheck source-path=SCRIPTDIR source=services/fetch.sh
source "$source_dir/fetch.sh"
scripts=$(cd "$source_dir/.." && pwd -P)
home=${SYNCROBOARD_SERVICES_DIR:-$scripts/../.services}
# Each has a script and a directory of this name.
parts='postgres registry kafka redis maildev'

up() {
    mkdir -p "$home/log" "$home/own"
    home=$(cd "$home" && pwd -P)
    end_own orphans
    local kafka registry postgres redis maildev
    kafka=$(SYNCROBOARD_LOG_DIR=$home/log "$scripts/kafka.sh" start "$home/kafka" | tail -n 1)
    registry=$(SYNCROBOARD_LOG_DIR=$home/log "$scripts/registry.sh" start "$home/registry" | tail -n 1)
    postgres=$(SYNCROBOARD_LOG_DIR=$home/log "$scripts/postgres.sh" start "$home/postgres" | tail -n 1)
    redis=$(SYNCROBOARD_LOG_DIR=$home/log "$scripts/redis.sh" start "$home/redis" | tail -n 1)
    maildev=$(SYNCROBOARD_LOG_DIR=$home/log "$scripts/maildev.sh" start "$home/maildev" | tail -n 2 | tr '\n' ' ')
    cat >"$home/env.new" <<END
SYNCROBOARD_TEST_KAFKA=${kafka#bootstrap=}
SYNCROBOARD_TEST_REGISTRY=${registry#url=}
SYNCROBOARD_TEST_POSTGRES=${postgres#url=}
SYNCROBOARD_TEST_REDIS=${redis#url=}
SYNCROBOARD_TEST_MAILDEV=$(sed 's/.*url=\([^ ]*\).*/\1/' <<<"$maildev")
SYNCROBOARD_TEST_SMTP=$(sed 's/.*smtp=\([^ ]*\).*/smtp:\/\/\1/' <<<"$maildev")
SYNCROBOARD_TEST_KAFKA_HOME=$kafka_home
END
    mv "$home/env.new" "$home/env"
    say "up; where they are: $home/env"
}

# end_own all|orphans: ends servers of single tests: all of them, or those whose test was killed.
end_own() {
    local own
    for own in "$home"/own/*/; do
        if [ ! -d "$own" ]; then continue; fi
        if [ "$1" = orphans ] && is_owned "$own"; then continue; fi
        # Without the slash at its end, as the server in it is known.
        kill_all "${own%/}"
        rm -rf "$own"
    done
}

# Whether the test that made it lives. One that has not said yet who it is has only just begun.
is_owned() {
    local owner
    owner=$(cat "$1/owner" 2>/dev/null) || return 0
    [ -z "$owner" ] || kill -0 "$owner" 2>/dev/null
}

down() {
    if [ ! -d "$home" ]; then return; fi
    home=$(cd "$home" && pwd -P)
    rm -f "$home/env"
    end_own all
    local part
    # Their data is deleted right after.
    for part in $parts; do kill_all "$home/$part"; done
    rm -rf "$home"
    say "down"
}

status() {
    local part missing=0
    for part in $parts; do
        if "$scripts/$part.sh" status "$home/$part"; then continue; fi
        echo "$part=down"
        missing=3
    done
    return "$missing"
}

case ${1:-} in
up | down)
    # One at a time; the lock is this file, as down deletes everything else.
    lock "$scripts/services.sh"
    "$1"
    ;;
status) status ;;
*) wrong_use "usage: services.sh up|down|status" ;;
esac
