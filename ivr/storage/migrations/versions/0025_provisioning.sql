-- Addresses from which a device fetches its own configuration, one for each device; only the token's digest is kept.
CREATE TABLE device_provisioning (
    device     text PRIMARY KEY REFERENCES device (id),
    digest     bytea NOT NULL UNIQUE CHECK (length(digest) = 32),   -- SHA-256 of a random token of 256 bits
    salt       text NOT NULL,                                       -- of the secret it was made for: another secret, another address
    made_at    timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    fetches    integer NOT NULL DEFAULT 0
);
