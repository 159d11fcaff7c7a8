-- The caller may stay on the line after the talk, to rate it by a key.
ALTER TABLE call
    ADD COLUMN talk_ended_at timestamptz,
    ADD COLUMN rating smallint CHECK (rating BETWEEN 1 AND 5);  -- 1 very satisfied … 5 not at all
