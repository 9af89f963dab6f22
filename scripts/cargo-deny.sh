#!/usr/bin/env bash
# cargo-deny, installed if it is not there: a few minutes, once.
set -euo pipefail

version=0.20.2
if ! cargo deny --version >/dev/null 2>&1; then
    echo "lint: installing cargo-deny $version with cargo"
    cargo install --locked cargo-deny --version "$version"
fi
exec cargo deny --locked "$@"
