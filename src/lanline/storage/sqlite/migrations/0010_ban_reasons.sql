-- Why somebody is banned, for when they come back.
ALTER TABLE accounts ADD COLUMN ban_reason VARCHAR NOT NULL DEFAULT '';
