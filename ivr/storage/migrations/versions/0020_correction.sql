-- A word of a transcript that a person corrected. What was heard stays here; the segment shows the corrected word, and the search
-- finds it, by the trigger that follows segments.
CREATE TABLE transcript_correction (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    linked_id    text NOT NULL,
    track_id     bigint NOT NULL,
    ordinal      integer NOT NULL,               -- of the segment
    word         integer NOT NULL,               -- of the segment's words, from 0
    heard        text NOT NULL,                  -- as the recogniser heard it, also after a second correction
    corrected    text NOT NULL,
    corrected_by text NOT NULL,
    corrected_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (track_id, ordinal, word)
);
CREATE INDEX transcript_correction_linked_id ON transcript_correction (linked_id);
CREATE INDEX transcript_correction_pair ON transcript_correction (heard, corrected);

-- Terms corrected often that somebody took into the local list, or said no to.
CREATE TABLE local_term (
    term       text PRIMARY KEY,
    heard      text NOT NULL DEFAULT '',
    accepted   boolean NOT NULL,
    decided_by text NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
