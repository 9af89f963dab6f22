-- Which pool a project shares, and whether others may join its own. There was none before: each project had its own.

ALTER TABLE projects
    ADD COLUMN pool_id   uuid,
    ADD COLUMN pool_open boolean NOT NULL DEFAULT FALSE;
