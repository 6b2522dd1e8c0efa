-- A server that shows again what was said before is found out by the id, which is under the seal.
CREATE INDEX ix_entries_entry_id ON entries (log, entry_id);
CREATE INDEX ix_entries_keys ON entries (log, sequence) WHERE suite IN ('epoch/1', 'key/1');
