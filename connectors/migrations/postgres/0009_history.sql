-- What happened in each project, from when this table was made on; `syncroboard sink rebuild` brings what was before. Of long texts only the beginning is here,
-- and nothing of what a ticket said that is deleted.

CREATE TABLE history (
    project_id uuid NOT NULL,
    sequence   bigint NOT NULL,
    -- What it is about: the number of a ticket, the id of a member; empty: the project.
    subject    text NOT NULL,
    kind       text NOT NULL,
    -- Null: nobody, it came about by itself.
    actor_id   uuid,
    at         bigint NOT NULL,
    -- JSON: a list of [field, new], or of [field, old, new] where the event says what was so before.
    changes    text NOT NULL,
    PRIMARY KEY (project_id, sequence)
);
CREATE INDEX history_of_subject ON history (project_id, subject, sequence);

CREATE INDEX tickets_by_reporter ON tickets (project_id, reporter_id, number);
CREATE INDEX tickets_by_due_date ON tickets (project_id, due_date, number) WHERE due_date IS NOT NULL;
