-- Whom to tell of what by HTTP. Here and not in the read model, as nothing in the log says it again.

CREATE TABLE webhooks (
    id         uuid PRIMARY KEY,
    owner_kind text NOT NULL CHECK (owner_kind IN ('user', 'project')),
    owner_id   uuid NOT NULL,
    url        text NOT NULL,
    secret     text NOT NULL,
    -- A JSON array; an empty one is all there are.
    kinds      text NOT NULL,
    created_by uuid NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    -- The revision that made it: their order, whatever clocks say.
    made       bigint NOT NULL
);
CREATE INDEX webhooks_of_owner ON webhooks (owner_id, owner_kind);

-- How often a table was changed. Whoever changes it moves its row on first, which makes those who write wait for one another.
CREATE TABLE changes (
    what     text PRIMARY KEY,
    revision bigint NOT NULL
);
INSERT INTO changes (what, revision) VALUES ('webhooks', 0);
