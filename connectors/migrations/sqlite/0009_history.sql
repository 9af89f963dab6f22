-- What happened in each project, from when this table was made on. Of long texts only the beginning is here, and nothing of what a ticket said that is deleted.

-- With row ids: without, SQLite reads a ticket's history through that of its whole project.
CREATE TABLE history (
    project_id BLOB NOT NULL,
    sequence   INTEGER NOT NULL,
    -- What it is about: the number of a ticket, the id of a member; empty: the project.
    subject    TEXT NOT NULL,
    kind       TEXT NOT NULL,
    -- Null: nobody, it came about by itself.
    actor_id   BLOB,
    at         INTEGER NOT NULL,
    -- JSON: a list of [field, new], or of [field, old, new] where the event says what was so before.
    changes    TEXT NOT NULL,
    UNIQUE (project_id, sequence)
) STRICT;
CREATE INDEX history_of_subject ON history (project_id, subject, sequence);

CREATE INDEX tickets_by_reporter ON tickets (project_id, reporter_id, number);
CREATE INDEX tickets_by_due_date ON tickets (project_id, due_date, number) WHERE due_date IS NOT NULL;
