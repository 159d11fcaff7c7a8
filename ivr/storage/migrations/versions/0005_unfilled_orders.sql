-- The sweep asks every ten seconds which orders still wait; there are few, however many orders there are.
CREATE INDEX work_order_unfilled ON work_order (opened_at) WHERE filled_at IS NULL;
