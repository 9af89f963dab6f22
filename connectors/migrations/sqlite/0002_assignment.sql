-- How tickets came to whoever has them, and how projects want that done.

ALTER TABLE tickets ADD COLUMN assigned_by BLOB;
ALTER TABLE tickets ADD COLUMN assigned_at INTEGER;
ALTER TABLE tickets ADD COLUMN assignment_round INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tickets ADD COLUMN assignment_reason TEXT;
ALTER TABLE tickets ADD COLUMN assignment_held INTEGER NOT NULL DEFAULT 0;
ALTER TABLE projects ADD COLUMN assignment_policy TEXT NOT NULL DEFAULT 'least_loaded';

-- The log tells what older rows should say now: it is read again from its beginning.
DELETE FROM users;
DELETE FROM projects;
DELETE FROM project_sequences;
DELETE FROM members;
DELETE FROM tickets;
DELETE FROM ticket_labels;
DELETE FROM status_counts;
DELETE FROM comments;
DELETE FROM outcomes;
DELETE FROM sink_offsets;
