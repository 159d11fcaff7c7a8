-- What must not be deleted though its time is over: a call, or an order with its calls, until a day, with who said so and why.
CREATE TABLE legal_hold (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    object     text NOT NULL,                    -- call:<linked id> or order:<number>
    reason     text NOT NULL,
    set_by     text NOT NULL,
    set_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    until      timestamptz NOT NULL,
    lifted_by  text NOT NULL DEFAULT '',
    lifted_at  timestamptz,
    lifted_why text NOT NULL DEFAULT ''
);
CREATE INDEX legal_hold_in_force ON legal_hold (object, until) WHERE lifted_at IS NULL;

-- What was deleted because its time was over: what it was, when, and the digest it had. Written once, never changed.
CREATE TABLE retention_deletion (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind      text NOT NULL CHECK (kind IN ('recording', 'video', 'transcript', 'order', 'log')),
    object    text NOT NULL,                     -- a file's path in the recordings folder, a call, an order's number, a log's name
    linked_id text NOT NULL DEFAULT '',
    sha256    bytea NOT NULL,                    -- of the file, or of the deleted rows as canonical JSON
    bytes     bigint NOT NULL,
    born_at   timestamptz NOT NULL               -- when it came into being
);
CREATE INDEX retention_deletion_at ON retention_deletion (at, id);
CREATE INDEX retention_deletion_linked_id ON retention_deletion (linked_id) WHERE linked_id <> '';

-- The rows stay: a figure still counts the call, and a file that is gone is told from one that is lost.
ALTER TABLE recording_track ADD COLUMN deleted_at timestamptz;             -- of the file
ALTER TABLE recording_track ADD COLUMN transcript_deleted_at timestamptz;
ALTER TABLE work_order ADD COLUMN cleared_at timestamptz;                  -- of what citizens said and who they are
