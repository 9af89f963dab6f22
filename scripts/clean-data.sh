#!/usr/bin/env bash
# Deletes what SyncroBoard keeps in DATA_DIR (default ./data), and nothing else that may lie there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

data_dir=${DATA_DIR:-data}
rm -rf "${data_dir:?}/log" "$data_dir/state"
rm -f "$data_dir"/read-model.sqlite* "$data_dir"/accounts.db* "$data_dir/secret" "$data_dir"/sample.*
rmdir "$data_dir" 2>/dev/null || true
echo "Deleted the log, the stores, the read model, the accounts and the secret in $data_dir."
