"""Killed at any moment, and with the end of the WAL torn off or scribbled over: what was acknowledged is there.

The order of syncs is what makes a loss impossible: with synchronous=FULL the WAL is synced at every commit, and only
then is a result handed over. So a power cut can tear only frames behind the last acknowledged commit, and recovery
drops those by their checksums.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import lanline
from lanline.model.logs import LogId
from lanline.storage.sqlite.connection import FILE_NAME
from lanline.storage.sqlite.engine import SqliteEngine
from storage.shelf import Shelf, new_entry

TESTS = Path(__file__).parents[1]
CHILDS = os.environ | {"PYTHONPATH": f"{TESTS}{os.pathsep}{Path(lanline.__file__).parents[1]}"}
"""What is tested here, and not what is installed."""
KILLS = 12


def open_shelf(folder: Path) -> Shelf:
    return Shelf(SqliteEngine.open, folder)


def prepare(folder: Path) -> Shelf:
    shelf = open_shelf(folder)
    ann = shelf.add_account("ann").id
    for name in ("#one", "#two", "#six"):
        shelf.create_room(name, ann)
    return shelf


def numbers_by_place(shelf: Shelf) -> dict[tuple[int, int], int]:
    """Which number stands at which log and sequence number; dense, whole and in order, or the test fails here."""
    places = {}
    for log in (1, 2, 3):
        entries = shelf.entries(LogId(log), limit=10**6)
        assert [entry.sequence for entry in entries] == list(range(1, len(entries) + 1))
        numbers = [entry.time_ms for entry in entries]
        assert numbers == sorted(set(numbers))
        assert all(len(entry.content) == 1 + entry.time_ms * 37 % 3000 for entry in entries)
        assert shelf.read(lambda v, log=log: v.logs.heads([LogId(log)])) == {log: len(entries)}
        places |= {(log, entry.sequence): entry.time_ms for entry in entries}
    return places


def test_killed_server_has_all_that_it_acknowledged(tmp_path: Path) -> None:
    rng = random.Random(5265)
    prepare(tmp_path).store.close()
    acknowledged: dict[tuple[int, int], int] = {}
    first = 0
    for _ in range(KILLS):
        words = [sys.executable, TESTS / "storage/writing_child.py", tmp_path, str(first)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, env=CHILDS) as child:
            assert child.stdout is not None
            until = rng.randrange(1, 600)
            lines = [child.stdout.readline() for _ in range(until)]
            child.kill()
            lines += child.stdout.readlines()
        assert child.returncode < 0
        for line in lines:
            if line.endswith(b"\n"):
                number, sequence = map(int, line.split())
                acknowledged[number % 3 + 1, sequence] = number
                first = max(first, number + 1)
        first += 100  # what was in flight may be there or not
        shelf = open_shelf(tmp_path)
        places = numbers_by_place(shelf)
        shelf.store.close()
        assert acknowledged.items() <= places.items()
    assert len(acknowledged) >= KILLS


def copy_of(folder: Path, place: Path) -> Path:
    """What a power cut would leave of the files. The rest is made anew by whoever opens them."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for name in (FILE_NAME, f"{FILE_NAME}-wal"):
        shutil.copy(folder / name, place / name)
    return place


def test_torn_or_scribbled_end_of_the_wal_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    rng = random.Random(1)
    folder = tmp_path / "data"
    shelf = prepare(folder)
    wal = folder / f"{FILE_NAME}-wal"

    def append(number: int) -> None:
        shelf.append([new_entry(number % 3 + 1, number, content=bytes(1 + number * 37 % 3000))])

    for number in range(30):
        append(number)
    acknowledged, acknowledged_bytes = numbers_by_place(shelf), wal.stat().st_size
    for number in range(30, 40):
        append(number)
    everything = numbers_by_place(shelf)
    torn_bytes = wal.stat().st_size - acknowledged_bytes
    assert torn_bytes > 0
    for attempt in range(60):
        copy = copy_of(folder, tmp_path / "copy")
        cut = acknowledged_bytes + rng.randrange(torn_bytes)
        with (copy / wal.name).open("r+b") as file:
            if attempt % 2:
                file.seek(cut)
                file.write(rng.randbytes(rng.randrange(1, acknowledged_bytes + torn_bytes - cut + 1)))
            else:
                file.truncate(cut)
        torn = open_shelf(copy)
        places = numbers_by_place(torn)
        assert acknowledged.items() <= places.items() <= everything.items()
        torn.append([new_entry(1, 999, content=bytes(1 + 999 * 37 % 3000))])
        numbers_by_place(torn)
        torn.store.close()
    shelf.store.close()


def test_writer_syncs_the_wal_at_every_commit(tmp_path: Path) -> None:
    engine = SqliteEngine.open(tmp_path)
    words = ("journal_mode", "synchronous", "fullfsync", "checkpoint_fullfsync", "foreign_keys")
    setup = [engine._writer.execute(f"PRAGMA {word}").fetchone()[0] for word in words]
    engine.close()
    assert setup == ["wal", 2, 1, 1, 1]


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_result_is_handed_over_after_the_sync(tmp_path: Path) -> None:
    prepare(tmp_path / "data").store.close()
    script = (
        "import os, sys\nfrom pathlib import Path\n"
        "from lanline.storage.sqlite.engine import SqliteEngine\nfrom storage.shelf import Shelf, new_entry\n"
        "shelf = Shelf(SqliteEngine.open, Path(sys.argv[1]))\n"
        "for number in range(5):\n"
        "    os.write(1, b'begin\\n')\n"
        "    shelf.append([new_entry(1, number)])\n"
        "    os.write(1, b'acknowledged\\n')\n"
        "os._exit(0)\n"
    )
    trace = tmp_path / "trace"
    watched = "trace=write,pwrite64,fsync,fdatasync"
    words = ["strace", "-f", "-y", "-o", trace, "-e", watched, sys.executable, "-c", script, tmp_path / "data"]
    run = subprocess.run(words, env=CHILDS, capture_output=True, check=False, timeout=60)
    if b"ptrace" in run.stderr:
        pytest.skip("this machine lets nobody trace")
    assert run.returncode == 0, run.stderr
    commits = trace.read_text().split("begin\\n")[1:]
    assert len(commits) == 5
    for commit in commits:
        before, found, _ = commit.partition("acknowledged\\n")
        wal_calls = [line.split("(")[0].split()[-1] for line in before.splitlines() if f"{FILE_NAME}-wal" in line]
        assert found
        assert "pwrite64" in wal_calls
        assert wal_calls[-1] in {"fsync", "fdatasync"}


def test_crash_in_the_middle_of_the_first_start_is_no_problem(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).touch()
    open_shelf(tmp_path).store.close()
    other = tmp_path / "other"
    other.mkdir()
    with sqlite3.connect(other / FILE_NAME) as database:
        database.execute("PRAGMA journal_mode = WAL")
    database.close()
    open_shelf(other).store.close()
