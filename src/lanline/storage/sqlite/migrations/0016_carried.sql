-- What members have brought again of what a restored server had lost: once, whoever brings it.
CREATE TABLE carried (log INTEGER NOT NULL, id BLOB NOT NULL, PRIMARY KEY (log, id)) WITHOUT ROWID;
