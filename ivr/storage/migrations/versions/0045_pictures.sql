-- Pictures of documents held to a village's camera, kept with their call; the files lie in the recordings folder.
CREATE TABLE picture (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    linked_id  text NOT NULL REFERENCES call (linked_id),
    path       text NOT NULL,                    -- relative to the recordings folder
    media_type text NOT NULL CHECK (media_type IN ('image/png', 'image/jpeg')),
    width      integer NOT NULL,
    height     integer NOT NULL,
    bytes      bigint NOT NULL,
    sha256     bytea NOT NULL,
    asked_at   timestamptz NOT NULL,             -- when the villager was asked for consent, by the ledger
    taken_at   timestamptz NOT NULL,
    taken_by   text NOT NULL,                    -- who asked and heard it given
    deleted_at timestamptz                       -- of the file, when its time was over
);
CREATE UNIQUE INDEX picture_once ON picture (linked_id, sha256) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX picture_path ON picture (path) WHERE deleted_at IS NULL;
CREATE INDEX picture_deleted_at ON picture (deleted_at) WHERE deleted_at IS NOT NULL;

ALTER TABLE retention_deletion DROP CONSTRAINT retention_deletion_kind_check;
ALTER TABLE retention_deletion ADD CONSTRAINT retention_deletion_kind_check
    CHECK (kind IN ('recording', 'video', 'picture', 'transcript', 'order', 'log'));
