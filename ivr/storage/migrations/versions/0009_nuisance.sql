ALTER TABLE call ADD COLUMN transferred_to text NOT NULL DEFAULT '';  -- work number or extension
ALTER TABLE call ADD COLUMN nuisance text NOT NULL DEFAULT '';        -- listed, warning-1, warning-2, ended

CREATE TABLE nuisance_listing (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number text NOT NULL CHECK (number ~ '^[0-9]{3,20}$'),
    reason text NOT NULL CHECK (reason <> ''),
    owner text NOT NULL CHECK (owner <> ''),
    listed_at timestamptz NOT NULL DEFAULT now(),
    ends_at timestamptz NOT NULL,
    removed_at timestamptz,
    removed_by text NOT NULL DEFAULT '',
    CHECK (ends_at > listed_at)
);
-- One open listing for each number: to list it again is to change its end.
CREATE UNIQUE INDEX nuisance_listing_open ON nuisance_listing (number) WHERE removed_at IS NULL;
