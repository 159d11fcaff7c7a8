-- Search by the pairs of characters that follow one another: no extension, any word of two characters or more.
-- Triggers keep it, so that it is true in the same transaction whoever writes, an older program too.

-- Full-width letters, digits and signs are read as their narrow forms, and capitals as small ones; one character stays one, so
-- that places in the folded text are places in the text. ivr.domain.search_text says the same; a test compares them.
CREATE FUNCTION search_fold(told text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT translate(told,
        'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
        'ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ０１２３４５６７８９'
        '！＂＃＄％＆＇（）＊＋，－．／：；＜＝＞？＠［＼］＾＿｀｛｜｝～　',
        'abcdefghijklmnopqrstuvwxyz'
        'abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz0123456789'
        '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~ ')
$$;

CREATE FUNCTION search_week(moment timestamptz) RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT floor(extract(epoch FROM moment) / 604800)::integer
$$;

-- Each pair with its week: a common word is then read from the newest weeks alone, instead of all there are.
-- Its body is bound when it is made: while PostgreSQL builds an index it looks no function up by its bare name.
CREATE FUNCTION search_keys(week integer, told text) RETURNS bigint[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(array_agg(DISTINCT pair), '{}') FROM (
        SELECT (week::bigint << 42) | (ascii(c)::bigint << 21) | ascii(lead(c) OVER (ORDER BY n)) AS pair
          FROM unnest(string_to_array(search_fold(told), NULL)) WITH ORDINALITY AS character (c, n)
    ) AS pairs WHERE pair IS NOT NULL;
END;

-- One row for each text that can be found: a segment of a transcript, or the note or a field of an order.
CREATE TABLE search_text (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL,     -- the call's arrival, the order's opening
    week       integer NOT NULL,         -- search_week(at)
    linked_id  text,                     -- of a segment
    track_id   bigint,
    order_id   bigint,                   -- of an order's text
    part       text NOT NULL DEFAULT '', -- 'note' or the field's name
    ordinal    integer NOT NULL DEFAULT 0,
    text       text NOT NULL,
    CHECK ((track_id IS NULL) <> (order_id IS NULL))
);

INSERT INTO search_text (at, week, linked_id, track_id, ordinal, text)
    SELECT moment, search_week(moment), s.linked_id, s.track_id, s.ordinal, s.text
      FROM transcript_segment s JOIN recording_track t ON t.id = s.track_id LEFT JOIN call c ON c.linked_id = s.linked_id,
           coalesce(c.arrived_at, t.ready_at) AS moment
     WHERE s.text <> '';
INSERT INTO search_text (at, week, order_id, part, text)
    SELECT opened_at, search_week(opened_at), id, 'note', note FROM work_order WHERE note <> '';
INSERT INTO search_text (at, week, order_id, part, ordinal, text)
    SELECT o.opened_at, search_week(o.opened_at), o.id, f.field, f.ordinal, f.display
      FROM work_order_field f JOIN work_order o ON o.id = f.order_id WHERE f.display <> '';

SET LOCAL maintenance_work_mem = '256MB';
-- Without a list of pending entries, which every search would have to read to its end.
CREATE INDEX search_text_keys ON search_text USING gin (search_keys(week, text)) WITH (fastupdate = off);
CREATE INDEX search_text_week ON search_text (week);
CREATE UNIQUE INDEX search_text_segment ON search_text (track_id, ordinal) WHERE track_id IS NOT NULL;
CREATE UNIQUE INDEX search_text_order ON search_text (order_id, part, ordinal) WHERE order_id IS NOT NULL;
CREATE INDEX search_text_linked_id ON search_text (linked_id) WHERE linked_id IS NOT NULL;

CREATE FUNCTION search_follow_segment() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM search_text WHERE track_id = OLD.track_id AND ordinal = OLD.ordinal;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.text <> '' THEN
        moment := coalesce((SELECT arrived_at FROM call WHERE linked_id = NEW.linked_id),
                           (SELECT ready_at FROM recording_track WHERE id = NEW.track_id), now());
        INSERT INTO search_text (at, week, linked_id, track_id, ordinal, text)
            VALUES (moment, search_week(moment), NEW.linked_id, NEW.track_id, NEW.ordinal, NEW.text);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER search_segment AFTER INSERT OR UPDATE OR DELETE ON transcript_segment
    FOR EACH ROW EXECUTE FUNCTION search_follow_segment();

CREATE FUNCTION search_follow_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM search_text WHERE order_id = OLD.id AND part = 'note';
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.note <> '' THEN
        INSERT INTO search_text (at, week, order_id, part, text)
            VALUES (NEW.opened_at, search_week(NEW.opened_at), NEW.id, 'note', NEW.note);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER search_note AFTER INSERT OR DELETE ON work_order FOR EACH ROW EXECUTE FUNCTION search_follow_note();
CREATE TRIGGER search_note_changed AFTER UPDATE OF note ON work_order
    FOR EACH ROW WHEN (OLD.note IS DISTINCT FROM NEW.note) EXECUTE FUNCTION search_follow_note();

CREATE FUNCTION search_follow_field() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM search_text WHERE order_id = OLD.order_id AND part = OLD.field AND ordinal = OLD.ordinal;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.display <> '' THEN
        INSERT INTO search_text (at, week, order_id, part, ordinal, text)
            SELECT opened_at, search_week(opened_at), id, NEW.field, NEW.ordinal, NEW.display FROM work_order WHERE id = NEW.order_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER search_field AFTER INSERT OR UPDATE OR DELETE ON work_order_field
    FOR EACH ROW EXECUTE FUNCTION search_follow_field();

-- A transcript may be there before its call.
CREATE FUNCTION search_follow_call() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE search_text SET at = NEW.arrived_at, week = search_week(NEW.arrived_at)
     WHERE linked_id = NEW.linked_id AND at <> NEW.arrived_at;
    RETURN NULL;
END $$;
CREATE TRIGGER search_call AFTER INSERT ON call FOR EACH ROW EXECUTE FUNCTION search_follow_call();
CREATE TRIGGER search_call_moved AFTER UPDATE OF arrived_at ON call
    FOR EACH ROW WHEN (OLD.arrived_at IS DISTINCT FROM NEW.arrived_at) EXECUTE FUNCTION search_follow_call();

-- The newest texts that hold every word: the newest week first, then 4, 16 and 64 weeks at a time, until there are enough.
-- The keys are not known when the plan is made, which is once for a connection. Whatever is guessed of them, the index is the
-- way, and the orders of what it finds are looked at one by one, the newest first. ``words`` are those of three characters or more: of two the pairs say all.
CREATE FUNCTION search_find(
    pairs bigint[], words text[], first_week integer, last_week integer, since timestamptz, before timestamptz,
    after_at timestamptz, after_id bigint, wanted_category text, wanted_town text, with_confidential boolean, most integer
) RETURNS TABLE (id bigint, at timestamptz, linked_id text, track_id bigint, ordinal integer, part text, text text, order_id bigint)
LANGUAGE plpgsql STABLE ROWS 20
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    newest integer;
    oldest integer;
    width integer := 1;
    found_now integer;
BEGIN
    SELECT least(max(s.week), last_week), greatest(min(s.week), first_week) INTO newest, oldest FROM search_text s;
    WHILE newest >= oldest AND most > 0 LOOP
        RETURN QUERY
            SELECT t.id, t.at, t.linked_id, t.track_id, t.ordinal, t.part, t.text, coalesce(t.order_id, oc.order_id) AS order_id
              FROM (SELECT t.* FROM generate_series(newest, greatest(newest - width + 1, oldest), -1) AS w (week)
                     CROSS JOIN LATERAL (
                        SELECT array_agg((w.week::bigint << 42) | pair) AS keys FROM unnest(pairs) AS pair) AS wanted
                      JOIN search_text t ON search_keys(t.week, t.text) @> wanted.keys
                     WHERE NOT EXISTS (SELECT FROM unnest(words) AS word
                                        WHERE position(word IN t.text) = 0 AND position(word IN search_fold(t.text)) = 0)
                       AND (since IS NULL OR t.at >= since) AND (before IS NULL OR t.at < before)
                       AND (after_at IS NULL OR (t.at, t.id) < (after_at, after_id))
                     ORDER BY t.at DESC, t.id DESC) AS t
              LEFT JOIN work_order_call oc ON oc.linked_id = t.linked_id
             WHERE (with_confidential OR NOT EXISTS (
                    SELECT FROM work_order o WHERE o.id = coalesce(t.order_id, oc.order_id) AND o.confidential))
               AND (wanted_category IS NULL OR EXISTS (
                    SELECT FROM work_order o WHERE o.id = coalesce(t.order_id, oc.order_id) AND o.category = wanted_category))
               AND (wanted_town IS NULL OR EXISTS (
                    SELECT FROM work_order_field p
                     WHERE p.order_id = coalesce(t.order_id, oc.order_id) AND p.field = 'place' AND (p.value = wanted_town
                        OR p.value IN (SELECT code FROM place WHERE town_code = wanted_town))))
             ORDER BY t.at DESC, t.id DESC LIMIT most;
        GET DIAGNOSTICS found_now = ROW_COUNT;
        most := most - found_now;
        newest := newest - width;
        width := least(width * 4, 64);
    END LOOP;
END $$;
