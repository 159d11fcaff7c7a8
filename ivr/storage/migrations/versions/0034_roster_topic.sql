-- Changes of the roster are on the live stream.
ALTER TABLE feed DROP CONSTRAINT feed_topic_check;
ALTER TABLE feed ADD CONSTRAINT feed_topic_check
    CHECK (topic IN ('queue', 'call', 'order', 'alarm', 'seat', 'risk', 'task', 'roster'));
