-- Village video phones. Defaults let an older controller go on writing calls.
CREATE TABLE device (
    id             text PRIMARY KEY,               -- v-<village code>-<n>; also its SIP user
    village        text NOT NULL,                  -- a place's code; the town's for a town's station
    town           text NOT NULL,
    helper         text NOT NULL DEFAULT '',
    adviser        text NOT NULL DEFAULT '',       -- work number
    place          text NOT NULL DEFAULT '',
    model          text NOT NULL DEFAULT '',
    speciality     text NOT NULL DEFAULT '',       -- a matter's code
    state          text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'blocked')),
    blocked_at     timestamptz,
    blocked_why    text NOT NULL DEFAULT '',
    salt           text NOT NULL,                  -- with the install's key it makes the secret; alone it makes nothing
    shown_at       timestamptz,                    -- when this secret was shown; it is shown once
    cuts_asked     integer NOT NULL DEFAULT 0,     -- how often registration and calls had to be ended, and were
    cuts_done      integer NOT NULL DEFAULT 0,
    reach          text NOT NULL DEFAULT 'never' CHECK (reach IN ('never', 'reachable', 'silent', 'gone')),
    reach_since    timestamptz NOT NULL DEFAULT now(),
    registered_at  timestamptz,                    -- last time a registration was seen
    user_agent     text NOT NULL DEFAULT '',
    round_trip_ms  double precision
);

-- What happened to a device, in order: registrations seen and lost, and what people did with it.
CREATE TABLE device_event (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device  text NOT NULL REFERENCES device (id),
    at      timestamptz NOT NULL DEFAULT now(),
    kind    text NOT NULL,                         -- reachable, silent, gone, blocked, unblocked, rotated, shown, imported
    actor   text NOT NULL DEFAULT '',              -- '' for the exchange
    reason  text NOT NULL DEFAULT ''
);
CREATE INDEX device_event_device ON device_event (device, id DESC);

-- One row: when the exchange was last asked who is registered.
CREATE TABLE device_watch (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    as_of    timestamptz
);
INSERT INTO device_watch (as_of) VALUES (NULL);

ALTER TABLE call ADD COLUMN village text NOT NULL DEFAULT '';   -- a place's code, from the device that called
ALTER TABLE call ADD COLUMN device text NOT NULL DEFAULT '';
ALTER TABLE call ADD COLUMN ladder text NOT NULL DEFAULT '';    -- steps of the village ladder as step:why, in order
CREATE INDEX call_device ON call (device, arrived_at DESC) WHERE device <> '';
