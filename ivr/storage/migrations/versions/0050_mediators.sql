-- The one number a lawyer may have rung to ask this person into a village's call; '' for who is no mediator.
ALTER TABLE person ADD COLUMN mediator_phone text NOT NULL DEFAULT ''
    CHECK (mediator_phone ~ '^(1[3-9][0-9]{9}|0[1-9][0-9]{9,10})?$');
