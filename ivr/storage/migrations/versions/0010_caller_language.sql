ALTER TABLE call ADD COLUMN language text NOT NULL DEFAULT '';     -- name of the settings' [[languages]]
ALTER TABLE call ADD COLUMN language_by text NOT NULL DEFAULT '';  -- key, record

CREATE TABLE caller_language (
    number text PRIMARY KEY CHECK (number ~ '^[0-9]{3,20}$'),
    language text NOT NULL CHECK (language ~ '^([a-z][a-z0-9-]{0,30})?$'),  -- '': taken back
    set_by text NOT NULL CHECK (set_by <> ''),
    set_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX caller_language_set_at ON caller_language (set_at);
