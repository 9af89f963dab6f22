-- Words to search for. A ticket is found by its title and its description, a comment's ticket by the comment.

-- Letters lose their accents, and what separates words becomes a space: PostgreSQL's parser takes `a/b`, `x-y` and `1.5` for more than words. By regular
-- expressions, as `translate` takes fifty times as long.
CREATE FUNCTION search_text(what text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN regexp_replace(
    lower(CASE WHEN octet_length(what) = char_length(what) THEN what
          ELSE regexp_replace(normalize(what, NFKD), '[\u0300-\u036f]+', '', 'g') END),
    '[!-/:-@\[-`{-~\u00a0-\u00bf\u2010-\u205e\u3000-\u303f]+', ' ', 'g');

-- The project's id, after a slash, which no word has, is one of them, so that one index answers for both.
CREATE FUNCTION search_words(project uuid, what text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN array_to_tsvector(ARRAY['/' || project]) || to_tsvector('simple', search_text(what));

-- Each of the words, or a word that begins with it; null if there is none.
CREATE FUNCTION search_terms(what text) RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    (SELECT to_tsquery('simple', string_agg('''' || word || ''':*', ' & ')) FROM unnest(string_to_array(search_text(what), ' ')) word
     WHERE word <> '');

-- The same in these projects; null: in all.
CREATE FUNCTION search_query(projects uuid[], what text) RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    CASE WHEN projects IS NULL THEN search_terms(what) ELSE
        (SELECT string_agg('''/' || project || '''', '|')::tsquery FROM unnest(projects) project) && search_terms(what)
    END;

ALTER TABLE tickets ADD COLUMN words tsvector GENERATED ALWAYS AS (search_words(project_id, title || ' ' || description)) STORED;
CREATE INDEX tickets_by_words ON tickets USING gin (words);
ALTER TABLE comments ADD COLUMN words tsvector GENERATED ALWAYS AS (search_words(project_id, content)) STORED;
CREATE INDEX comments_by_words ON comments USING gin (words);
