-- What village advisers did there besides calls, entered by people with its evidence; calls count from the table of calls.
-- Nothing is deleted: a wrong entry is voided with a reason, and stays to be seen.
CREATE TABLE adviser_work (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    village     text NOT NULL,                  -- a place's code
    adviser     text NOT NULL CHECK (adviser ~ '^[0-9]{3,6}$'),
    kind        text NOT NULL CHECK (kind IN ('visit', 'lecture')),
    day         date NOT NULL,                  -- Shanghai
    minutes     integer NOT NULL CHECK (minutes BETWEEN 1 AND 720),
    evidence    text NOT NULL,                  -- what proves it: number of the signed sheet, of the photo
    entered_by  text NOT NULL,
    entered_at  timestamptz NOT NULL DEFAULT now(),
    voided_by   text NOT NULL DEFAULT '',
    voided_why  text NOT NULL DEFAULT '',
    voided_at   timestamptz
);
CREATE INDEX adviser_work_village ON adviser_work (village, day);
-- One piece of work is counted once, however often it is sent.
CREATE UNIQUE INDEX adviser_work_once ON adviser_work (village, adviser, kind, day, evidence) WHERE voided_at IS NULL;
CREATE INDEX call_village ON call (village, arrived_at) WHERE village <> '';
