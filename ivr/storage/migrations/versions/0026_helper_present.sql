-- Whether somebody helps who calls, as a village's phone told by its key. The default lets an older controller go on writing calls.
ALTER TABLE call ADD COLUMN helper_present boolean NOT NULL DEFAULT false;
