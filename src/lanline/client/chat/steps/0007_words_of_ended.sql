-- What was believed of devices that have ended, in logs whose past is not here: it may say that they had ended before.
CREATE TABLE words_of_ended (
    log INTEGER NOT NULL, place INTEGER NOT NULL, device_id BLOB NOT NULL, PRIMARY KEY (log, place)
) WITHOUT ROWID;
