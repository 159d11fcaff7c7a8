-- How long citizens were on hold, as the controller saw it live: Asterisk's ledger has no such event. Of a time without a controller there is nothing.
CREATE TABLE call_hold (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    linked_id text NOT NULL,
    interface text NOT NULL,                     -- of the seat that set it
    began_at  timestamptz NOT NULL,
    ended_at  timestamptz CHECK (ended_at >= began_at)
);
CREATE UNIQUE INDEX call_hold_open ON call_hold (linked_id, interface) WHERE ended_at IS NULL;
CREATE INDEX call_hold_linked_id ON call_hold (linked_id, began_at);

-- A hold whose end nobody saw ends with its call.
CREATE FUNCTION call_hold_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE call_hold SET ended_at = greatest(began_at, NEW.ended_at) WHERE linked_id = NEW.linked_id AND ended_at IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER call_hold_ends AFTER INSERT OR UPDATE OF state ON call FOR EACH ROW
    WHEN (NEW.state = 'ended' AND NEW.ended_at IS NOT NULL) EXECUTE FUNCTION call_hold_ends();

-- What is written late has a call that was checked already checked again.
CREATE FUNCTION call_hold_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO quality_due (linked_id) SELECT NEW.linked_id WHERE EXISTS (SELECT FROM quality_check WHERE linked_id = NEW.linked_id);
    RETURN NULL;
END $$;
CREATE TRIGGER call_hold_told AFTER INSERT OR UPDATE ON call_hold FOR EACH ROW EXECUTE FUNCTION call_hold_told();

-- Of the seat a check is about: its holds and stretches in the recording, and which other seats talked with the caller.
ALTER TABLE quality_check
    ADD COLUMN holds     jsonb NOT NULL DEFAULT '[]',   -- [[start_s, end_s], …]
    ADD COLUMN stretches jsonb NOT NULL DEFAULT '[]',   -- the same; none: the whole recording
    ADD COLUMN others    jsonb NOT NULL DEFAULT '[]';   -- [{"seat", "operator", "talked_s"}, …], '' where nobody knows who sat there
