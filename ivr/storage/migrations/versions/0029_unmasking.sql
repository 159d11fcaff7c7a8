-- Who asked to see the numbers and names of one matter, why, and until when. Rows stay: they are part of the record.
CREATE TABLE unmasking (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person  text NOT NULL,                     -- account name
    object  text NOT NULL,                     -- call:<linked id> or order:<number>
    reason  text NOT NULL,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    ends_at timestamptz NOT NULL
);
CREATE INDEX unmasking_in_force ON unmasking (person, object, ends_at);
