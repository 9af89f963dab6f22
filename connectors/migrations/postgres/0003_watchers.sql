-- Who watches which ticket. There was no such event before.

CREATE TABLE watchers (
    project_id uuid NOT NULL,
    number     bigint NOT NULL,
    user_id    uuid NOT NULL,
    since      bigint NOT NULL,
    PRIMARY KEY (project_id, number, user_id)
);
