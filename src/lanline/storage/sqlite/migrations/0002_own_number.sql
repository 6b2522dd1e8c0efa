-- Until step 1 the number of the tables stood here. Since then it is the database's user_version.
DROP TABLE IF EXISTS alembic_version;
