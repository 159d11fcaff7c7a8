-- Rises of matters in one place above what is usual there, and who signed for them.
CREATE TABLE early_warning (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind          text NOT NULL CHECK (kind IN ('category', 'matter')),
    place         text NOT NULL,
    code          text NOT NULL,
    table_version text NOT NULL DEFAULT '',      -- of the code tables, for its name
    day           date NOT NULL,                 -- Asia/Shanghai
    orders        integer NOT NULL,
    usual         double precision NOT NULL,     -- the median it was held against
    days          integer NOT NULL,              -- how many days that is of
    level         smallint NOT NULL CHECK (level BETWEEN 0 AND 3), -- 0: no longer so, because orders were corrected
    raised_at     timestamptz NOT NULL DEFAULT now(),
    changed_at    timestamptz NOT NULL DEFAULT now(),
    decision      text NOT NULL DEFAULT '' CHECK (decision IN ('', 'confirmed', 'dismissed')),
    signed_level  smallint NOT NULL DEFAULT 0,
    signed_by     text NOT NULL DEFAULT '',
    signed_at     timestamptz,
    reason        text NOT NULL DEFAULT '',
    UNIQUE (kind, place, code, day)
);
CREATE INDEX early_warning_day ON early_warning (day DESC, id DESC);
