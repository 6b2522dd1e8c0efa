-- This device's own chain, while the server shows another one, or an older one.
CREATE TABLE own_items (height INTEGER PRIMARY KEY, suite TEXT NOT NULL, content BLOB NOT NULL);
-- Entries of private rooms that a restored server may have lost, until they were brought to it.
CREATE TABLE kept_room_entries (hash BLOB PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
-- What was told of the server.
CREATE TABLE alarms (
    number INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, kind TEXT NOT NULL, who TEXT NOT NULL,
    room TEXT NOT NULL, text TEXT NOT NULL, is_told INTEGER NOT NULL DEFAULT 0, UNIQUE (kind, who, room, text)
);
