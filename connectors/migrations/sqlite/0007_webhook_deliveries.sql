-- What became of each delivery to a webhook, as long as its records are kept: 7 days. Neither where it went nor what was in it.

CREATE TABLE webhook_deliveries (
    id         BLOB NOT NULL PRIMARY KEY,
    -- The nil id if it is not known what was to be delivered again.
    hook_id    BLOB NOT NULL,
    -- The user or project whose webhook it is.
    owner_id   BLOB NOT NULL,
    -- The event or notification.
    subject_id BLOB NOT NULL,
    kind       TEXT NOT NULL,
    state      TEXT NOT NULL,
    attempts   INTEGER NOT NULL,
    -- Of HTTP; 0 if there was no answer.
    status     INTEGER NOT NULL,
    why        TEXT NOT NULL,
    first_at   INTEGER NOT NULL,
    last_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_deliveries_of_hook ON webhook_deliveries (hook_id, first_at, id);
CREATE INDEX webhook_deliveries_of_hook_by_state ON webhook_deliveries (hook_id, state, first_at, id);
CREATE INDEX webhook_deliveries_of_owner ON webhook_deliveries (owner_id);
CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (last_at);
