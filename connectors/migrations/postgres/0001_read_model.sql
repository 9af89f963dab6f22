-- The read model: what the sink makes of the events. All of it can be made again from the log.
-- Times are milliseconds since 1970-01-01T00:00Z. Names of things are compared byte by byte, whatever the database's locale.
-- Rows that change with every batch have room on their pages, so that no index has to follow.

CREATE TABLE users (
    id         uuid PRIMARY KEY,
    email      text,
    name       text NOT NULL,
    role       text NOT NULL,
    source     text,
    login      text,
    sequence   bigint NOT NULL,
    created_at bigint NOT NULL
);

CREATE TABLE projects (
    id              uuid PRIMARY KEY,
    key             text COLLATE "C" NOT NULL UNIQUE,
    name            text NOT NULL,
    description     text NOT NULL,
    owner_id        uuid NOT NULL,
    viewer_comments boolean NOT NULL,
    created_at      bigint NOT NULL,
    updated_at      bigint NOT NULL
);

-- Apart from the projects, because it changes with every event.
CREATE TABLE project_sequences (
    project_id uuid PRIMARY KEY,
    sequence   bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE members (
    project_id uuid NOT NULL,
    user_id    uuid NOT NULL,
    handle     text COLLATE "C" NOT NULL,
    role       text NOT NULL,
    capacity   integer NOT NULL,
    skills     text[] NOT NULL,
    available  boolean NOT NULL,
    PRIMARY KEY (project_id, user_id)
);
CREATE INDEX members_by_user ON members (user_id, project_id);

CREATE TABLE tickets (
    id              uuid PRIMARY KEY,
    project_id      uuid NOT NULL,
    number          bigint NOT NULL,
    code            text NOT NULL,
    title           text NOT NULL,
    priority        text COLLATE "C" NOT NULL,
    status          text COLLATE "C" NOT NULL,
    labels          text[] NOT NULL,
    reporter_id     uuid NOT NULL,
    assignee_id     uuid,
    due_date        bigint,
    external_source text,
    external_id     text,
    external_url    text,
    version         bigint NOT NULL,
    sequence        bigint NOT NULL,
    imported        boolean NOT NULL,
    created_at      bigint NOT NULL,
    updated_at      bigint NOT NULL,
    description     text NOT NULL,
    UNIQUE (project_id, number)
);
CREATE INDEX tickets_by_status ON tickets (project_id, status, number);
CREATE INDEX tickets_by_assignee ON tickets (project_id, assignee_id, number);
CREATE INDEX tickets_by_update ON tickets (project_id, updated_at, number);

CREATE TABLE ticket_labels (
    project_id uuid NOT NULL,
    label      text COLLATE "C" NOT NULL,
    number     bigint NOT NULL,
    PRIMARY KEY (project_id, label, number)
);
CREATE INDEX ticket_labels_by_ticket ON ticket_labels (project_id, number);

-- Counted as events come, because counting 100,000 tickets for each look at a board would take too long.
CREATE TABLE status_counts (
    project_id uuid NOT NULL,
    status     text COLLATE "C" NOT NULL,
    tickets    bigint NOT NULL,
    PRIMARY KEY (project_id, status)
) WITH (fillfactor = 50);

CREATE TABLE comments (
    id         uuid NOT NULL,
    project_id uuid NOT NULL,
    ticket_id  uuid NOT NULL,
    author_id  uuid NOT NULL,
    content    text NOT NULL,
    parent_id  uuid,
    sequence   bigint NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (ticket_id, sequence)
);

CREATE TABLE outcomes (
    command_id uuid PRIMARY KEY,
    decided_at bigint NOT NULL,
    failed     boolean NOT NULL,
    outcome    bytea NOT NULL
);
-- Rows lie in the order in which they came, which is about that of time: the old ones are found with next to no index.
CREATE INDEX outcomes_by_time ON outcomes USING brin (decided_at) WITH (pages_per_range = 16);

-- How far the rows above reach; written in the transaction that writes them.
CREATE TABLE sink_offsets (
    topic       text COLLATE "C" NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);
