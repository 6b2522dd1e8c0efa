"""Owns how an SQLite database gets its newest tables: by numbered files of SQL, run in order. Not what stands in them.

A folder holds `0001_tables.sql`, `0002_what_it_adds.sql` and so on, without a gap. The number of the last file that ran
is kept in the database, as its `user_version`. A file that was released is never edited: what is new is a new file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path


def newest_number(folder: Path) -> int:
    return len(_files(folder))


def stored_number(connection: sqlite3.Connection) -> int:
    """0 for a new database. Raises sqlite3.Error."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def run_steps(connection: sqlite3.Connection, folder: Path, done: int) -> None:
    """All steps after number `done`, inside the transaction that the caller has begun. Raises sqlite3.Error."""
    files = _files(folder)
    for file in files[done:]:
        for statement in _statements(file.read_text(encoding="utf-8")):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(files)}")


def _files(folder: Path) -> list[Path]:
    files = sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    numbers = [int(file.name[:4]) for file in files]
    assert numbers == list(range(1, len(files) + 1)), f"the steps in {folder} are not numbered 1, 2, 3 …"
    return files


def _statements(text: str) -> Iterator[str]:
    """One at a time: `executescript` would commit the caller's transaction."""
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    assert not statement.strip(), "a step ends with a semicolon"
