-- Whose browser a seat is now. A lease that is not renewed ends by itself.
CREATE TABLE seat_lease (
    seat       text PRIMARY KEY,               -- name in the settings
    holder     text NOT NULL UNIQUE,           -- account name: one seat for each operator
    credential bytea NOT NULL,                 -- digest of the session it is leased to
    taken_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    ends_at    timestamptz NOT NULL
);

-- What the web process asks the controller to do at the exchange: taken once, answered in time or not done at all.
CREATE TABLE exchange_command (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('pause', 'resume')),
    seat       text NOT NULL,
    reason     text NOT NULL DEFAULT '',
    asked_by   text NOT NULL,
    asked_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    ends_at    timestamptz NOT NULL,           -- nobody begins it after this
    state      text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'taken', 'done', 'refused', 'late')),
    problem    text NOT NULL DEFAULT ''
);
CREATE INDEX exchange_command_waiting ON exchange_command (id) WHERE state = 'waiting';
CREATE INDEX exchange_command_asked_at ON exchange_command (asked_at);

-- What the follower hears while a call goes on, for who talks with the caller. The transcript takes its place; hours later it is gone.
CREATE TABLE heard_segment (
    linked_id  text NOT NULL,
    speaker    text NOT NULL CHECK (speaker IN ('caller', 'operator')),
    ordinal    integer NOT NULL,
    start_s    double precision NOT NULL,
    end_s      double precision NOT NULL,
    text       text NOT NULL,
    confidence double precision NOT NULL,
    heard_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (linked_id, speaker, ordinal)
);
CREATE INDEX heard_segment_heard_at ON heard_segment (heard_at);
