#!/usr/bin/env bash
# Checks for what the build needs, installs what is missing and says so. Does nothing where all is there.
#
#   setup.sh
#       a C++ compiler, make    compile RocksDB, SQLite and librdkafka
#       libclang                reads RocksDB's header when its bindings are made
#       OpenSSL, zlib           librdkafka's TLS, SASL SCRAM and gzip; pkg-config finds them
#       curl                    fetches rustup; asks the server in `make run`
#       Rust                    the version that rust-toolchain.toml names, by rustup
#   setup.sh services           what the servers of the tests need
#       Java                    runs Apache Kafka and the schema registry
#       Maven                   fetches both, unless they were fetched before
#       PostgreSQL, Redis       from the distribution; the server that its package would start stays off
#       promtool                checks the alert rules; Debian has it with the whole of Prometheus
#       Python, with venv       a client in another language
#       Node.js, npm            run and fetch the mail server
#       curl                    asks whether the registry answers
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source-path=SCRIPTDIR source=services/common.sh
source scripts/services/common.sh

say() { printf 'setup: %s\n' "$*"; }
fail() {
    printf 'setup: %s\n' "$@" >&2
    exit 3
}

has_libclang() {
    if [ -n "${LIBCLANG_PATH:-}" ]; then return 0; fi
    local found
    for found in /usr/lib/llvm*/lib/libclang*.so* /usr/lib/*/libclang*.so* /usr/lib64/libclang*.so* \
        /usr/lib64/llvm*/lib/libclang*.so* /usr/lib/libclang*.so* /usr/local/lib/libclang*.so* \
        /Library/Developer/CommandLineTools/usr/lib/libclang.dylib; do
        case $found in *libclang-cpp*) continue ;; esac
        if [ -e "$found" ]; then return 0; fi
    done
    return 1
}

# Whether a C library's headers are there.
has_library() { has pkg-config && pkg-config --exists "$1"; }

# Whether a Java is there that is new enough.
has_java() {
    local java=java version
    if [ -n "${JAVA_HOME:-}" ]; then java=$JAVA_HOME/bin/java; fi
    has "$java" || return 1
    version=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
    [ -n "$version" ] && [ "$version" -ge "$JAVA_VERSION" ]
}

# Packages of servers start them, and again at each boot. Here only the programs are wanted: nothing is started while
# they are installed, and what was installed is not started later. A server that was there before is not touched.
# shellcheck disable=SC2016 # expanded by the shell that installs
daemons_off='policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap "rm -f $policy" EXIT INT TERM HUP
    printf "#!/bin/sh\nexit 101\n" >$policy && chmod 755 $policy
fi'
not_at_boot=true
not_to_run() {
    not_at_boot="$not_at_boot && { [ ! -d /run/systemd/system ] || systemctl disable $1; }"
}

packages=()
missing_for_build() {
    if ! has c++ && ! has g++ && ! has clang++; then packages+=(g++); fi
    if ! has cc && ! has gcc && ! has clang; then packages+=(gcc libc6-dev); fi
    # bindgen wants Clang's own headers too (stddef.h); libclang-dev brings both.
    has_libclang || packages+=(libclang-dev)
    has make || packages+=(make)
    has pkg-config || packages+=(pkg-config)
    if [ -z "${OPENSSL_DIR:-}" ]; then has_library openssl || packages+=(libssl-dev); fi
    has_library zlib || packages+=(zlib1g-dev)
    has curl || packages+=(curl ca-certificates)
}

missing_for_services() {
    # Java 17 on Debian 12, a newer one on later releases.
    has_java || packages+=(default-jre-headless)
    if ! has python3 || ! python3 -c 'import ensurepip, venv' 2>/dev/null; then packages+=(python3 python3-venv); fi
    # shellcheck source-path=SCRIPTDIR source=services/fetch.sh
    source scripts/services/fetch.sh
    if [ ! -d "$kafka_home" ] || [ ! -d "$registry_home" ]; then has mvn || packages+=(maven); fi
    postgres_programs >/dev/null || {
        packages+=(postgresql)
        not_to_run postgresql
    }
    has redis-server || {
        packages+=(redis-server)
        not_to_run redis-server
    }
    has node || packages+=(nodejs)
    if [ ! -d "$maildev_home" ]; then has npm || packages+=(npm); fi
    has promtool || {
        packages+=(prometheus)
        not_to_run prometheus
    }
    has curl || packages+=(curl ca-certificates)
}

install_packages() {
    local command="apt-get update && apt-get install -y --no-install-recommends ${packages[*]}"
    if ! has apt-get; then
        fail "missing: ${packages[*]} (these are Debian's names for them)." \
            "Fedora: sudo dnf install gcc-c++ make clang-devel pkgconf openssl-devel zlib-devel curl java-21-openjdk-headless maven python3 postgresql-server postgresql-contrib redis nodejs npm golang-github-prometheus" \
            "Arch:   sudo pacman -S --needed gcc make clang pkgconf openssl zlib curl jre-openjdk-headless maven python postgresql redis nodejs npm prometheus" \
            "macOS:  xcode-select --install; brew install pkg-config openssl@3 openjdk maven python postgresql@17 redis node prometheus" \
            "Then run this again."
    fi
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        if ! has sudo || ! sudo -n true 2>/dev/null; then
            fail "missing: ${packages[*]}. Run this once, then try again:" "  sudo sh -c '$command'"
        fi
        as_root=(sudo -n)
    fi
    say "installing ${packages[*]} with apt-get"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c "$daemons_off; $command && $not_at_boot" </dev/null
}

channel=$(sed -n 's/^channel *= *"\(.*\)"/\1/p' rust-toolchain.toml)

# Whether cargo, as it would be called here, is at least the pinned version; rustup makes it exactly that.
has_rust() {
    has cargo || return 1
    local version
    version=$(cargo --version 2>/dev/null | awk '{ print $2 }')
    [ -n "$version" ] && [ "$(printf '%s\n%s\n' "$channel" "$version" | sort -V | head -n 1)" = "$channel" ]
}

install_rust() {
    if has rustup; then
        say "installing Rust $channel with rustup"
        rustup toolchain install "$channel" --profile minimal --component rustfmt --component clippy </dev/null
        return
    fi
    say "installing Rust $channel with rustup (https://rustup.rs) into ${CARGO_HOME:-$HOME/.cargo}"
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
        sh -s -- -y --no-modify-path --profile minimal --default-toolchain "$channel" --component rustfmt --component clippy
    export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
}

if [ "${1:-}" = services ]; then
    missing_for_services
    if [ ${#packages[@]} -gt 0 ]; then install_packages; fi
    has_java || fail "Java $JAVA_VERSION or newer is needed; JAVA_HOME or PATH lead to another: $(java -version 2>&1 | head -n 1)"
    exit 0
fi
missing_for_build
if [ ${#packages[@]} -gt 0 ]; then install_packages; fi
if ! has_rust; then install_rust; fi
has_rust || fail "Rust $channel could not be installed; see https://rustup.rs"
if [ ! -d "${CARGO_TARGET_DIR:-target}" ]; then
    say "the first build compiles RocksDB and librdkafka: about a quarter of an hour on two cores, once"
fi
