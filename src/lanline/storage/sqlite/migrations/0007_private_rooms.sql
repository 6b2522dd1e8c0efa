-- Rooms whose members sign who is in them: the entries lie in their logs, and stubs of them in the chain.
CREATE TABLE private_rooms (
    log INTEGER NOT NULL PRIMARY KEY REFERENCES rooms (log),
    room_id BLOB NOT NULL UNIQUE
);

-- What a device has to have before it judges words: read apart from them.
CREATE INDEX ix_entries_keys ON entries (log, sequence) WHERE suite IN ('epoch/1', 'key/1');
