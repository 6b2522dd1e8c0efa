"""The engine on SQLite: one file in one folder."""
