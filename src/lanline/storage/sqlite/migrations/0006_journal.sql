-- Who did what and when. Names are kept as they were: an account may be gone, and its name another's.
CREATE TABLE journal (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    time_ms BIGINT NOT NULL,
    deed VARCHAR NOT NULL,
    account INTEGER,
    by_name VARCHAR NOT NULL,
    whom VARCHAR NOT NULL,
    room VARCHAR NOT NULL,
    detail VARCHAR NOT NULL,
    count INTEGER NOT NULL
);
CREATE INDEX ix_journal_time ON journal (time_ms);
CREATE INDEX ix_journal_account ON journal (account, time_ms);

-- What each log has, so that nobody adds it up who asks. An entry costs 100 bytes besides its content, as for accounts.
ALTER TABLE logs ADD COLUMN size_bytes BIGINT NOT NULL DEFAULT 0;
UPDATE logs SET size_bytes = used.size_bytes
    FROM (SELECT log, sum(length(content) + 100) AS size_bytes FROM entries GROUP BY log) AS used
    WHERE used.log = logs.id;
