-- What calls are judged by. A published version never changes: marks name the one they were made with.
CREATE TABLE scorecard (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version      text NOT NULL UNIQUE,
    text         text NOT NULL,                  -- the file as it was published
    published_by text NOT NULL,                  -- 'shipped' for the one that came with the program
    published_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE FUNCTION scorecard_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a published scorecard never changes';
END $$;
CREATE TRIGGER scorecard_stays BEFORE UPDATE OR DELETE ON scorecard FOR EACH ROW EXECUTE FUNCTION scorecard_stays();

-- Calls whose words are new or were corrected, or whose rating came. Rows are only added and taken away, so nobody ever waits for one.
CREATE TABLE quality_due (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    linked_id text NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX quality_due_linked_id ON quality_due (linked_id);
CREATE FUNCTION quality_is_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO quality_due (linked_id) VALUES (NEW.linked_id);
    RETURN NULL;
END $$;
CREATE TRIGGER quality_track_done AFTER UPDATE OF state ON recording_track FOR EACH ROW
    WHEN (NEW.state IN ('transcribed', 'no_speech', 'quarantined') AND OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION quality_is_due();
CREATE TRIGGER quality_word_corrected AFTER UPDATE OF words ON transcript_segment FOR EACH ROW
    WHEN (OLD.words IS DISTINCT FROM NEW.words) EXECUTE FUNCTION quality_is_due();
CREATE TRIGGER quality_rated AFTER UPDATE OF rating ON call FOR EACH ROW
    WHEN (NEW.rating >= 4 AND OLD.rating IS DISTINCT FROM NEW.rating) EXECUTE FUNCTION quality_is_due();

-- What the machine found in a call, once for each version of the card.
CREATE TABLE quality_check (
    linked_id         text NOT NULL,
    card_version      text NOT NULL REFERENCES scorecard (version),
    arrived_at        timestamptz NOT NULL,
    operator          text NOT NULL,             -- account of who answered; '' when nobody knows
    seat              text NOT NULL,             -- member interface
    month             date NOT NULL,             -- first day, Shanghai
    number            integer NOT NULL,          -- of the operator's checked calls of that month, from 1: sampling counts by it
    score             double precision,          -- 0 to 100 of what could be judged; null: nothing could
    fatal             boolean NOT NULL,
    longest_silence_s double precision,
    results           jsonb NOT NULL,
    measures          jsonb NOT NULL,
    checked_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    runs              integer NOT NULL DEFAULT 1,
    PRIMARY KEY (linked_id, card_version)
);
CREATE INDEX quality_check_number ON quality_check (month, operator, seat, number);
CREATE INDEX quality_check_judged ON quality_check (linked_id) WHERE score IS NOT NULL;

-- Calls people should hear, and why.
CREATE TABLE quality_pick (
    linked_id  text PRIMARY KEY,
    arrived_at timestamptz NOT NULL,
    operator   text NOT NULL,
    seat       text NOT NULL,
    reasons    jsonb NOT NULL,                   -- [{"rule", …}]
    picked_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX quality_pick_arrived_at ON quality_pick (arrived_at DESC, linked_id DESC);

-- Marks people gave. A later round counts, the earlier ones stay.
CREATE TABLE quality_mark (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    linked_id    text NOT NULL,
    round        integer NOT NULL,
    card_version text NOT NULL REFERENCES scorecard (version),
    operator     text NOT NULL,                  -- whose call it is, as it was known then
    scorer       text NOT NULL,
    lines        jsonb NOT NULL,                 -- [{"code", "points", "passed", "by", "reason"}]
    score        double precision NOT NULL,
    fatal        boolean NOT NULL,
    note         text NOT NULL DEFAULT '',
    scored_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (linked_id, round)
);
CREATE INDEX quality_mark_operator ON quality_mark (operator, id DESC);

-- One appeal for each call, decided by somebody who did not score it.
CREATE TABLE quality_appeal (
    linked_id  text PRIMARY KEY,
    appellant  text NOT NULL,
    words      text NOT NULL,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    decision   text CHECK (decision IN ('kept', 'changed')),
    decided_by text,
    decided_at timestamptz,
    reason     text NOT NULL DEFAULT '',
    CHECK ((decision IS NULL) = (decided_at IS NULL) AND (decision IS NULL) = (decided_by IS NULL))
);
CREATE INDEX quality_appeal_open ON quality_appeal (at) WHERE decision IS NULL;

-- Who sat at a seat when a call was answered is in the audit trail.
CREATE INDEX audit_event_seat ON audit_event (object, id DESC)
    WHERE action IN ('desk.seat_taken', 'desk.seat_given_back', 'desk.seat_lost', 'supervision.signed_out');
