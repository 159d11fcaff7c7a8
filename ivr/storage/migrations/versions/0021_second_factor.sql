-- A second factor by time (RFC 6238). The secret is sealed with a key of the install's, which is not in the database.
CREATE TABLE second_factor (
    user_id      bigint PRIMARY KEY REFERENCES app_user (id) ON DELETE CASCADE,
    sealed       bytea NOT NULL,
    confirmed_at timestamptz,                    -- NULL: shown once, not yet proven by a code
    last_step    bigint NOT NULL DEFAULT 0,      -- a code is good once: no step at or before this one
    made_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Ten codes for the day the telephone is lost, each good once; digests only.
CREATE TABLE recovery_code (
    user_id  bigint NOT NULL REFERENCES app_user (id) ON DELETE CASCADE,
    digest   bytea NOT NULL,
    used_at  timestamptz,
    PRIMARY KEY (user_id, digest)
);

-- So that people know their sessions apart; an older program opens sessions as before.
ALTER TABLE app_session ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY;
ALTER TABLE app_session ADD COLUMN address text NOT NULL DEFAULT '';
ALTER TABLE app_session ADD COLUMN agent text NOT NULL DEFAULT '';
CREATE UNIQUE INDEX app_session_id ON app_session (id);
