ALTER TABLE work_order ADD COLUMN due_at timestamptz;
ALTER TABLE work_order ADD COLUMN owner_work_number text NOT NULL DEFAULT '';  -- the seat's, as citizens know it
ALTER TABLE work_order ADD COLUMN confidential boolean NOT NULL DEFAULT false;
ALTER TABLE work_order ADD COLUMN asked_about text NOT NULL DEFAULT '';        -- number of the order an enquiry was about
