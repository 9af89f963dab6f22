#!/usr/bin/env bash
# Checks for what the build needs, installs what is missing and says so. Does nothing where all is there.
#
#   a C++ compiler      compiles RocksDB and SQLite
#   libclang            reads RocksDB's header when its bindings are made
#   curl                fetches rustup; asks the server in `make run`
#   Rust                the version that rust-toolchain.toml names, by rustup
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'setup: %s\n' "$*"; }
fail() {
    printf 'setup: %s\n' "$@" >&2
    exit 3
}
has() { command -v "$1" >/dev/null 2>&1; }

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

# bindgen wants Clang's own headers too (stddef.h); libclang-dev brings both.
packages=()
if ! has c++ && ! has g++ && ! has clang++; then packages+=(g++); fi
if ! has cc && ! has gcc && ! has clang; then packages+=(gcc libc6-dev); fi
has_libclang || packages+=(libclang-dev)
has curl || packages+=(curl ca-certificates)

install_packages() {
    local command="apt-get update && apt-get install -y --no-install-recommends ${packages[*]}"
    if ! has apt-get; then
        fail "missing: ${packages[*]} (these are Debian's names for them)." \
            "Fedora: sudo dnf install gcc-c++ clang-devel curl" \
            "Arch:   sudo pacman -S --needed gcc clang curl" \
            "macOS:  xcode-select --install" \
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
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c "$command" </dev/null
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

if [ ${#packages[@]} -gt 0 ]; then install_packages; fi
if ! has_rust; then install_rust; fi
has_rust || fail "Rust $channel could not be installed; see https://rustup.rs"
if [ ! -d "${CARGO_TARGET_DIR:-target}" ]; then
    say "the first build compiles RocksDB: about a quarter of an hour on two cores, once"
fi
