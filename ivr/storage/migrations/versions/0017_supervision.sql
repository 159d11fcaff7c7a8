-- A supervisor's ear or voice on an operator's call. Apart from exchange_command, whose rows an older controller takes for pauses.
CREATE TABLE watch (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mode       text NOT NULL CHECK (mode IN ('listen', 'whisper', 'barge', 'take_over')),
    seat       text NOT NULL,                  -- whose call
    phone      text NOT NULL,                  -- the seat whose telephone the supervisor has
    watcher    text NOT NULL,                  -- account name
    reason     text NOT NULL,
    -- 'changing': another mode was asked for, whose row will have this one's channel.
    state      text NOT NULL DEFAULT 'waiting'
               CHECK (state IN ('waiting', 'calling', 'on', 'changing', 'ending', 'over', 'refused', 'late')),
    problem    text NOT NULL DEFAULT '',
    channel_id text NOT NULL DEFAULT '',       -- unique id of the supervisor's channel
    linked_id  text NOT NULL DEFAULT '',       -- the citizen's call
    asked_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    ends_at    timestamptz NOT NULL,           -- nobody begins it after this
    begun_at   timestamptz,
    over_at    timestamptz
);
CREATE UNIQUE INDEX watch_of_watcher ON watch (watcher) WHERE state IN ('waiting', 'calling', 'on', 'ending');
CREATE INDEX watch_open ON watch (id) WHERE state IN ('waiting', 'calling', 'on', 'changing', 'ending');
CREATE INDEX watch_linked_id ON watch (linked_id) WHERE linked_id <> '';

-- A supervisor's words to who sits at a seat.
CREATE TABLE seat_message (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seat       text NOT NULL,
    holder     text NOT NULL,                  -- who sat there: nobody else is shown it
    text       text NOT NULL,
    sent_by    text NOT NULL,
    sent_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at    timestamptz
);
CREATE INDEX seat_message_holder ON seat_message (holder, id) WHERE seen_at IS NULL;
CREATE INDEX seat_message_sent_at ON seat_message (sent_at);

-- Pages are told that something about a seat changed; a web process of before passes over what it does not know.
ALTER TABLE feed DROP CONSTRAINT feed_topic_check;
ALTER TABLE feed ADD CONSTRAINT feed_topic_check CHECK (topic IN ('queue', 'call', 'order', 'alarm', 'seat', 'risk'));
