from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lanline.sqlsteps import newest_number, run_steps, stored_number

FIRST = (
    "-- A comment; with a semicolon.\nCREATE TABLE people (\n    name TEXT\n);\nINSERT INTO people VALUES ('a; b');\n"
)
SECOND = """ALTER TABLE people ADD age INTEGER;
CREATE TRIGGER grown AFTER INSERT ON people BEGIN
    UPDATE people SET age = 18;
    UPDATE people SET name = 'c';
END;
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_people.sql").write_text(FIRST)
    (tmp_path / "notes.txt").write_text("no step")
    return tmp_path


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        yield connection


def bring_up(connection: sqlite3.Connection, folder: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    run_steps(connection, folder, stored_number(connection))
    connection.execute("COMMIT")


def test_steps_run_once_each_and_in_order(folder: Path, connection: sqlite3.Connection) -> None:
    assert (stored_number(connection), newest_number(folder)) == (0, 1)
    bring_up(connection, folder)
    (folder / "0002_age.sql").write_text(SECOND)
    assert (stored_number(connection), newest_number(folder)) == (1, 2)
    for _ in range(2):
        bring_up(connection, folder)
        assert stored_number(connection) == 2
    assert connection.execute("SELECT name, age FROM people").fetchall() == [("a; b", None)]
    connection.execute("INSERT INTO people VALUES ('x', 1)")
    assert connection.execute("SELECT name, age FROM people").fetchall() == [("c", 18), ("c", 18)]


def test_a_step_that_fails_leaves_the_number_and_the_tables_that_were(
    folder: Path, connection: sqlite3.Connection
) -> None:
    bring_up(connection, folder)
    (folder / "0002_wrong.sql").write_text("CREATE TABLE rooms (name TEXT);\nCREATE TABLE people (name TEXT);\n")
    with pytest.raises(sqlite3.OperationalError, match="people"):
        bring_up(connection, folder)
    assert connection.in_transaction
    connection.execute("ROLLBACK")
    assert stored_number(connection) == 1
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("people",)]


@pytest.mark.parametrize("name", ["0003_gap.sql", "0001_twice.sql"])
def test_numbers_with_a_gap_or_twice_are_heard(folder: Path, name: str) -> None:
    (folder / name).write_text("SELECT 1;")
    with pytest.raises(AssertionError, match="numbered"):
        newest_number(folder)
