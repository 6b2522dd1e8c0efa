-- Which state of the group's chain holds. The chain itself is a log, as all that is said is.
CREATE TABLE chains (
    log INTEGER NOT NULL PRIMARY KEY REFERENCES logs (id),
    height INTEGER NOT NULL,
    head BLOB NOT NULL
);

-- The statements that stand, with the height of the chain that each names.
CREATE TABLE epochs (
    scope BLOB NOT NULL,
    epoch_id BLOB NOT NULL,
    height INTEGER NOT NULL,
    author INTEGER NOT NULL,
    PRIMARY KEY (scope, epoch_id)
) WITHOUT ROWID;

-- A box of an epoch that does not stand yet waits for its statement, and is dropped when that does not come.
CREATE TABLE boxes (
    kind INTEGER NOT NULL,
    recipient BLOB NOT NULL,
    scope BLOB NOT NULL,
    epoch_id BLOB NOT NULL,
    generation INTEGER NOT NULL,
    giver INTEGER NOT NULL REFERENCES accounts (id),
    given_ms BIGINT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (kind, recipient, scope, epoch_id, generation, giver)
) WITHOUT ROWID;
CREATE INDEX ix_boxes_giver ON boxes (giver, scope, epoch_id);

CREATE TABLE seal_keys (
    hash BLOB NOT NULL PRIMARY KEY,
    data BLOB NOT NULL,
    putter INTEGER NOT NULL REFERENCES accounts (id),
    put_ms BIGINT NOT NULL,
    is_named BOOLEAN NOT NULL
);
CREATE INDEX ix_seal_keys_putter ON seal_keys (putter) WHERE NOT is_named;

CREATE TABLE entry_requests (
    account INTEGER NOT NULL PRIMARY KEY REFERENCES accounts (id),
    joiner BLOB NOT NULL,
    signature BLOB NOT NULL,
    left_ms BIGINT NOT NULL
);

-- The invite in the chain whose bearer this lets in; none: made by the server's machine, to arrive only.
ALTER TABLE invites ADD COLUMN invite_id BLOB;
