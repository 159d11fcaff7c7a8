-- The wall asks every few seconds how many orders are in hand, and which are due; there are few, however many orders there are.
CREATE INDEX work_order_in_hand ON work_order (state, due_at) WHERE state NOT IN ('closed', 'archived', 'merged', 'voided');
