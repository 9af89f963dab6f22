-- Who is told of what, and what users want to hear of. There were no such records before.

CREATE TABLE notifications (
    user_id        uuid NOT NULL,
    sequence       bigint NOT NULL,
    id             uuid NOT NULL,
    reason         text NOT NULL,
    event_id       uuid NOT NULL,
    kind           text NOT NULL,
    project_id     uuid NOT NULL,
    event_sequence bigint NOT NULL,
    ticket_id      uuid NOT NULL,
    number         bigint NOT NULL,
    code           text NOT NULL,
    title          text NOT NULL,
    actor_id       uuid NOT NULL,
    detail         text NOT NULL,
    actor          text NOT NULL,
    assignee       text NOT NULL,
    at             bigint NOT NULL,
    read           boolean NOT NULL,
    PRIMARY KEY (user_id, sequence)
);
CREATE UNIQUE INDEX notifications_by_id ON notifications (id);
CREATE INDEX notifications_unread ON notifications (user_id, sequence) WHERE NOT read;

-- As JSON: nobody looks a user up by them.
ALTER TABLE users ADD COLUMN preferences text NOT NULL DEFAULT '{}';
