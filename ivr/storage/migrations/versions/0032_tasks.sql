-- A call-back somebody asked for: by whom, until when it is wanted, and the queue of that person's own seat ('' for any seat).
ALTER TABLE callback_job ADD COLUMN asked_by text NOT NULL DEFAULT '';
ALTER TABLE callback_job ADD COLUMN asked_until timestamptz;
ALTER TABLE callback_job ADD COLUMN asked_queue text NOT NULL DEFAULT '';
ALTER TABLE callback_job DROP CONSTRAINT callback_job_kind_check;
ALTER TABLE callback_job ADD CONSTRAINT callback_job_kind_check CHECK (kind IN ('kept_place', 'dissatisfied', 'asked'));
CREATE INDEX callback_job_order_id ON callback_job (order_id);
CREATE INDEX callback_job_failed ON callback_job (id) WHERE state = 'failed';
CREATE INDEX work_order_message ON work_order (opened_at) WHERE outcome = 'message' AND state IN ('draft', 'pending_review');
CREATE INDEX work_order_returned ON work_order (id) WHERE state = 'returned';

-- Who took which task, and what came of it. What is to be done stands in the call-backs and orders themselves; a task nobody
-- ever took has no row here.
CREATE TABLE task (
    id       text PRIMARY KEY,                  -- callback-<job>, dissatisfied-<job>, message-<order>, decision-<order>
    holder   text NOT NULL DEFAULT '',          -- account name, '' for nobody
    taken_at timestamptz,
    ends_at  timestamptz,                       -- the holder has it until then
    result   text NOT NULL DEFAULT '',
    note     text NOT NULL DEFAULT '',
    done_by  text NOT NULL DEFAULT '',
    done_at  timestamptz,
    CHECK ((holder = '') = (ends_at IS NULL))
);
-- Call-backs given up long before there were tasks are nobody's task now.
INSERT INTO task (id, result, done_by, done_at)
SELECT CASE kind WHEN 'kept_place' THEN 'callback' ELSE kind END || '-' || id, 'earlier', 'system', now()
  FROM callback_job WHERE state = 'failed' AND closed_at < now() - interval '7 days';

ALTER TABLE feed DROP CONSTRAINT feed_topic_check;
ALTER TABLE feed ADD CONSTRAINT feed_topic_check CHECK (topic IN ('queue', 'call', 'order', 'alarm', 'seat', 'risk', 'task'));
