-- The workflow of a project's own, as JSON; none: the default, as all had before. And whether nothing of the project may change.

ALTER TABLE projects ADD COLUMN workflow TEXT;
ALTER TABLE projects ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;
