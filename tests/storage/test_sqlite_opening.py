"""Opening what stands there: new, old, newer, damaged, somebody else's, in use, not allowed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lanline.errors import (
    StorageDamaged,
    StorageInUse,
    StorageNewer,
    StorageUnusable,
)
from lanline.model.logs import LogId
from lanline.sqlsteps import newest_number
from lanline.storage.sqlite import connection, engine, migration
from lanline.storage.sqlite.connection import FILE_NAME
from lanline.storage.sqlite.engine import SqliteEngine
from lanline.storage.sqlite.migration import APPLICATION_ID
from storage.shelf import Shelf, new_entry


def make(folder: Path) -> None:
    shelf = Shelf(SqliteEngine.open, folder)
    shelf.create_room("#lab", shelf.add_account("ann").id)
    shelf.append([new_entry(1, number) for number in range(200)])
    shelf.store.close()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name.startswith(FILE_NAME)}


def change(folder: Path, words: str) -> None:
    with closing(sqlite3.connect(folder / FILE_NAME, isolation_level=None)) as database:
        database.execute(words)


def schema(path: Path) -> dict[str, object]:
    """Of every table: its columns, keys, indexes and whether its rows lie in the order of the key."""
    found: dict[str, object] = {}
    with closing(sqlite3.connect(path)) as database:
        tables = database.execute("SELECT name, wr FROM pragma_table_list WHERE schema = 'main'").fetchall()
        for table, without_rowid in tables:
            columns = database.execute(f"PRAGMA table_xinfo({table})").fetchall()
            keys = sorted(row[2:] for row in database.execute(f"PRAGMA foreign_key_list({table})"))
            indexes = {
                (index, is_unique): [row[2] for row in database.execute(f"PRAGMA index_info({index})")]
                for _, index, is_unique, *_ in database.execute(f"PRAGMA index_list({table})").fetchall()
            }
            found[table] = (without_rowid, columns, keys, indexes)
        counted = database.execute("SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'").fetchall()
        found["counted"] = sorted(counted)
        found["version"] = database.execute("PRAGMA user_version").fetchone()
        found["application"] = database.execute("PRAGMA application_id").fetchone()
    return found


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The folder of a server whose tables Alembic made."""
    with tarfile.open(Path(__file__).parents[1] / "data" / "before-sql-steps.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "server"


def test_a_database_that_alembic_made_ends_in_the_same_tables_as_a_new_one(tmp_path: Path, older: Path) -> None:
    make(tmp_path / "new")
    before = schema(older / FILE_NAME)
    assert before["version"] == (0,)
    assert "alembic_version" in before
    SqliteEngine.open(older).close()
    after = schema(older / FILE_NAME)
    assert after == schema(tmp_path / "new" / FILE_NAME)
    assert after["application"] == (APPLICATION_ID,)
    assert {"accounts", "devices", "entries", "settings"} <= set(after)


def test_a_database_that_alembic_made_keeps_its_rows_and_goes_on(older: Path) -> None:
    with closing(sqlite3.connect(older / FILE_NAME)) as database:
        before = database.execute("SELECT log, sequence, entry_id FROM entries ORDER BY log, sequence").fetchall()
    shelf = Shelf(SqliteEngine.open, older)
    ann, mal = (shelf.read(lambda v, name=name: v.accounts.by_name(name)) for name in ("ann", "mal"))
    assert ann is not None
    assert mal is not None
    assert (ann.is_admin, ann.is_banned, mal.is_admin, mal.is_banned) == (True, False, False, True)
    assert shelf.append([new_entry(2, 77)])[0].sequence == 19
    kept = [(e.log, e.sequence, e.entry_id) for log in range(1, 6) for e in shelf.entries(LogId(log))]
    assert [place for place in kept if place[:2] != (2, 19)] == before
    assert len(before) == 35
    assert shelf.add_account("zoe").id == 5
    shelf.store.close()


def test_what_the_steps_forget_is_in_no_file_once_it_is_open(older: Path) -> None:
    change(older, "UPDATE devices SET label = 'harbour desk', revoked_ms = 5")
    assert b"harbour desk" in b"".join(contents(older).values())
    opened = SqliteEngine.open(older)
    assert b"harbour desk" not in b"".join(contents(older).values())
    opened.close()


def test_what_is_forgotten_while_somebody_reads_is_in_no_file_after_that(tmp_path: Path) -> None:
    """A backup may read for minutes: nothing waits for it."""
    make(tmp_path)
    change(tmp_path, "INSERT INTO devices (account, fingerprint, label, added_ms) VALUES (1, x'00', 'harbour desk', 1)")
    opened = SqliteEngine.open(tmp_path)
    with closing(connection.connect_reader(tmp_path)) as reader:
        reader.execute("BEGIN")
        [(device,)] = reader.execute("SELECT id FROM devices WHERE label <> ''").fetchall()
        assert opened.transact([lambda transaction: transaction.accounts.forget_label(device)]) == [None]
        assert b"harbour desk" in b"".join(contents(tmp_path).values())
    opened.transact([lambda transaction: None])
    assert b"harbour desk" not in b"".join(contents(tmp_path).values())
    opened.close()


def test_invitations_of_whom_nobody_knows_who_made_them_rest_on_an_owner_of_the_room(older: Path) -> None:
    with closing(sqlite3.connect(older / FILE_NAME)) as database:
        (log, owner), *_ = database.execute("SELECT log, account FROM memberships WHERE role = 3 ORDER BY log")
        (guest,), (muted,), *_ = database.execute("SELECT id FROM accounts WHERE id <> ?", (owner,))
        for account, is_muted in ((guest, False), (muted, True)):
            row = (log, account, 1, "invited", is_muted)
            database.execute("INSERT OR REPLACE INTO memberships VALUES (?, ?, ?, ?, ?)", row)
        database.commit()
    shelf = Shelf(SqliteEngine.open, older)
    assert shelf.read(lambda v: v.rooms.membership(log, guest)).invited_by == owner
    assert shelf.read(lambda v: v.rooms.membership(log, muted)).invited_by is None
    assert not [each for each in shelf.read(lambda v: v.rooms.members(log)) if each.may_read and each.invited_by]
    shelf.store.close()


def test_migration_that_fails_leaves_what_was(older: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = tmp_path / "steps"
    shutil.copytree(migration.MIGRATIONS, steps)
    (steps / f"{newest_number(steps) + 1:04}_wrong.sql").write_text(
        "DROP TABLE settings;\nCREATE TABLE accounts (id);\n"
    )
    for module in (migration, engine):
        monkeypatch.setattr(module, "MIGRATIONS", steps)
    before = schema(older / FILE_NAME)
    for folder in (older, tmp_path / "new"):
        with pytest.raises(StorageUnusable, match="accounts already exists"):
            SqliteEngine.open(folder)
    assert schema(older / FILE_NAME) == before
    monkeypatch.undo()
    SqliteEngine.open(older).close()
    make(tmp_path / "new")


def test_newer_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    make(tmp_path)
    change(tmp_path, "PRAGMA user_version = 999")
    before = contents(tmp_path)
    with pytest.raises(StorageNewer, match="newer Lanline"):
        SqliteEngine.open(tmp_path)
    assert contents(tmp_path) == before


def test_database_without_a_version_is_damaged(tmp_path: Path) -> None:
    make(tmp_path)
    change(tmp_path, "PRAGMA user_version = 0")
    with pytest.raises(StorageDamaged):
        SqliteEngine.open(tmp_path)


@pytest.mark.parametrize("words", ["DELETE FROM alembic_version", "UPDATE alembic_version SET version_num = 'x'"])
def test_database_of_alembic_without_a_version_is_damaged(older: Path, words: str) -> None:
    change(older, words)
    with pytest.raises(StorageDamaged):
        SqliteEngine.open(older)


def test_database_of_another_program_is_refused_and_not_touched(tmp_path: Path) -> None:
    change(tmp_path, "CREATE TABLE cookies (name TEXT)")
    before = contents(tmp_path)
    with pytest.raises(StorageUnusable, match="another program"):
        SqliteEngine.open(tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("garbage", [b"no database at all\n" * 500, b"SQLite format 3\0" + b"\xff" * 4096])
def test_file_that_is_no_database_is_damaged_and_not_touched(tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(garbage)
    with pytest.raises(StorageDamaged, match="Restore it from a backup"):
        SqliteEngine.open(tmp_path)
    assert contents(tmp_path) == {FILE_NAME: garbage}


def test_damage_inside_is_told_when_it_is_met(tmp_path: Path) -> None:
    make(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as database:
        (page,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'entries'").fetchone()
        (page_bytes,) = database.execute("PRAGMA page_size").fetchone()
    with (tmp_path / FILE_NAME).open("r+b") as file:
        file.seek((page - 1) * page_bytes)
        file.write(b"\xa5" * page_bytes)
    shelf = Shelf(SqliteEngine.open, tmp_path)
    with pytest.raises(StorageDamaged):
        shelf.entries(LogId(1))
    with pytest.raises(StorageDamaged):
        shelf.append([new_entry(1, 500)])
    assert len(shelf.read(lambda v: v.accounts.all())) == 1
    shelf.store.close()


def test_second_server_is_refused_with_a_sentence(tmp_path: Path) -> None:
    first = SqliteEngine.open(tmp_path)
    with pytest.raises(StorageInUse, match="Another Lanline server"):
        SqliteEngine.open(tmp_path)
    script = (
        "import sys; from pathlib import Path; from lanline.errors import StorageInUse\n"
        "from lanline.storage.sqlite.engine import SqliteEngine\n"
        "try:\n    SqliteEngine.open(Path(sys.argv[1]))\nexcept StorageInUse:\n    sys.exit(7)"
    )
    words = [sys.executable, "-c", script, tmp_path]
    assert subprocess.run(words, check=False).returncode == 7
    first.close()
    first.close()
    assert subprocess.run(words, check=False).returncode == 0


def test_writes_fail_while_another_program_has_the_file_locked_and_work_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path)
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_S", 0.0)
    shelf = Shelf(SqliteEngine.open, tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageInUse, match="Another program"):
            shelf.append([new_entry(1, 500)])
        assert len(shelf.entries(LogId(1))) == 200
        other.execute("ROLLBACK")
    assert shelf.append([new_entry(1, 500)])[0].sequence == 201
    shelf.store.close()


def test_place_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StorageUnusable, match="cannot be"):
            SqliteEngine.open(place)


@pytest.fixture
def nobody() -> Iterator[None]:
    """The superuser may write anywhere, so act as somebody who is not."""
    if os.name != "posix":
        pytest.skip("there are no such permissions here")
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield
    os.seteuid(user)


@pytest.fixture
def open_to_all(tmp_path: Path) -> Path:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.name.startswith(("pytest-", "popen-", "lanline-tests-")) or folder == tmp_path:
            folder.chmod(0o755)
    return tmp_path


def test_read_only_folder_is_refused(open_to_all: Path, request: pytest.FixtureRequest) -> None:
    folder = open_to_all / "data"
    make(folder)
    for path in (*folder.iterdir(), folder):
        path.chmod(0o555 if path == folder else 0o444)
    before = contents(folder)
    request.getfixturevalue("nobody")
    with pytest.raises(StorageUnusable, match="Whom does the folder belong to"):
        SqliteEngine.open(folder)
    with pytest.raises(StorageUnusable, match="Permission denied"):
        SqliteEngine.open(folder / "below")
    assert contents(folder) == before


def test_read_only_file_in_a_folder_of_ones_own_is_refused(open_to_all: Path, request: pytest.FixtureRequest) -> None:
    folder = open_to_all / "data"
    make(folder)
    (folder / "in-use").unlink()
    folder.chmod(0o777)
    (folder / FILE_NAME).chmod(0o444)
    request.getfixturevalue("nobody")
    with pytest.raises(StorageUnusable):
        SqliteEngine.open(folder)


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_the_database_is_readable_for_its_owner_alone_also_in_a_folder_that_others_may_read(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    store = SqliteEngine.open(tmp_path)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob(f"{FILE_NAME}*")}
    store.close()
    assert FILE_NAME in modes
    assert set(modes.values()) == {0o600}, modes
