-- Who shows such a token comes in as a device of that account. One without an end is of a recovery key.
CREATE TABLE device_offers (
    shown_hash BLOB NOT NULL PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES accounts (id),
    until_ms BIGINT,
    recovery_id BLOB,
    used_by BLOB
);
CREATE INDEX ix_device_offers_account ON device_offers (account);

-- A device that waits for another of its account to take it into the group, and what that one has answered.
CREATE TABLE device_requests (
    device INTEGER NOT NULL PRIMARY KEY REFERENCES devices (id),
    account INTEGER NOT NULL REFERENCES accounts (id),
    record BLOB NOT NULL,
    mark BLOB NOT NULL,
    left_ms BIGINT NOT NULL,
    answer BLOB
);
CREATE INDEX ix_device_requests_account ON device_requests (account);
