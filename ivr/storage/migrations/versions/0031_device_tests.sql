-- Self-tests of village video phones. The default lets an older controller go on importing devices.
ALTER TABLE device ADD COLUMN self_test boolean NOT NULL DEFAULT false;  -- whether it answers a self-test by itself

CREATE TABLE device_test (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device      text NOT NULL REFERENCES device (id),
    night       date NOT NULL,                     -- the Shanghai day on which it was due, or asked for
    asked_by    text NOT NULL DEFAULT '',          -- '' for the nightly round
    asked_at    timestamptz NOT NULL DEFAULT now(),
    state       text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done')),
    started_at  timestamptz,
    ended_at    timestamptz,
    outcome     text NOT NULL DEFAULT '',          -- passed, no_echo, no_sound, unanswered, refused, absent, in_use, stopped, unfinished
    reason      text NOT NULL DEFAULT '',
    delay_ms    double precision,                  -- how late the tone came back
    level_db    double precision,                  -- how loud it came back, against what went out
    likeness    double precision                   -- how like what went out it was, 0 to 1
);
CREATE UNIQUE INDEX device_test_night ON device_test (device, night) WHERE asked_by = '';
CREATE UNIQUE INDEX device_test_open ON device_test (device) WHERE state <> 'done';
CREATE INDEX device_test_device ON device_test (device, id DESC);
