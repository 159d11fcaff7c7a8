-- What an operator's own day is read by: where they sat, what they answered there, what rang there in vain.
CREATE INDEX audit_event_sat_down ON audit_event (actor, at) WHERE action = 'desk.seat_taken';
CREATE INDEX call_answered_by ON call (member_interface, answered_at) WHERE answered_at IS NOT NULL;
CREATE INDEX call_fact_ring_out ON call_fact (at) WHERE kind = 'RINGNOANSWER';
