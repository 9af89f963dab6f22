#!/usr/bin/env bash
# One MailDev, a mail server that delivers nothing: what it takes can be read back over HTTP, and looked at in a browser.
#
#   maildev.sh start DIR    starts it and waits until it answers; a later start has the same ports, and the mails that it
#                           had. Prints smtp=127.0.0.1:PORT, and last url=http://127.0.0.1:PORT
#   maildev.sh stop DIR     ends it in order (SIGTERM) and waits for that
#   maildev.sh kill DIR     ends it at once (SIGKILL)
#   maildev.sh signal DIR NAME
#                           sends a signal; STOP freezes it, CONT wakes it
#   maildev.sh status DIR   prints what `start` does if it answers; 3 if not
#
# The log is DIR/maildev.log, or in SYNCROBOARD_LOG_DIR.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=services/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/services/common.sh"
# shellcheck source-path=SCRIPTDIR source=services/fetch.sh
source "$source_dir/fetch.sh"

service=maildev
end_signal=TERM
usage() { wrong_use "usage: maildev.sh start|stop|kill|status DIR" "       maildev.sh signal DIR NAME"; }

where() {
    echo "smtp=127.0.0.1:$(cat "$dir/smtp.port")"
    echo "url=http://127.0.0.1:$(cat "$dir/port")"
}
answers() {
    curl --noproxy '*' -fsS -m 5 -o /dev/null "http://127.0.0.1:$(cat "$dir/port")/api/healthz" 2>/dev/null &&
        listens "$(cat "$dir/smtp.port")"
}
was_taken() { [[ $(log_since "$log" "$begin") == *EADDRINUSE* ]]; }

choose_ports() {
    local port
    port=$(free_port)
    free_port >"$dir/smtp.port"
    while [ "$(cat "$dir/smtp.port")" = "$port" ]; do free_port >"$dir/smtp.port"; done
    echo "$port" >"$dir/port"
}

run() {
    begin=$(log_size "$log")
    # It is known by the directory of its mails.
    launch "$dir" "$log" node "$maildev_home/node_modules/maildev/dist/bin/maildev.js" --mail-directory "$dir/mails" \
        --smtp "$(cat "$dir/smtp.port")" --ip 127.0.0.1 --web "$(cat "$dir/port")" --web-ip 127.0.0.1 --silent
    wait_for "$dir" 60 answers
}

start() {
    if is_up; then return; fi
    has node || fail "Node.js is not there; this installs it: scripts/setup.sh services"
    fetch_maildev
    local fresh=
    mkdir -p "$dir/mails"
    draw_port
    run_somewhere 'rror'
}

asked "$@"
if [ "$verb" != signal ] && [ ${#rest[@]} -gt 0 ]; then usage; fi
obey
