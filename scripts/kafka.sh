#!/usr/bin/env bash
# One Apache Kafka broker (KRaft, broker and controller in one process) that keeps everything in one directory.
#
#   kafka.sh start DIR [--join OTHER] [--listener NAME]... [KEY=VALUE]...
#       Starts it and waits until it answers. The first start chooses free ports and a cluster id; a later one has the
#       same ports, id, data, listeners and settings. Prints NAME=127.0.0.1:PORT for each further listener, and last
#       bootstrap=127.0.0.1:PORT.
#       --join OTHER      a broker of the cluster whose first broker's directory is OTHER, without a controller of its own
#       --listener NAME   one more listener: SSL, SASL_PLAINTEXT or SASL_SSL, each for its protocol
#       KEY=VALUE         Kafka's own settings, over those of scripts/services/kafka.properties
#   kafka.sh stop DIR     ends it in order (SIGTERM) and waits for that; of a cluster, the first broker last
#   kafka.sh kill DIR     ends it at once (SIGKILL)
#   kafka.sh signal DIR NAME
#                         sends a signal; STOP freezes it, CONT wakes it
#   kafka.sh status DIR   prints what `start` does if it answers; 3 if not
#   kafka.sh tool CLASS ARGUMENT...
#       runs one of Kafka's own programs by its class, such as org.apache.kafka.tools.TopicCommand
#
# The log is DIR/kafka.log, or in SYNCROBOARD_LOG_DIR. SYNCROBOARD_KAFKA_HEAP is the most it may take (default 1g), SYNCROBOARD_KAFKA_JAVA
# has more options of Java's.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=services/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/services/common.sh"
# shellcheck source-path=SCRIPTDIR source=services/fetch.sh
source "$source_dir/fetch.sh"

service=kafka
end_signal=TERM
usage() { wrong_use "usage: kafka.sh start DIR [--join OTHER] [--listener NAME]... [KEY=VALUE]..." "       kafka.sh stop|kill|status DIR" "       kafka.sh signal DIR NAME" "       kafka.sh tool CLASS ARGUMENT..."; }

# value FILE KEY: the last value that a properties file has for a key; nothing if it has none.
value() { if [ -e "$1" ]; then awk -F= -v key="$2" '$1 == key { found = substr($0, length(key) + 2) } END { print found }' "$1"; fi; }

# Over the one of services/common.sh: a port for each listener.
choose_ports() {
    local name
    : >"$dir/ports.new"
    for name in PLAINTEXT $(controller_name) $(cat "$dir/listeners"); do
        local port
        # Two names may not have drawn one port.
        while true; do
            port=$(free_port)
            if [[ $'\n'$(cut -d= -f2 "$dir/ports.new")$'\n' != *$'\n'"$port"$'\n'* ]]; then break; fi
        done
        echo "$name=$port" >>"$dir/ports.new"
    done
    mv "$dir/ports.new" "$dir/ports"
}

controller_name() { if [ ! -e "$dir/join" ]; then echo CONTROLLER; fi; }

# A cluster id is 16 bytes in URL-safe base 64; the tools take a leading dash for an option.
random_id() { echo "k$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c 1-20)A"; }

write_properties() {
    local name port listeners='' advertised=''
    while IFS='=' read -r name port; do
        listeners=$listeners,$name://127.0.0.1:$port
        if [ "$name" != CONTROLLER ]; then advertised=$advertised,$name://127.0.0.1:$port; fi
    done <"$dir/ports"
    local roles=broker,controller quorum=$dir
    if [ -e "$dir/join" ]; then
        roles=broker
        quorum=$(cat "$dir/join")
    fi
    {
        cat "$source_dir/kafka.properties"
        echo "node.id=$(cat "$dir/node.id")"
        echo "process.roles=$roles"
        echo "controller.quorum.voters=$(cat "$quorum/node.id")@127.0.0.1:$(value "$quorum/ports" CONTROLLER)"
        echo "controller.listener.names=CONTROLLER"
        echo "inter.broker.listener.name=PLAINTEXT"
        echo "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL"
        echo "listeners=${listeners#,}"
        echo "advertised.listeners=${advertised#,}"
        echo "log.dirs=$dir/data"
        # Of a key that stands in a properties file twice, Java takes the last.
        cat "$dir/settings"
    } >"$dir/server.properties"
}

# For those that run for a moment: less is compiled, and less thoroughly.
short_lived=(-XX:+UseSerialGC -XX:TieredStopAtLevel=1)

# What the first start makes, once for each Java: Kafka's classes as Java has them in memory, with which a broker starts with half
# the work, and what a formatted directory holds beside its ids. Where it cannot be made, everything takes longer.
prepare_kafka() {
    prepared=$kafka_home-$(ls -lL "$(command -v "$(java_program)")" | cksum | cut -d ' ' -f 1)
    if [ -d "$prepared" ] || [ -n "${SYNCROBOARD_KAFKA_PREPARES:-}" ]; then return; fi
    (
        touch "$cache/.lock"
        lock "$cache/.lock"
        if [ -d "$prepared" ]; then exit 0; fi
        say "preparing Apache Kafka, for quicker starts, in $prepared"
        partial=$(mktemp -d "$cache/.partial-XXXXXX")
        mkdir "$partial/done"
        unset SYNCROBOARD_LOG_DIR
        export SYNCROBOARD_KAFKA_PREPARES=$partial/done/classes.jsa SYNCROBOARD_KAFKA_JAVA="${short_lived[*]}"
        if "${BASH_SOURCE[0]}" start "$partial/broker" >/dev/null; then
            "${BASH_SOURCE[0]}" stop "$partial/broker"
            cp "$partial/broker/data/bootstrap.checkpoint" "$partial/done"
        fi
        mv "$partial/done" "$prepared"
        rm -rf "$partial"
    )
}

# Sets `classes` to how Java is told of them.
use_classes() {
    classes=()
    if [ -n "${SYNCROBOARD_KAFKA_PREPARES:-}" ]; then
        classes=("-XX:ArchiveClassesAtExit=$SYNCROBOARD_KAFKA_PREPARES")
    elif [ -s "$prepared/classes.jsa" ]; then
        classes=("-XX:SharedArchiveFile=$prepared/classes.jsa" '-Xlog:cds*=off')
    fi
}

# The directory's first start: what it keeps for good. `node.id` is written last and says that it is done.
prepare() {
    : >"$dir/settings"
    write_lines ${listeners[@]+"${listeners[@]}"} >"$dir/listeners"
    local id=1
    if [ -n "$join" ]; then
        echo "$join" >"$dir/join"
        cp "$join/cluster.id" "$dir/cluster.id"
        id=$(($(cat "$join/last.node.id" 2>/dev/null || cat "$join/node.id") + 1))
        echo "$id" >"$join/last.node.id"
    else
        random_id >"$dir/cluster.id"
    fi
    choose_ports
    echo "$id" >"$dir/node.id"
}

format() {
    if [ -e "$dir/data/meta.properties" ]; then return; fi
    if [ -e "$prepared/bootstrap.checkpoint" ]; then
        mkdir -p "$dir/data"
        cp "$prepared/bootstrap.checkpoint" "$dir/data"
        write_lines version=1 "cluster.id=$(cat "$dir/cluster.id")" "node.id=$(cat "$dir/node.id")" "directory.id=$(random_id)" \
            >"$dir/data/meta.properties.new"
        mv "$dir/data/meta.properties.new" "$dir/data/meta.properties"
        return
    fi
    "$(java_program)" -Xmx256m "${short_lived[@]}" -cp "$kafka_home/*" "-Dlog4j2.configurationFile=$source_dir/log4j2.properties" \
        kafka.tools.StorageTool format --ignore-formatted -t "$(cat "$dir/cluster.id")" -c "$dir/server.properties" >>"$log" 2>&1 || fail "Apache Kafka's directory could not be formatted; the end of $log:" "$(tail -n 10 "$log")"
}

has_started() { [[ $(log_since "$log" "$begin") == *"Kafka Server started"* ]] && answers; }
was_taken() { [[ $(log_since "$log" "$begin") == *"Address already in use"* ]]; }

# It is asked for its API versions, and the length of the answer begins with a zero byte.
answers() {
    (
        exec 3<>"/dev/tcp/127.0.0.1/$(value "$dir/ports" PLAINTEXT)"
        printf '\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x01\xff\xff' >&3
        LC_ALL=C IFS= read -r -t 5 -n 1 -d '' _ <&3
    ) 2>/dev/null
}

where() {
    local name
    while IFS= read -r name; do echo "$name=127.0.0.1:$(value "$dir/ports" "$name")"; done <"$dir/listeners"
    echo "bootstrap=127.0.0.1:$(value "$dir/ports" PLAINTEXT)"
}

run() {
    write_properties
    format
    begin=$(log_size "$log")
    use_classes
    local options
    read -ra options <<<"${SYNCROBOARD_KAFKA_JAVA:-}"
    launch "$dir" "$log" "$(java_program)" "-Dsyncroboard.service=$dir" "-Xmx${SYNCROBOARD_KAFKA_HEAP:-1g}" -Djava.awt.headless=true \
        ${options[@]+"${options[@]}"} ${classes[@]+"${classes[@]}"} -XX:+ExitOnOutOfMemoryError "-Dlog4j2.configurationFile=$source_dir/log4j2.properties" -cp "$kafka_home/*" \
        kafka.Kafka "$dir/server.properties"
    wait_for "$dir" 120 has_started
}

start() {
    if is_up; then return; fi
    fetch_kafka
    prepare_kafka
    local fresh=
    if [ ! -e "$dir/node.id" ]; then
        fresh=yes
        prepare
    elif [ -n "$join" ] || [ ${#listeners[@]} -gt 0 ]; then
        wrong_use "kafka.sh: listeners and cluster of $dir were settled by its first start"
    fi
    write_lines ${settings[@]+"${settings[@]}"} >>"$dir/settings"
    run_somewhere 'ERROR|FATAL|Exception|Error:'
}

# take_options ARGUMENT...: sets `join` and `listeners`, and leaves the rest in `settings`.
take_options() {
    join=
    listeners=()
    local left=()
    while [ $# -gt 0 ]; do
        case $1 in
        --join)
            if [ $# -lt 2 ] || [ ! -e "$2/node.id" ]; then wrong_use "kafka.sh: --join wants the directory of a broker"; fi
            join=$(cd "$2" && pwd -P)
            if [ "$verb" = start ]; then alive "$join" || fail "the broker in $join, which is to be joined, does not run"; fi
            shift
            ;;
        --listener)
            case ${2:-} in
            SSL | SASL_PLAINTEXT | SASL_SSL) listeners+=("$2") ;;
            *) wrong_use "kafka.sh: --listener wants SSL, SASL_PLAINTEXT or SASL_SSL" ;;
            esac
            shift
            ;;
        *) left+=("$1") ;;
        esac
        shift
    done
    take_settings ${left[@]+"${left[@]}"}
}

if [ "${1:-}" = tool ]; then
    if [ $# -lt 2 ]; then usage; fi
    shift
    fetch_kafka
    prepare_kafka
    use_classes
    exec "$(java_program)" -Xmx256m "${short_lived[@]}" ${classes[@]+"${classes[@]}"} -cp "$kafka_home/*" "$@"
fi
asked "$@"
take_options ${rest[@]+"${rest[@]}"}
obey
