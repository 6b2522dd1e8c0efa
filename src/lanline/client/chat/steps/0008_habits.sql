-- What this device keeps for its person: the number of each conversation, whose words are not shown, which invitations were
-- told of. And what the server says of a room: how slow it is, and the places of what is pinned there.
ALTER TABLE logs ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE logs ADD COLUMN slow_s INTEGER NOT NULL DEFAULT 0;
ALTER TABLE logs ADD COLUMN pins TEXT NOT NULL DEFAULT '';
CREATE TABLE ignored (account INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE invitations (log INTEGER PRIMARY KEY, by INTEGER NOT NULL);
