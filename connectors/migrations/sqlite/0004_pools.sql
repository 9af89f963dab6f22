-- Which pool a project shares, and whether others may join its own. There was none before: each project had its own.

ALTER TABLE projects ADD COLUMN pool_id BLOB;
ALTER TABLE projects ADD COLUMN pool_open INTEGER NOT NULL DEFAULT 0;
