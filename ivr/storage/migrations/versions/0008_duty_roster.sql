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
