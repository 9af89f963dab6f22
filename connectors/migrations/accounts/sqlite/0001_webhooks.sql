-- Whom to tell of what by HTTP. Here and not in the read model, as nothing in the log says it again.

CREATE TABLE webhooks (
    id         BLOB NOT NULL PRIMARY KEY,
    owner_kind TEXT NOT NULL CHECK (owner_kind IN ('user', 'project')),
    owner_id   BLOB NOT NULL,
    url        TEXT NOT NULL,
    secret     TEXT NOT NULL,
    -- A JSON array; an empty one is all there are.
    kinds      TEXT NOT NULL,
    created_by BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- The revision that made it: their order, whatever clocks say.
    made       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX webhooks_of_owner ON webhooks (owner_id, owner_kind);

-- How often a table was changed. Whoever changes it moves its row on first.
CREATE TABLE changes (
    what     TEXT NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO changes (what, revision) VALUES ('webhooks', 0);
