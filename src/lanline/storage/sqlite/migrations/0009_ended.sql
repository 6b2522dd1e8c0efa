-- An account that was deleted: entries name it as their author, so it stays, and nobody is it any more.
ALTER TABLE accounts ADD COLUMN ended_ms BIGINT;
-- Whether it came by an invite. Of those there are nobody knows: they count as invited.
ALTER TABLE accounts ADD COLUMN is_invited BOOLEAN NOT NULL DEFAULT TRUE;

-- Names of accounts and rooms that were deleted, until somebody else may have them.
CREATE TABLE held_names (
    folded_name VARCHAR NOT NULL PRIMARY KEY,
    until_ms BIGINT NOT NULL
) WITHOUT ROWID;
