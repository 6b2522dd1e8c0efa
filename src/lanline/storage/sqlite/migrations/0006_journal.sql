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
