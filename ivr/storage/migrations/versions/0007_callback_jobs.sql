-- The number a caller was promised a call-back to; '' when none was.
ALTER TABLE call ADD COLUMN callback_number text NOT NULL DEFAULT '';
CREATE INDEX call_caller_number ON call (caller_number, arrived_at);
-- A call that joined another call's order (a call-back) fills its blanks once.
ALTER TABLE work_order_call ADD COLUMN filled_at timestamptz;

-- One row for each call-back owed to a citizen; made in the transaction that commits the call that asked for it.
CREATE TABLE callback_job (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind          text NOT NULL CHECK (kind IN ('kept_place', 'dissatisfied')),
    queue         text NOT NULL,
    number        text NOT NULL,                -- '' when there is none that can be dialled: failed from the start
    caller_number text NOT NULL DEFAULT '',     -- of the call that asked for it
    trunk         text NOT NULL DEFAULT '',     -- the line it came by
    order_id      bigint NOT NULL REFERENCES work_order (id),
    state         text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'calling', 'done', 'failed', 'withdrawn')),
    arrived_at    timestamptz NOT NULL,         -- the place kept
    promised_at   timestamptz NOT NULL,
    attempts      integer NOT NULL DEFAULT 0,   -- in which the citizen's phone was tried
    tries         integer NOT NULL DEFAULT 0,   -- attempts begun, whatever became of them
    not_before    timestamptz NOT NULL,
    expires_at    timestamptz,                  -- null: kept until it is closed otherwise
    closed_at     timestamptz,
    reason        text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX callback_job_open ON callback_job (kind, queue, number) WHERE state IN ('waiting', 'calling');

-- Which call asked for which job: a second promise to one number joins the first, a fact told twice makes one.
CREATE TABLE callback_promise (
    linked_id text NOT NULL,
    kind      text NOT NULL,
    job_id    bigint NOT NULL REFERENCES callback_job (id),
    PRIMARY KEY (linked_id, kind)
);

-- Written before anything is dialled; an attempt without an end is looked up, never dialled again.
CREATE TABLE callback_attempt (
    linked_id  text PRIMARY KEY,
    job_id     bigint NOT NULL REFERENCES callback_job (id),
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at   timestamptz,
    result     text CHECK (result IN ('answered', 'gave_up', 'unreached', 'interrupted', 'not_placed'))
);
CREATE UNIQUE INDEX callback_attempt_open ON callback_attempt (job_id) WHERE ended_at IS NULL;
