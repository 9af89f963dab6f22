-- Words to search for. A ticket is found by its title and its description, a comment's ticket by the comment.

-- What has words: a ticket, or the comment of it with this sequence. Its id is that of the words, and stays what it is when the file is compacted.
CREATE TABLE documents (
    id        INTEGER PRIMARY KEY,
    ticket_id BLOB NOT NULL,
    -- 0: the ticket itself.
    sequence  INTEGER NOT NULL,
    UNIQUE (ticket_id, sequence)
) STRICT;

-- Only the index, not the texts. The project's id is searched for like a word, so that one index answers for both.
CREATE VIRTUAL TABLE words USING fts5 (
    project, text, content = '', contentless_delete = 1, detail = column, tokenize = 'unicode61 remove_diacritics 2'
);

CREATE TRIGGER ticket_was_made AFTER INSERT ON tickets BEGIN
    INSERT INTO documents (ticket_id, sequence) VALUES (new.id, 0);
    INSERT INTO words (rowid, project, text)
        VALUES (last_insert_rowid(), lower(hex(new.project_id)), new.title || ' ' || new.description);
END;
CREATE TRIGGER ticket_was_edited AFTER UPDATE OF title, description ON tickets
WHEN new.title <> old.title OR new.description <> old.description BEGIN
    UPDATE words SET project = lower(hex(new.project_id)), text = new.title || ' ' || new.description
        WHERE rowid = (SELECT id FROM documents WHERE ticket_id = new.id AND sequence = 0);
END;
CREATE TRIGGER ticket_was_deleted AFTER DELETE ON tickets BEGIN
    DELETE FROM words WHERE rowid = (SELECT id FROM documents WHERE ticket_id = old.id AND sequence = 0);
    DELETE FROM documents WHERE ticket_id = old.id AND sequence = 0;
END;
CREATE TRIGGER comment_was_made AFTER INSERT ON comments BEGIN
    INSERT INTO documents (ticket_id, sequence) VALUES (new.ticket_id, new.sequence);
    INSERT INTO words (rowid, project, text) VALUES (last_insert_rowid(), lower(hex(new.project_id)), new.content);
END;
CREATE TRIGGER comment_was_deleted AFTER DELETE ON comments BEGIN
    DELETE FROM words
        WHERE rowid = (SELECT id FROM documents WHERE ticket_id = old.ticket_id AND sequence = old.sequence);
    DELETE FROM documents WHERE ticket_id = old.ticket_id AND sequence = old.sequence;
END;

INSERT INTO documents (ticket_id, sequence) SELECT id, 0 FROM tickets;
INSERT INTO documents (ticket_id, sequence) SELECT ticket_id, sequence FROM comments;
INSERT INTO words (rowid, project, text)
    SELECT d.id, lower(hex(t.project_id)), t.title || ' ' || t.description
    FROM documents d JOIN tickets t ON t.id = d.ticket_id WHERE d.sequence = 0;
INSERT INTO words (rowid, project, text)
    SELECT d.id, lower(hex(c.project_id)), c.content
    FROM documents d JOIN comments c ON c.ticket_id = d.ticket_id AND c.sequence = d.sequence;
