"""A full disk: what was not kept is told, nothing else is lost, and with room again it goes on."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanline.errors import StorageError, StorageFull, StorageUnusable
from lanline.model.accounts import AccountId
from lanline.model.blobs import MAX_BLOB_BYTES
from lanline.model.logs import LogId
from lanline.storage.sqlite.engine import SqliteEngine
from lanline.storage.sqlite.problems import storage_problem
from storage.shelf import Shelf, new_entry, number_of

LOG = LogId(1)


def prepared(folder: Path) -> Shelf:
    shelf = Shelf(SqliteEngine.open, folder)
    shelf.create_room("#lab", shelf.add_account("ann").id)
    return shelf


def fill(shelf: Shelf) -> tuple[list[int], StorageError]:
    """Append until it fails; what was acknowledged, and how it failed."""
    acknowledged: list[int] = []
    for number in range(100_000):
        try:
            shelf.append([new_entry(LOG, number, content=os.urandom(8000))])
        except StorageError as problem:
            return acknowledged, problem
        acknowledged.append(number)
    raise AssertionError("it never was full")


def numbers(shelf: Shelf) -> list[int]:
    entries = shelf.entries(LOG, limit=10**6)
    assert [entry.sequence for entry in entries] == list(range(1, len(entries) + 1))
    return list(map(number_of, entries))


def test_a_disk_that_takes_not_even_what_a_start_writes_is_told_as_that(tmp_path: Path) -> None:
    cause = sqlite3.OperationalError("disk I/O error")
    cause.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    problem = storage_problem(cause, tmp_path)
    assert isinstance(problem, StorageUnusable)
    assert str(problem) == f"The database in {tmp_path} cannot be used: the disk is full, or broken."


def test_write_that_finds_no_room_fails_alone_and_later_ones_work(tmp_path: Path) -> None:
    shelf = prepared(tmp_path)
    writer = shelf.store._engine._writer
    writer.execute(f"PRAGMA max_page_count = {writer.execute('PRAGMA page_count').fetchone()[0] + 30}")
    small = shelf.store.write(lambda t: t.logs.append([new_entry(LOG, 1)]))
    large = shelf.store.write(lambda t: t.blobs.put(os.urandom(MAX_BLOB_BYTES), AccountId(1), 1))
    after = shelf.store.write(lambda t: t.logs.append([new_entry(LOG, 2)]))
    shelf.store.flush()
    assert isinstance(large.problem, StorageFull)
    assert [small.result()[0].sequence, after.result()[0].sequence] == [1, 2]
    acknowledged, problem = fill(shelf)
    assert isinstance(problem, StorageFull)
    assert "no room" in str(problem)
    kept = [1, 2, *(number for number in acknowledged if number not in {1, 2})]
    assert numbers(shelf) == kept
    blob = os.urandom(MAX_BLOB_BYTES)
    everybody = [shelf.store.write(lambda t: t.blobs.put(blob, AccountId(1), 1)) for _ in range(9)]
    shelf.store.flush()
    assert all(isinstance(ticket.problem, StorageFull) for ticket in everybody)
    assert numbers(shelf) == kept
    writer.execute("PRAGMA max_page_count = 1000000")
    assert shelf.append([new_entry(LOG, 100_000)])[0].sequence == len(numbers(shelf))
    shelf.store.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "lanline-test", place]
    if (
        sys.platform != "linux"
        or os.geteuid() != 0
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("a small disk can be mounted only by the superuser of a Linux machine")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_full_disk_loses_nothing_and_heals(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1024 * 1024))
    shelf = prepared(small_disk / "data")
    acknowledged, problem = fill(shelf)
    assert isinstance(problem, StorageFull)
    assert acknowledged
    for _ in range(5):
        with pytest.raises(StorageError):
            shelf.append([new_entry(LOG, 100_000, content=os.urandom(100_000))])
    assert numbers(shelf) == acknowledged
    ballast.unlink()
    assert shelf.append([new_entry(LOG, 100_001)])[0].sequence == len(acknowledged) + 1
    shelf.reopen()
    assert numbers(shelf) == [*acknowledged, 100_001]
    shelf.store.close()


def test_first_start_on_a_full_disk_says_so_and_works_later(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(4 * 1024 * 1024 - 20 * 1024))
    with pytest.raises(StorageError) as problem:
        SqliteEngine.open(small_disk / "data")
    assert str(problem.value).endswith(".")
    ballast.unlink()
    prepared(small_disk / "data").store.close()
