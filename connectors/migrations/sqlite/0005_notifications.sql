-- Who is told of what, and what users want to hear of. There were no such records before.

CREATE TABLE notifications (
    user_id        BLOB NOT NULL,
    sequence       INTEGER NOT NULL,
    id             BLOB NOT NULL,
    reason         TEXT NOT NULL,
    event_id       BLOB NOT NULL,
    kind           TEXT NOT NULL,
    project_id     BLOB NOT NULL,
    event_sequence INTEGER NOT NULL,
    ticket_id      BLOB NOT NULL,
    number         INTEGER NOT NULL,
    code           TEXT NOT NULL,
    title          TEXT NOT NULL,
    actor_id       BLOB NOT NULL,
    detail         TEXT NOT NULL,
    actor          TEXT NOT NULL,
    assignee       TEXT NOT NULL,
    at             INTEGER NOT NULL,
    read           INTEGER NOT NULL,
    PRIMARY KEY (user_id, sequence)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX notifications_by_id ON notifications (id);
CREATE INDEX notifications_unread ON notifications (user_id, sequence) WHERE read = FALSE;

-- As JSON: nobody looks a user up by them.
ALTER TABLE users ADD COLUMN preferences TEXT NOT NULL DEFAULT '{}';
