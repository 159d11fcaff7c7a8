-- A word of risk a caller said: once for each call and word, heard while the call went on or found in its transcript.
CREATE TABLE risk_alert (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    linked_id     text NOT NULL,
    kind          text NOT NULL,                 -- of the table's row
    phrase        text NOT NULL,                 -- the table's, which is counted
    words         text NOT NULL,                 -- as it was heard
    said          text NOT NULL,                 -- the stretch of speech it stands in
    at_s          double precision NOT NULL,     -- seconds into the recording
    source        text NOT NULL CHECK (source IN ('live', 'transcript')),
    table_version text NOT NULL,
    raised_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    decision      text CHECK (decision IN ('real', 'false')),
    decided_by    text,
    decided_at    timestamptz,
    reason        text NOT NULL DEFAULT '',
    UNIQUE (linked_id, phrase),
    CHECK ((decision IS NULL) = (decided_at IS NULL) AND (decision IS NULL) = (decided_by IS NULL))
);
CREATE INDEX risk_alert_open ON risk_alert (id) WHERE decision IS NULL;
CREATE INDEX risk_alert_phrase ON risk_alert (phrase);
