-- What each account has put here, so that a quota needs no adding up. An entry costs 100 bytes besides its content.
ALTER TABLE accounts ADD COLUMN message_bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN blob_bytes BIGINT NOT NULL DEFAULT 0;
UPDATE accounts SET message_bytes = used.size_bytes
    FROM (SELECT account, sum(length(content) + 100) AS size_bytes FROM entries GROUP BY account) AS used
    WHERE used.account = accounts.id;
UPDATE accounts SET blob_bytes = used.size_bytes
    FROM (SELECT owner, sum(size_bytes) AS size_bytes FROM blobs GROUP BY owner) AS used
    WHERE used.owner = accounts.id;
