-- How long each seat was ready, talking, in wrap-up or paused, as Asterisk told it. A seat that is away, or of which nothing is known, has no row.
CREATE TABLE seat_time (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    interface text NOT NULL,
    activity  text NOT NULL CHECK (activity IN ('ready', 'talking', 'wrap_up', 'paused')),
    began_at  timestamptz NOT NULL,
    seen_at   timestamptz NOT NULL,              -- known to be so until then
    ended_at  timestamptz CHECK (ended_at >= began_at)
);
CREATE UNIQUE INDEX seat_time_open ON seat_time (interface) WHERE ended_at IS NULL;
CREATE INDEX seat_time_interface ON seat_time (interface, began_at);
CREATE INDEX seat_time_began_at ON seat_time (began_at);
