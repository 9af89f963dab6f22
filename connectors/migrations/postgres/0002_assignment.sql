-- How tickets came to whoever has them, and how projects want that done. What was written before is as it was made;
-- `sink rebuild` reads the rest from the log.

ALTER TABLE tickets
    ADD COLUMN assigned_by       uuid,
    ADD COLUMN assigned_at       bigint,
    ADD COLUMN assignment_round  bigint NOT NULL DEFAULT 0,
    ADD COLUMN assignment_reason text,
    ADD COLUMN assignment_held   boolean NOT NULL DEFAULT FALSE;

ALTER TABLE projects ADD COLUMN assignment_policy text COLLATE "C" NOT NULL DEFAULT 'least_loaded';
