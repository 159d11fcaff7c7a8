-- Where an order stands in its life. Defaults let an older controller go on opening orders.
ALTER TABLE work_order ADD COLUMN assigned_to text NOT NULL DEFAULT '';    -- work number, '' for nobody in particular
ALTER TABLE work_order ADD COLUMN assigned_unit text NOT NULL DEFAULT '';
ALTER TABLE work_order ADD COLUMN assigned_at timestamptz;                 -- of the last assignment
ALTER TABLE work_order ADD COLUMN returns integer NOT NULL DEFAULT 0;
ALTER TABLE work_order ADD COLUMN extended boolean NOT NULL DEFAULT false;
ALTER TABLE work_order ADD COLUMN urged integer NOT NULL DEFAULT 0;
ALTER TABLE work_order ADD COLUMN merged_into text NOT NULL DEFAULT '';    -- number of the order that goes on
CREATE INDEX work_order_owner ON work_order (owner_work_number, opened_at DESC) WHERE owner_work_number <> '';
CREATE INDEX work_order_assigned_to ON work_order (assigned_to, opened_at DESC) WHERE assigned_to <> '';
CREATE INDEX work_order_assigned_unit ON work_order (assigned_unit, opened_at DESC) WHERE assigned_unit <> '';
CREATE INDEX work_order_due_at ON work_order (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX work_order_merged_into ON work_order (merged_into) WHERE merged_into <> '';

-- What a person wrote keeps what the machine had found there.
ALTER TABLE work_order_field ADD COLUMN machine_value text;                -- null: the machine found nothing
ALTER TABLE work_order_field ADD COLUMN machine_display text;
ALTER TABLE work_order_field ADD COLUMN set_by text NOT NULL DEFAULT '';
ALTER TABLE work_order_field ADD COLUMN set_at timestamptz;

-- Every move, edit and reading rule of an order, in the order it happened; written once, never changed.
CREATE TABLE order_event (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id    bigint NOT NULL REFERENCES work_order (id),
    at          timestamptz NOT NULL,
    actor       text NOT NULL,                   -- as in the audit trail
    role        text NOT NULL,                   -- the one that allowed it
    work_number text NOT NULL DEFAULT '',
    move        text NOT NULL,                   -- a move of the table, or 'edit'
    from_state  text NOT NULL,
    to_state    text NOT NULL,
    reason      text NOT NULL DEFAULT '',
    detail      jsonb NOT NULL DEFAULT '{}',
    version     integer NOT NULL,                -- the order's, after it
    UNIQUE (order_id, version)
);

-- Who must not get an order (回避).
CREATE TABLE order_conflict (
    order_id    bigint NOT NULL REFERENCES work_order (id),
    work_number text NOT NULL,
    PRIMARY KEY (order_id, work_number)
);

CREATE TABLE unit (
    name    text PRIMARY KEY,
    enabled boolean NOT NULL DEFAULT true
);
CREATE TABLE person (
    work_number  text PRIMARY KEY CHECK (work_number ~ '^[0-9]{3,6}$'),
    name         text NOT NULL,
    unit         text NOT NULL REFERENCES unit (name),
    account      text UNIQUE,                    -- app_user.name they log in with; null: none
    specialities text[] NOT NULL DEFAULT '{}',   -- codes of matters
    places       text[] NOT NULL DEFAULT '{}',   -- codes of towns and villages
    enabled      boolean NOT NULL DEFAULT true
);
