-- Users who may do nothing any more. The API asks for all of them again and again, and they are few.

ALTER TABLE users ADD COLUMN deactivated INTEGER NOT NULL DEFAULT 0;

CREATE INDEX users_deactivated ON users (id) WHERE deactivated;
