-- The spine: ledger facts, calls, recordings, transcripts, work orders, people, the live feed.
-- Needs no extension, so the embedded server and PostgreSQL 15 to 18 behave alike.

-- How far each ledger file was read. A file is known by the digest of its first line, so that a rename
-- (rotation), a copy or a reused inode never makes a line count twice.
CREATE TABLE ledger_position (
    source      text NOT NULL CHECK (source IN ('cel', 'queue_log')),
    file_id     text NOT NULL,
    position    bigint NOT NULL,                -- bytes committed
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, file_id)
);

CREATE TABLE call_fact (
    source      text NOT NULL,
    file_id     text NOT NULL,
    position    bigint NOT NULL,                -- byte at which the line starts
    linked_id   text NOT NULL,
    kind        text NOT NULL,                  -- CEL event type or user event name; queue_log event
    at          timestamptz NOT NULL,
    data        jsonb NOT NULL,
    PRIMARY KEY (source, file_id, position)
);
CREATE INDEX call_fact_linked_id ON call_fact (linked_id, at);

CREATE TABLE call (
    linked_id         text PRIMARY KEY,         -- systemname-epoch.counter, systemname holds the boot counter
    state             text NOT NULL CHECK (state IN ('arrived', 'queued', 'talking', 'ended')),
    outcome           text CHECK (outcome IN ('answered', 'abandoned', 'message', 'callback', 'self_service',
                                              'overflow', 'failed', 'interrupted')),
    channel           text NOT NULL,            -- hotline, village_video, …
    called_number     text NOT NULL DEFAULT '',
    caller_number     text NOT NULL DEFAULT '', -- normalised digits; '' when withheld or unusable
    caller_number_raw text NOT NULL DEFAULT '', -- as sent: never trusted, shown literally
    caller_name_raw   text NOT NULL DEFAULT '',
    trunk             text NOT NULL DEFAULT '',
    queue             text NOT NULL DEFAULT '',
    member_interface  text NOT NULL DEFAULT '',
    notice_version    text NOT NULL DEFAULT '',
    recording_refused boolean NOT NULL DEFAULT false,
    recording_name    text NOT NULL DEFAULT '',
    arrived_at        timestamptz NOT NULL,
    queued_at         timestamptz,
    answered_at       timestamptz,
    ended_at          timestamptz,
    hangup_cause      integer,
    hangup_by         text NOT NULL DEFAULT '', -- caller, operator, system
    updated_at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX call_arrived_at ON call (arrived_at DESC);
CREATE INDEX call_open ON call (arrived_at) WHERE state <> 'ended';

CREATE TABLE recording_track (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    linked_id    text NOT NULL,                 -- no foreign key: the file may be found before its call
    base_name    text NOT NULL,
    track        text NOT NULL CHECK (track IN ('caller', 'operator')),
    path         text NOT NULL UNIQUE,          -- relative to the recordings folder
    seconds      double precision NOT NULL,
    bytes        bigint NOT NULL,
    sample_rate  integer NOT NULL,
    state        text NOT NULL CHECK (state IN ('pending', 'leased', 'transcribed', 'no_speech', 'quarantined')),
    attempts     integer NOT NULL DEFAULT 0,    -- counted when taken, so that a killed worker counts too
    lease_until  timestamptz,
    leased_by    text,
    problem      text NOT NULL DEFAULT '',
    ready_at     timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz,
    model        text NOT NULL DEFAULT '',
    UNIQUE (base_name, track)
);
CREATE INDEX recording_track_linked_id ON recording_track (linked_id);
CREATE INDEX recording_track_open ON recording_track (ready_at) WHERE state IN ('pending', 'leased');

CREATE TABLE transcript_segment (
    track_id    bigint NOT NULL REFERENCES recording_track (id) ON DELETE CASCADE,
    ordinal     integer NOT NULL,
    linked_id   text NOT NULL,
    speaker     text NOT NULL CHECK (speaker IN ('caller', 'operator')),
    start_s     double precision NOT NULL,      -- seconds from the start of the recording (bridge entry)
    end_s       double precision NOT NULL,
    text        text NOT NULL,
    confidence  double precision NOT NULL,
    words       jsonb NOT NULL,                 -- [{"text", "start_s", "end_s", "confidence"}]
    PRIMARY KEY (track_id, ordinal)
);
CREATE INDEX transcript_segment_linked_id ON transcript_segment (linked_id, start_s);

CREATE TABLE order_serial (
    channel_digit smallint NOT NULL,
    day           date NOT NULL,                -- Asia/Shanghai
    last          integer NOT NULL CHECK (last BETWEEN 1 AND 99999),
    PRIMARY KEY (channel_digit, day)
);

CREATE TABLE work_order (
    id                     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number                 text NOT NULL UNIQUE,
    opened_by_call         text UNIQUE,          -- one order per call, by constraint
    channel                text NOT NULL,
    state                  text NOT NULL DEFAULT 'draft',
    outcome                text NOT NULL DEFAULT '',   -- the call's outcome when the order was opened by a call
    caller_number          text NOT NULL DEFAULT '',
    category_table_version text NOT NULL DEFAULT '',
    category               text NOT NULL DEFAULT '',   -- code; '' = unclear, left for a person
    matter                 text NOT NULL DEFAULT '',
    note                   text NOT NULL DEFAULT '',   -- what could not be heard: no recording, no speech, quarantined
    blanks                 jsonb NOT NULL DEFAULT '[]', -- [{"field", "code", "message"}]: why a field was left to a person
    opened_at              timestamptz NOT NULL DEFAULT now(),
    filled_at              timestamptz,
    version                integer NOT NULL DEFAULT 1
);
CREATE INDEX work_order_opened_at ON work_order (opened_at DESC);

CREATE TABLE work_order_call (
    linked_id  text PRIMARY KEY,                 -- a call belongs to exactly one order
    order_id   bigint NOT NULL REFERENCES work_order (id)
);
CREATE INDEX work_order_call_order_id ON work_order_call (order_id);

CREATE TABLE work_order_field (
    order_id    bigint NOT NULL REFERENCES work_order (id) ON DELETE CASCADE,
    field       text NOT NULL,                   -- category, matter, caller_name, callback_number, place, amount, date
    ordinal     integer NOT NULL DEFAULT 0,      -- several amounts and dates are possible
    value       text NOT NULL,                   -- code, digits or ISO text
    display     text NOT NULL,
    source      text NOT NULL CHECK (source IN ('machine', 'human')),
    rule        text NOT NULL DEFAULT '',
    linked_id   text NOT NULL DEFAULT '',
    speaker     text NOT NULL DEFAULT '',
    text        text NOT NULL DEFAULT '',        -- the words it came from
    start_s     double precision,
    end_s       double precision,
    confidence  double precision,
    approximate boolean NOT NULL DEFAULT false,  -- a range, or a figure the caller only estimated
    PRIMARY KEY (order_id, field, ordinal)
);

CREATE TABLE place (
    code       text PRIMARY KEY,
    name       text NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('town', 'village')),
    town_code  text NOT NULL,
    aliases    text[] NOT NULL DEFAULT '{}',
    status     text NOT NULL CHECK (status IN ('confirmed', 'placeholder'))
);

CREATE TABLE app_user (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text NOT NULL UNIQUE,
    display_name  text NOT NULL DEFAULT '',
    password_hash text,                          -- argon2id; null = no password login
    roles         text[] NOT NULL,
    disabled      boolean NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL DEFAULT now()
);
-- Failed logins by digest of the name asked for, known or not: were they counted in app_user only, a lock-out
-- would tell which names exist. Rows are pruned when their window is over.
CREATE TABLE login_failure (
    name_digest  bytea PRIMARY KEY,              -- sha256 of the name as folded for login
    failures     integer NOT NULL,
    window_ends  timestamptz NOT NULL,
    locked_until timestamptz
);
CREATE INDEX login_failure_window_ends ON login_failure (window_ends);
CREATE TABLE app_session (
    token_hash   bytea PRIMARY KEY,              -- sha256 of the cookie's value
    user_id      bigint NOT NULL REFERENCES app_user (id) ON DELETE CASCADE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz
);
CREATE TABLE login_ticket (
    token_hash bytea PRIMARY KEY,
    user_id    bigint NOT NULL REFERENCES app_user (id) ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE TABLE api_token (
    token_hash   bytea PRIMARY KEY,
    name         text NOT NULL UNIQUE,
    roles        text[] NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz
);

CREATE TABLE audit_event (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL DEFAULT now(),
    actor    text NOT NULL,
    action   text NOT NULL,
    object   text NOT NULL,
    detail   jsonb NOT NULL DEFAULT '{}',
    previous bytea NOT NULL,
    digest   bytea NOT NULL UNIQUE               -- sha256 over the previous digest and this row
);

-- One row counts the feed, so numbers are given in commit order and without gaps: a reader that has seen n
-- has seen everything up to n.
CREATE TABLE feed_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    seq      bigint NOT NULL
);
INSERT INTO feed_head (seq) VALUES (0);
CREATE TABLE feed (
    seq    bigint PRIMARY KEY,
    topic  text NOT NULL CHECK (topic IN ('queue', 'call', 'order', 'alarm')),
    key    text NOT NULL,                        -- queue name, linked_id, order number, alarm name
    at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE queue_live (
    queue    text PRIMARY KEY,
    board    jsonb NOT NULL,                     -- see ivr.domain.queue.QueueView
    link_up  boolean NOT NULL,
    as_of    timestamptz NOT NULL                -- last time the controller knew this to be true
);

-- Conditions people must see; a row stays after it is cleared, as its history.
CREATE TABLE alarm (
    name       text PRIMARY KEY,
    text       text NOT NULL,
    raised_at  timestamptz NOT NULL DEFAULT now(),
    cleared_at timestamptz
);

-- Each run of the comparison between ledger, recordings, transcripts and orders.
CREATE TABLE reconciliation (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL,
    differences jsonb NOT NULL           -- [{"kind", "subject", "detail", "reason"}]
);
