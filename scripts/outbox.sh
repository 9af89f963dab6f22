#!/usr/bin/env bash
# What the usual design for such a system does on this machine: a transactional outbox, driven by pgbench.
#
#   outbox.sh [CLIENTS [SECONDS]]     default: 16 clients, 20 seconds
#
# One transaction a command: the project's row with its next number and sequence is locked and moved on, the ticket is
# written with the indexes that our read model has, and the event goes into an outbox table, from which another process would
# publish it; that process is not counted. The answer is given when the transaction is on the disk (fsync=on). Prints what pgbench says.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
clients=${1:-16} seconds=${2:-20}
bin=$("$scripts/postgres.sh" programs)
dir=$(mktemp -d)
trap '"$scripts/postgres.sh" stop "$dir" >/dev/null 2>&1 || true; rm -rf "$dir"' EXIT
url=$("$scripts/postgres.sh" start "$dir" fsync=on synchronous_commit=on | tail -n 1)
url=${url#url=}

"$bin/psql" --quiet --set=ON_ERROR_STOP=1 "$url" <<'SQL'
CREATE TABLE projects (id integer PRIMARY KEY, number bigint NOT NULL, sequence bigint NOT NULL) WITH (fillfactor = 50);
INSERT INTO projects SELECT n, 0, 0 FROM generate_series(1, 100) n;
CREATE TABLE commands (id uuid PRIMARY KEY, outcome jsonb NOT NULL);
CREATE TABLE tickets (
    id uuid PRIMARY KEY, project_id integer NOT NULL, number bigint NOT NULL, title text NOT NULL, description text NOT NULL,
    priority text NOT NULL, status text NOT NULL, labels text[] NOT NULL, reporter_id uuid NOT NULL, assignee_id uuid,
    version bigint NOT NULL, sequence bigint NOT NULL, created_at bigint NOT NULL, updated_at bigint NOT NULL,
    UNIQUE (project_id, number)
);
CREATE INDEX ON tickets (project_id, status, number);
CREATE INDEX ON tickets (project_id, assignee_id, number);
CREATE INDEX ON tickets (project_id, updated_at, number);
CREATE TABLE outbox (id bigserial PRIMARY KEY, topic text NOT NULL, key text NOT NULL, payload jsonb NOT NULL);
SQL
cat >"$dir/command.sql" <<'SQL'
\set project random(1, 100)
BEGIN;
UPDATE projects SET number = number + 1, sequence = sequence + 1 WHERE id = :project RETURNING number, sequence \gset
INSERT INTO tickets VALUES (gen_random_uuid(), :project, :number, 'A ticket of some length', repeat('x', 300), 'MEDIUM', 'OPEN', '{bug}',
    gen_random_uuid(), NULL, 1, :sequence, 1700000000000, 1700000000000);
INSERT INTO commands VALUES (gen_random_uuid(), '{"result": "accepted"}');
INSERT INTO outbox (topic, key, payload) VALUES ('ticket.events', cast(:project AS text),
    jsonb_build_object('number', cast(:number AS bigint), 'sequence', cast(:sequence AS bigint), 'description', repeat('x', 300)));
COMMIT;
SQL
"$bin/pgbench" --no-vacuum --client="$clients" --jobs=2 --time="$seconds" --protocol=prepared --file="$dir/command.sql" "$url"
