-- The recorded picture of rooms of three sides: what becomes of it while the room lasts, and what was kept.
ALTER TABLE room_invitation
    ADD COLUMN film text NOT NULL DEFAULT '' CHECK (film IN ('', 'none', 'asked', 'on', 'stopping', 'over')),
    ADD COLUMN film_problem text NOT NULL DEFAULT '';   -- why there is no picture, or no more of it (ivr.domain.room_film)

CREATE TABLE room_film (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    linked_id     text NOT NULL REFERENCES call (linked_id),
    name          text NOT NULL UNIQUE,           -- of the exchange's files, one for each room
    path          text NOT NULL,                  -- relative to the recordings folder; '' when there is no file
    media_type    text NOT NULL CHECK (media_type IN ('', 'video/webm', 'video/mp4')),
    width         integer NOT NULL,
    height        integer NOT NULL,
    frames        integer NOT NULL,
    seconds       double precision NOT NULL,
    bytes         bigint NOT NULL,
    sha256        bytea NOT NULL,
    began_at      timestamptz NOT NULL,
    told_at       timestamptz,                    -- when the villager had heard that it would be recorded, by the ledger
    third_told    text NOT NULL,                  -- who came in and had heard it too
    third_told_at timestamptz,
    problem       text NOT NULL,                  -- why there is no file
    deleted_at    timestamptz,                    -- of the file, when its time was over
    CHECK ((path = '') = (problem <> '')),
    CHECK (path = '' OR told_at IS NOT NULL)
);
CREATE INDEX room_film_linked_id ON room_film (linked_id, id);
CREATE INDEX room_film_deleted_at ON room_film (deleted_at) WHERE deleted_at IS NOT NULL;

ALTER TABLE retention_deletion DROP CONSTRAINT retention_deletion_kind_check;
ALTER TABLE retention_deletion ADD CONSTRAINT retention_deletion_kind_check
    CHECK (kind IN ('recording', 'video', 'film', 'picture', 'transcript', 'order', 'log'));
