-- The order a caller asked about, as the call tells it; '' when none was.
ALTER TABLE call ADD COLUMN asked_about text NOT NULL DEFAULT '';
CREATE INDEX work_order_caller_number ON work_order (caller_number, opened_at DESC);

-- Order numbers keyed by callers that name no order they may hear of; '' stands for all who withhold their number.
CREATE TABLE enquiry_miss (
    caller_number text NOT NULL,
    day           date NOT NULL,                -- Asia/Shanghai
    misses        integer NOT NULL,
    PRIMARY KEY (caller_number, day)
);

-- Who is on duty when. A person may be on duty several times and with several specialities.
CREATE TABLE duty (
    work_number text NOT NULL CHECK (work_number ~ '^[0-9]{3,6}$'),
    speciality  text NOT NULL,                  -- code of a matter, as in the code table
    name        text NOT NULL,
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL CHECK (ends_at > starts_at),
    PRIMARY KEY (work_number, speciality, starts_at)
);
CREATE INDEX duty_ends_at ON duty (ends_at);

-- What the call did about an appointment, as its ledger tells: booked:<service>:<slot>-<time>; '' for nothing.
ALTER TABLE call ADD COLUMN appointment text NOT NULL DEFAULT '';

-- Times on offer, and who comes. A place is held while its caller is asked to confirm, and booked by the ledger's fact.
CREATE TABLE appointment_slot (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service   text NOT NULL CHECK (service IN ('legal-aid', 'mediation')),
    starts_at timestamptz NOT NULL,
    ends_at   timestamptz NOT NULL CHECK (ends_at > starts_at),
    places    integer NOT NULL CHECK (places >= 0),
    UNIQUE (service, starts_at)
);
CREATE TABLE appointment (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slot_id       bigint NOT NULL REFERENCES appointment_slot (id),
    caller_number text NOT NULL CHECK (caller_number <> ''),
    linked_id     text NOT NULL,                -- the call that made it
    state         text NOT NULL CHECK (state IN ('held', 'booked', 'cancelled', 'lapsed')),
    changed_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (linked_id, slot_id)
);
CREATE INDEX appointment_slot_id ON appointment (slot_id) WHERE state IN ('held', 'booked');
CREATE INDEX appointment_caller_number ON appointment (caller_number) WHERE state = 'booked';
