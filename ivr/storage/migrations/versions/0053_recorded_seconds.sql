-- Seconds of a talk in which the citizen was joined with somebody and nothing was paused; NULL: nothing was recorded, or an older
-- controller wrote the call.
ALTER TABLE call ADD COLUMN recorded_s float8;
