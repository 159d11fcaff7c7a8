-- When a village phone's line fails its village's telephone is called. The default lets an older controller go on importing devices.
ALTER TABLE device ADD COLUMN telephone text NOT NULL DEFAULT '';
ALTER TABLE callback_job DROP CONSTRAINT callback_job_kind_check;
ALTER TABLE callback_job ADD CONSTRAINT callback_job_kind_check CHECK (kind IN ('kept_place', 'dissatisfied', 'asked', 'line_lost'));
-- '<queue>:<number>' of the call that is owed to the village's telephone; '' when none is.
ALTER TABLE call ADD COLUMN ringback text NOT NULL DEFAULT '';
