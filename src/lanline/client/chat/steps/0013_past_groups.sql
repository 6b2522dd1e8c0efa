-- Groups that this device was in, and that another has taken the place of: what opens their words. Not a cache, for no
-- server gives it once more.
CREATE TABLE past_items (
    group_id BLOB NOT NULL, number INTEGER NOT NULL, suite TEXT NOT NULL, content BLOB NOT NULL,
    PRIMARY KEY (group_id, number)
) WITHOUT ROWID;
CREATE TABLE past_secrets (
    scope BLOB NOT NULL, epoch_id BLOB NOT NULL, secret BLOB NOT NULL, PRIMARY KEY (scope, epoch_id)
) WITHOUT ROWID;
-- The statements of the group's epochs, while the server shows another chain (own_items).
CREATE TABLE own_statements (number INTEGER PRIMARY KEY, content BLOB NOT NULL);
-- Whose devices were whose in them, by names as they look.
CREATE TABLE past_devices (name TEXT NOT NULL, device_id BLOB NOT NULL, PRIMARY KEY (name, device_id)) WITHOUT ROWID;
