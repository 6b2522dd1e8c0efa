-- What the person of this home has said yes to, when what was plain became sealed: who is let into the group, and into
-- rooms by invitation. A row goes when it is done.
CREATE TABLE agreed (
    place TEXT NOT NULL,            -- empty: the group; or a room
    account INTEGER NOT NULL,       -- on the server; the own one: the group or the room is founded
    name TEXT NOT NULL,
    role INTEGER NOT NULL,
    account_id BLOB,                -- in the group, from the moment on in which they are let in
    PRIMARY KEY (place, account)
) WITHOUT ROWID;
