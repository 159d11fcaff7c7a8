-- The operator's key told that the citizen asks for confidence. The default lets an older controller go on writing calls.
ALTER TABLE call ADD COLUMN confidential_asked boolean NOT NULL DEFAULT false;
