-- The hash over all of a log up to a place: of the newest, and of older ones at distances that grow.
CREATE TABLE log_hashes (log INTEGER NOT NULL, place INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (log, place))
WITHOUT ROWID;
INSERT INTO log_hashes
SELECT c.log, c.delivered, substr(f.value, 9) FROM cursors c JOIN facts f ON f.name = 'hash ' || c.log
WHERE hex(substr(f.value, 1, 8)) = printf('%016X', c.delivered);
DELETE FROM facts WHERE name LIKE 'hash %';
