PRAGMA application_id = 0x4C4C4E31;

CREATE TABLE accounts (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name VARCHAR NOT NULL,
    folded_name VARCHAR NOT NULL CONSTRAINT uq_accounts_folded_name UNIQUE,
    created_ms BIGINT NOT NULL,
    is_admin BOOLEAN NOT NULL,
    is_banned BOOLEAN NOT NULL,
    password_hash VARCHAR
);

CREATE TABLE devices (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL REFERENCES accounts (id),
    fingerprint BLOB NOT NULL CONSTRAINT uq_devices_fingerprint UNIQUE,
    label VARCHAR NOT NULL,
    added_ms BIGINT NOT NULL,
    revoked_ms BIGINT
);
CREATE INDEX ix_devices_account ON devices (account);

CREATE TABLE logs (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    kind VARCHAR NOT NULL,
    head INTEGER NOT NULL
);

-- Rows lie in the order in which they are read. No foreign keys here: each costs a look-up for every entry, and the
-- log is looked up anyway.
CREATE TABLE entries (
    log INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    entry_id BLOB NOT NULL,
    account INTEGER NOT NULL,
    device INTEGER NOT NULL,
    time_ms BIGINT NOT NULL,
    suite VARCHAR NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (log, sequence)
) WITHOUT ROWID;
CREATE UNIQUE INDEX ix_entries_entry_id ON entries (log, account, entry_id);

CREATE TABLE cursors (
    log INTEGER NOT NULL REFERENCES logs (id),
    device INTEGER NOT NULL REFERENCES devices (id),
    delivered INTEGER NOT NULL,
    read INTEGER NOT NULL,
    PRIMARY KEY (log, device)
) WITHOUT ROWID;
CREATE INDEX ix_cursors_device ON cursors (device);

CREATE TABLE rooms (
    log INTEGER NOT NULL PRIMARY KEY REFERENCES logs (id),
    name VARCHAR NOT NULL,
    folded_name VARCHAR NOT NULL CONSTRAINT uq_rooms_folded_name UNIQUE,
    topic VARCHAR NOT NULL,
    access VARCHAR NOT NULL,
    creator INTEGER NOT NULL REFERENCES accounts (id),
    created_ms BIGINT NOT NULL
);

CREATE TABLE memberships (
    log INTEGER NOT NULL REFERENCES rooms (log),
    account INTEGER NOT NULL REFERENCES accounts (id),
    role INTEGER NOT NULL,
    standing VARCHAR NOT NULL,
    is_muted BOOLEAN NOT NULL,
    PRIMARY KEY (log, account)
) WITHOUT ROWID;
CREATE INDEX ix_memberships_account ON memberships (account);

CREATE TABLE directs (
    log INTEGER NOT NULL PRIMARY KEY REFERENCES logs (id),
    lower INTEGER NOT NULL REFERENCES accounts (id),
    higher INTEGER NOT NULL REFERENCES accounts (id),
    UNIQUE (lower, higher)
);
CREATE INDEX ix_directs_higher ON directs (higher);

CREATE TABLE invites (
    token_hash BLOB NOT NULL PRIMARY KEY,
    uses_left INTEGER NOT NULL,
    expires_ms BIGINT,
    grants_admin BOOLEAN NOT NULL,
    creator INTEGER REFERENCES accounts (id),
    created_ms BIGINT NOT NULL
);

CREATE TABLE blobs (
    id BLOB NOT NULL PRIMARY KEY,
    owner INTEGER NOT NULL REFERENCES accounts (id),
    created_ms BIGINT NOT NULL,
    size_bytes INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE INDEX ix_blobs_owner ON blobs (owner);

CREATE TABLE settings (
    name VARCHAR NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
);
