-- What nearly every text holds is found faster by reading the newest texts than by gathering a week of them from the index: the
-- newest two hundred are read first. Whoever asks for letters, digits or signs is left to the index: those are folded, and folding
-- a text costs more than all the rest; Chinese characters are the same in a text and in its folded form.
CREATE INDEX search_text_at ON search_text (at DESC, id DESC);

CREATE OR REPLACE FUNCTION search_find(
    pairs bigint[], words text[], first_week integer, last_week integer, since timestamptz, before timestamptz,
    after_at timestamptz, after_id bigint, wanted_category text, wanted_town text, with_confidential boolean, most integer
) RETURNS TABLE (id bigint, at timestamptz, linked_id text, track_id bigint, ordinal integer, part text, text text, order_id bigint)
LANGUAGE plpgsql STABLE ROWS 20
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
SET plan_cache_mode = force_generic_plan SET max_parallel_workers_per_gather = 0 AS $$
#variable_conflict use_column
DECLARE
    newest integer;
    oldest integer;
    width integer := 1;
    found_now integer;
    parts text[] := ARRAY(SELECT chr((pair >> 21)::integer) || chr((pair & 2097151)::integer) FROM unnest(pairs) AS pair) || words;
    looked_at timestamptz;
    looked_id bigint;
BEGIN
    IF most > 0 AND NOT EXISTS (SELECT FROM unnest(parts) AS part WHERE part ~ '[\x01-\x7f]') THEN
        SELECT t.at, t.id INTO looked_at, looked_id FROM search_text t
         WHERE t.at >= coalesce(since, '-infinity') AND t.at < coalesce(before, 'infinity')
           AND (t.at, t.id) < (coalesce(after_at, 'infinity'), coalesce(after_id, 9223372036854775807))
         ORDER BY t.at DESC, t.id DESC OFFSET 199 LIMIT 1;
        -- Materialized, so that the way to them is chosen by what it costs alone: with the conditions below it was a sort of all texts.
        RETURN QUERY
            WITH lately AS MATERIALIZED (
                SELECT t.* FROM search_text t
                 WHERE t.at >= coalesce(since, '-infinity') AND t.at < coalesce(before, 'infinity')
                   AND (t.at, t.id) < (coalesce(after_at, 'infinity'), coalesce(after_id, 9223372036854775807))
                 ORDER BY t.at DESC, t.id DESC LIMIT 200)
            SELECT t.id, t.at, t.linked_id, t.track_id, t.ordinal, t.part, t.text, coalesce(t.order_id, oc.order_id) AS order_id
              FROM lately AS t
              LEFT JOIN work_order_call oc ON oc.linked_id = t.linked_id
             WHERE NOT EXISTS (SELECT FROM unnest(parts) AS part WHERE position(part IN t.text) = 0)
               AND (with_confidential OR NOT EXISTS (
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
        IF most <= 0 OR looked_id IS NULL THEN
            RETURN;  -- the page is full, or that was all there is
        END IF;
        after_at := looked_at;
        after_id := looked_id;
        last_week := least(last_week, search_week(looked_at));
    END IF;
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
