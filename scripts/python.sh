#!/usr/bin/env bash
# Prints the path of a Python that has what tests/python/requirements.txt lists, from PyPI. It is made once, in a directory
# outside the clone that appears only when it is complete.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=services/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/services/common.sh"
# shellcheck source-path=SCRIPTDIR source=services/fetch.sh
source "$source_dir/fetch.sh"

requirements=$source_dir/../../tests/python/requirements.txt
python=$(command -v python3) || fail "Python 3 is not there; this installs it: scripts/setup.sh services"
# Another list or another Python is another environment.
home=$cache/python-$({ cat "$requirements" && "$python" -VV && echo "$python"; } | cksum | cut -d ' ' -f 1)

install() {
    "$python" -m venv "$2" >&2 &&
        "$2/bin/python" -m pip install --quiet --no-input --disable-pip-version-check --no-cache-dir \
            --only-binary :all: --no-deps -r "$requirements" >&2
}

fetch "the Python packages of tests/python/requirements.txt" "$home" "$python" install
echo "$home/bin/python"
