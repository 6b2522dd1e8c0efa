-- Whose right an invitation to a room rests on. That was not kept: an owner of the room answers for those there are.
ALTER TABLE memberships ADD COLUMN invited_by INTEGER REFERENCES accounts (id);
UPDATE memberships SET invited_by = owner.account
    FROM (SELECT log, min(account) AS account FROM memberships WHERE role = 3 AND standing = 'joined' GROUP BY log)
        AS owner
    WHERE owner.log = memberships.log AND memberships.standing = 'invited' AND NOT memberships.is_muted;
CREATE INDEX ix_memberships_invited_by ON memberships (invited_by) WHERE invited_by IS NOT NULL;
