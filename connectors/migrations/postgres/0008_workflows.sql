-- The workflow of a project's own, as JSON; none: the default, as all had before. And whether nothing of the project may change.

ALTER TABLE projects
    ADD COLUMN workflow text,
    ADD COLUMN archived boolean NOT NULL DEFAULT FALSE;
