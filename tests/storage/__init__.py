"""One suite for every engine, and what only one of them has."""
