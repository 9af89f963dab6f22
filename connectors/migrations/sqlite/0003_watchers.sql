-- Who watches which ticket. There was no such event before.

CREATE TABLE watchers (
    project_id BLOB NOT NULL,
    number     INTEGER NOT NULL,
    user_id    BLOB NOT NULL,
    since      INTEGER NOT NULL,
    PRIMARY KEY (project_id, number, user_id)
) STRICT, WITHOUT ROWID;
