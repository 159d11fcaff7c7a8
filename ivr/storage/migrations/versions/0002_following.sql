-- Which worker hears which track while it is still being recorded; others leave the track to it until then. Only a
-- hint: a claim that ran out, or a row that is missing, costs nothing but work done again.
CREATE TABLE recording_follow (
    path      text PRIMARY KEY,             -- as in recording_track, which has no row for it yet
    follower  text NOT NULL,                -- host:pid of the worker
    until     timestamptz NOT NULL
);
