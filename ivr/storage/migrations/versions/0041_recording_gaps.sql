-- Where the recording was paused, as ivr.domain.recording_gaps writes it. The default lets an older controller go on writing calls.
ALTER TABLE call ADD COLUMN recording_gaps text NOT NULL DEFAULT '';
