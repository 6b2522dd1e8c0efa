-- They lie there sealed under the keys of this device from now on, and are fetched again.
DELETE FROM epoch_secrets;
DELETE FROM account_seeds;
-- What words have named of the chain, at which places of a room: who has ended says nothing above.
CREATE TABLE seen_heights (
    room_id BLOB NOT NULL, place INTEGER NOT NULL, height INTEGER NOT NULL, PRIMARY KEY (room_id, place)
) WITHOUT ROWID;
