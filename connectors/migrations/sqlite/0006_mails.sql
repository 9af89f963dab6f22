-- What became of each mail, as long as its records are kept: 7 days. Neither where it went nor what it said.

CREATE TABLE mails (
    id           BLOB NOT NULL PRIMARY KEY,
    user_id      BLOB NOT NULL,
    -- Empty as long as only what became of it is known; `requested_at` is then when that was decided.
    kind         TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    state        TEXT NOT NULL,
    attempts     INTEGER NOT NULL,
    why          TEXT NOT NULL,
    decided_at   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX mails_of_user ON mails (user_id, requested_at, id);
CREATE INDEX mails_of_user_by_state ON mails (user_id, state, requested_at, id);
CREATE INDEX mails_by_time ON mails (requested_at);
