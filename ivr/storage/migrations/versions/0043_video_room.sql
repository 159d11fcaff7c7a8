-- A third side asked into a village's call; apart from exchange_command and watch, whose rows an older controller takes for its own.
CREATE TABLE room_invitation (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seat       text NOT NULL,                  -- whose call
    who        text NOT NULL,                  -- 'station', 'adviser', a work number or an extension
    asked_by   text NOT NULL,                  -- account name
    state      text NOT NULL DEFAULT 'waiting'
               CHECK (state IN ('waiting', 'calling', 'ringing', 'joined', 'ending', 'over')),
    problem    text NOT NULL DEFAULT '',       -- why it came to nothing (ivr.domain.video_room)
    channel_id text NOT NULL DEFAULT '',       -- unique id of the third's channel
    linked_id  text NOT NULL DEFAULT '',       -- the village's call
    asked_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    ends_at    timestamptz NOT NULL,           -- nobody begins it after this
    joined_at  timestamptz,
    over_at    timestamptz
);
CREATE UNIQUE INDEX room_invitation_open ON room_invitation (seat) WHERE state <> 'over';
CREATE INDEX room_invitation_seat ON room_invitation (seat, id);
