-- Copies of what the server has of the group, and what was opened of them: all of it can be made anew.
CREATE TABLE chain_items (sequence INTEGER PRIMARY KEY, suite TEXT NOT NULL, content BLOB NOT NULL);
CREATE TABLE epoch_secrets (
    scope BLOB NOT NULL, epoch_id BLOB NOT NULL, secret BLOB NOT NULL, PRIMARY KEY (scope, epoch_id)
) WITHOUT ROWID;
CREATE TABLE account_seeds (generation INTEGER PRIMARY KEY, seed BLOB NOT NULL);
CREATE TABLE seal_keys (hash BLOB PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;

-- What goes out, from the moment of sealing on: the same bytes until there is an answer.
ALTER TABLE outbox ADD COLUMN sealed BLOB;
CREATE INDEX ix_entries_sealed ON entries (log, sequence) WHERE suite = 'said/1';
