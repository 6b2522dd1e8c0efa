-- Groups that the operator has put aside for a new one: their logs and boxes stay, and nothing is added to them.
CREATE TABLE past_chains (
    log INTEGER NOT NULL PRIMARY KEY REFERENCES logs (id),
    height INTEGER NOT NULL,
    head BLOB NOT NULL,
    ended_ms BIGINT NOT NULL
);
CREATE TABLE past_boxes (
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
