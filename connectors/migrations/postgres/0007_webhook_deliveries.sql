-- What became of each delivery to a webhook, as long as its records are kept: 7 days. Neither where it went nor what was in it.

CREATE TABLE webhook_deliveries (
    id         uuid PRIMARY KEY,
    -- The nil id if it is not known what was to be delivered again.
    hook_id    uuid NOT NULL,
    -- The user or project whose webhook it is.
    owner_id   uuid NOT NULL,
    -- The event or notification.
    subject_id uuid NOT NULL,
    kind       text NOT NULL,
    state      text NOT NULL,
    attempts   integer NOT NULL,
    -- Of HTTP; 0 if there was no answer.
    status     integer NOT NULL,
    why        text NOT NULL,
    first_at   bigint NOT NULL,
    last_at    bigint NOT NULL
);
CREATE INDEX webhook_deliveries_of_hook ON webhook_deliveries (hook_id, first_at, id);
CREATE INDEX webhook_deliveries_of_hook_by_state ON webhook_deliveries (hook_id, state, first_at, id);
CREATE INDEX webhook_deliveries_of_owner ON webhook_deliveries (owner_id);
CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (last_at);
