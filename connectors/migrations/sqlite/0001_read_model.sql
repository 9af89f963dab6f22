-- The read model: what the sink makes of the events. All of it can be made again from the log.
-- Ids are 16 bytes, times are milliseconds since 1970-01-01T00:00Z, lists are JSON arrays of strings.

CREATE TABLE users (
    id         BLOB PRIMARY KEY NOT NULL,
    email      TEXT,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    source     TEXT,
    login      TEXT,
    sequence   INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE projects (
    id              BLOB PRIMARY KEY NOT NULL,
    key             TEXT NOT NULL UNIQUE,
    name            TEXT NOT NULL,
    description     TEXT NOT NULL,
    owner_id        BLOB NOT NULL,
    viewer_comments INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT;

-- Apart from the projects, because it changes with every event.
CREATE TABLE project_sequences (
    project_id BLOB PRIMARY KEY NOT NULL,
    sequence   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE members (
    project_id BLOB NOT NULL,
    user_id    BLOB NOT NULL,
    handle     TEXT NOT NULL,
    role       TEXT NOT NULL,
    capacity   INTEGER NOT NULL,
    skills     TEXT NOT NULL,
    available  INTEGER NOT NULL,
    PRIMARY KEY (project_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_user ON members (user_id, project_id);

CREATE TABLE tickets (
    id              BLOB NOT NULL UNIQUE,
    project_id      BLOB NOT NULL,
    number          INTEGER NOT NULL,
    code            TEXT NOT NULL,
    title           TEXT NOT NULL,
    priority        TEXT NOT NULL,
    status          TEXT NOT NULL,
    labels          TEXT NOT NULL,
    reporter_id     BLOB NOT NULL,
    assignee_id     BLOB,
    due_date        INTEGER,
    external_source TEXT,
    external_id     TEXT,
    external_url    TEXT,
    version         INTEGER NOT NULL,
    sequence        INTEGER NOT NULL,
    imported        INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    -- Last, so that reading a card does not walk through the text's overflow pages.
    description     TEXT NOT NULL,
    UNIQUE (project_id, number)
) STRICT;
CREATE INDEX tickets_by_status ON tickets (project_id, status, number);
CREATE INDEX tickets_by_assignee ON tickets (project_id, assignee_id, number);
CREATE INDEX tickets_by_update ON tickets (project_id, updated_at, number);

CREATE TABLE ticket_labels (
    project_id BLOB NOT NULL,
    label      TEXT NOT NULL,
    number     INTEGER NOT NULL,
    PRIMARY KEY (project_id, label, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX ticket_labels_by_ticket ON ticket_labels (project_id, number);

-- Counted as events come, because counting 100,000 tickets for each look at a board would take too long.
CREATE TABLE status_counts (
    project_id BLOB NOT NULL,
    status     TEXT NOT NULL,
    tickets    INTEGER NOT NULL,
    PRIMARY KEY (project_id, status)
) STRICT, WITHOUT ROWID;

CREATE TABLE comments (
    id         BLOB NOT NULL,
    project_id BLOB NOT NULL,
    ticket_id  BLOB NOT NULL,
    author_id  BLOB NOT NULL,
    content    TEXT NOT NULL,
    parent_id  BLOB,
    sequence   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (ticket_id, sequence)
) STRICT;

-- Rows lie in the order in which they came, which is that of time: the old ones are found without an index.
CREATE TABLE outcomes (
    command_id BLOB NOT NULL UNIQUE,
    decided_at INTEGER NOT NULL,
    failed     INTEGER NOT NULL,
    outcome    BLOB NOT NULL
) STRICT;

-- How far the rows above reach; written in the transaction that writes them.
CREATE TABLE sink_offsets (
    topic       TEXT NOT NULL,
    partition   INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)
) STRICT, WITHOUT ROWID;
