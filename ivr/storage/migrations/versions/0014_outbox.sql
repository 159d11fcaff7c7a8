-- What partners are told: written in the transaction of the fact, delivered by one task of the controller.
CREATE TABLE outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event        text NOT NULL,                 -- order.created, order.assigned, …
    order_number text NOT NULL,
    once         text NOT NULL DEFAULT '',      -- a fact that may be found twice is written once: its own mark, or ''
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    order_then   jsonb NOT NULL,                -- the order as it was then, without what is personal
    detail       jsonb NOT NULL DEFAULT '{}',
    spread       boolean NOT NULL DEFAULT false -- whether its deliveries are written
);
CREATE UNIQUE INDEX outbox_once ON outbox (order_number, event, once) WHERE once <> '';
CREATE INDEX outbox_unspread ON outbox (id) WHERE NOT spread;
CREATE INDEX outbox_at ON outbox (at);

CREATE TABLE outbox_delivery (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id     bigint NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
    partner      text NOT NULL,                 -- the name in the settings
    state        text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sending', 'delivered', 'held')),
    attempts     integer NOT NULL DEFAULT 0,
    not_before   timestamptz NOT NULL DEFAULT clock_timestamp(),
    lease_until  timestamptz,
    status       integer,                       -- of the partner's last answer
    problem      text NOT NULL DEFAULT '',
    changed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (event_id, partner)
);
CREATE INDEX outbox_delivery_open ON outbox_delivery (partner, event_id) WHERE state IN ('waiting', 'sending');
CREATE INDEX outbox_delivery_held ON outbox_delivery (partner) WHERE state = 'held';

-- Tasks partners filed: the key they chose makes telling twice telling once.
CREATE TABLE inbound_task (
    partner         text NOT NULL,
    idempotency_key text NOT NULL,
    body_digest     bytea NOT NULL,             -- sha256 of the body this key came with
    order_id        bigint NOT NULL UNIQUE REFERENCES work_order (id),
    reference       text NOT NULL,              -- the partner's own number
    title           text NOT NULL,
    urgent          boolean NOT NULL,
    received_at     timestamptz NOT NULL,
    escalated_at    timestamptz,
    settled_at      timestamptz,                -- somebody accepted it, or it is closed
    PRIMARY KEY (partner, idempotency_key),
    UNIQUE (partner, reference)
);
CREATE INDEX inbound_task_urgent ON inbound_task (received_at) WHERE urgent AND settled_at IS NULL;
