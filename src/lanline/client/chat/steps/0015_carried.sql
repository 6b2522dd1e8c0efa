-- Sealed words as they came, of the newest: a restored server that has lost them can be brought them again.
CREATE TABLE sealed_words (
    position INTEGER PRIMARY KEY AUTOINCREMENT, log INTEGER NOT NULL, sequence INTEGER NOT NULL,
    entry_id BLOB NOT NULL, said BLOB NOT NULL
);
CREATE UNIQUE INDEX ix_sealed_words ON sealed_words (log, sequence);
-- Of those that were set aside, while nobody has brought them; and why the server does not take them.
-- Under one id several people can have said something: none takes the place of another.
ALTER TABLE set_aside RENAME TO set_aside_before;
CREATE TABLE set_aside (
    log INTEGER NOT NULL, entry_id BLOB NOT NULL, title TEXT NOT NULL, sequence INTEGER NOT NULL,
    account INTEGER NOT NULL, name TEXT NOT NULL, time_ms INTEGER NOT NULL, suite TEXT NOT NULL, content BLOB NOT NULL,
    epoch TEXT NOT NULL, is_told INTEGER NOT NULL DEFAULT 0,
    sealed_id BLOB, said BLOB, reason TEXT NOT NULL DEFAULT '', PRIMARY KEY (log, account, entry_id)
) WITHOUT ROWID;
INSERT INTO set_aside SELECT *, NULL, NULL, '' FROM set_aside_before;
DROP TABLE set_aside_before;
-- Statements of epochs that the server may have lost.
CREATE TABLE kept_statements (epoch_id BLOB NOT NULL PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
-- Words that somebody has brought: at which place of which log, by the author's account and id.
CREATE TABLE carried_words (
    log INTEGER NOT NULL, place INTEGER NOT NULL, account INTEGER NOT NULL, entry_id BLOB NOT NULL,
    PRIMARY KEY (log, place)
) WITHOUT ROWID;
CREATE INDEX ix_entries_carried ON entries (log, sequence) WHERE suite = 'carried/1';
