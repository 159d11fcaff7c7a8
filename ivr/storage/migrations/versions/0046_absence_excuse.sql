-- A duty nobody of whom was seen, excused by a supervisor with a reason. Absences themselves are read from the roster and the record.
CREATE TABLE absence_excuse (
    work_number text NOT NULL,
    starts_at   timestamptz NOT NULL,            -- of the duty
    reason      text NOT NULL,
    excused_by  text NOT NULL,
    excused_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (work_number, starts_at)
);
