-- Notices spoken to citizens: each call is written down under the linked id it will have before it is dialled.
CREATE TABLE notice_call (
    linked_id    text PRIMARY KEY,
    delivery_id  bigint NOT NULL,                 -- of outbox_delivery, which may be deleted long before the call
    order_id     bigint NOT NULL REFERENCES work_order (id),
    event        text NOT NULL,
    started_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at     timestamptz,                     -- when nothing more was to come of it
    result       text CHECK (result IN ('heard', 'human', 'left', 'busy', 'unanswered', 'refused', 'interrupted', 'not_placed'))
);
CREATE INDEX notice_call_delivery ON notice_call (delivery_id);
CREATE INDEX notice_call_order ON notice_call (order_id);
CREATE INDEX notice_call_open ON notice_call (linked_id) WHERE ended_at IS NULL;

-- How far the words of a spoken notice came. The default lets an older controller go on writing calls.
ALTER TABLE call ADD COLUMN notice_told text NOT NULL DEFAULT '';
