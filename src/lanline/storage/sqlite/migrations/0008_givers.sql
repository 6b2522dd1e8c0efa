-- From which device a right was given, so that what a stolen device or a banned admin has given can be found. None: from
-- the server's own machine, or before this was kept.
ALTER TABLE accounts ADD COLUMN came_from INTEGER REFERENCES devices (id);
ALTER TABLE accounts ADD COLUMN admin_from INTEGER REFERENCES devices (id);
ALTER TABLE memberships ADD COLUMN given_from INTEGER REFERENCES devices (id);
ALTER TABLE invites ADD COLUMN made_from INTEGER REFERENCES devices (id);
CREATE INDEX ix_accounts_came_from ON accounts (came_from) WHERE came_from IS NOT NULL;
CREATE INDEX ix_accounts_admin_from ON accounts (admin_from) WHERE admin_from IS NOT NULL;
CREATE INDEX ix_memberships_given_from ON memberships (given_from) WHERE given_from IS NOT NULL;
