"""Which history of the server this is: told to clients, the same for ever, and another one after a restore."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from lanline.core.changes import OPERATOR
from lanline.errors import StorageFull
from lanline.server.backup import make_backup
from lanline.server.datafolder import DataFolder
from lanline.server.restore import restore
from lanline.server.restored import end_if_restored
from lanline.storage.sqlite.connection import FILE_NAME
from lanline.storage.sqlite.database import SqliteDatabase
from lanline.storage.sqlite.engine import SqliteEngine
from lanline.wire.chat import signin
from serverhouse.house import House


def start(folder: Path) -> bool:
    """A server's start and end there. True: it takes its data for restored."""
    engine = SqliteEngine.open(folder)
    try:
        DataFolder(folder).identity(is_first=True)
        return end_if_restored(engine, DataFolder(folder))
    finally:
        engine.close()


def kept(folder: Path) -> bytes | None:
    engine = SqliteEngine.open(folder)
    try:
        return engine.read(lambda view: view.settings.get("epoch"))
    finally:
        engine.close()


def put(folder: Path, epoch: bytes) -> None:
    engine = SqliteEngine.open(folder)
    engine.transact([lambda transaction: transaction.settings.put("epoch", epoch)])
    engine.close()


def invites(folder: Path) -> int:
    engine = SqliteEngine.open(folder)
    try:
        return len(engine.read(lambda view: view.invites.all()))
    finally:
        engine.close()


def test_a_restore_brings_no_invite_back_that_was_used_or_dropped_since(house: House) -> None:
    folder = house.folder
    house.server.core.make_invite(OPERATOR, 1, None, grants_admin=True)
    house.settle()
    house.stop()
    start(folder)
    assert invites(folder) == 1
    make_backup(SqliteDatabase(folder), folder.parent / "backup.tar")
    restore(folder.parent / "backup.tar", SqliteDatabase(folder.parent / "restored"))
    start(folder.parent / "restored")
    assert (invites(folder.parent / "restored"), invites(folder)) == (0, 1)
    house.start()


def test_it_is_told_to_whoever_signs_in_and_stays_the_same(house: House) -> None:
    epoch = house.join("ann").signed_in.epoch
    assert len(epoch) == 16
    assert house.sign_in("ann").signed_in.epoch == epoch
    house.stop()
    house.start()
    assert house.sign_in("ann").signed_in.epoch == epoch


def test_it_is_on_the_disk_before_it_is_told(house: House) -> None:
    house.join("ann")
    house.stop()
    put(house.folder, b"")
    house.start()
    ann = house.call("ann")
    ann.say(signin.Hello((2,), "test"), settles=False)
    ann.say(signin.SignIn(ann.number()), settles=False)
    ann.link.arrive()
    assert (ann.last(signin.SignedIn).epoch, kept_by(house)) == (b"", b"")
    house.settle()
    assert house.sign_in("ann").signed_in.epoch == kept_by(house) != b""


def kept_by(house: House) -> bytes | None:
    return house.store.read(lambda view: view.settings.get("epoch")).result()


def test_a_folder_in_which_it_starts_again_and_again_is_the_same(tmp_path: Path) -> None:
    assert [start(tmp_path / "data") for _ in range(3)] == [False] * 3


def _restore(data: Path, other: Path) -> Path:
    make_backup(SqliteDatabase(data), other.with_suffix(".tar"))
    restore(other.with_suffix(".tar"), SqliteDatabase(other))
    return other


def _copy(data: Path, other: Path) -> Path:
    return Path(shutil.copytree(data, other, copy_function=shutil.copy2))


def _put_back_the_database(data: Path, other: Path) -> Path:
    shutil.copy2(data / FILE_NAME, other)
    start(data)
    shutil.copy2(other, data / FILE_NAME)
    return data


def _lose_the_mark(data: Path, _: Path) -> Path:
    (data / "last-start").unlink()
    return data


@pytest.mark.parametrize("how", [_restore, _copy, _put_back_the_database, _lose_the_mark])
def test_data_that_was_put_back_ends_the_epoch_once(tmp_path: Path, how: Callable[[Path, Path], Path]) -> None:
    data = tmp_path / "data"
    start(data)
    put(data, b"first")
    folder = how(data, tmp_path / "other")
    assert start(folder)
    assert kept(folder) is None
    put(folder, b"second")
    assert not start(folder)
    assert kept(folder) == b"second"


def test_a_start_that_was_killed_before_its_row_stood_is_no_restore(tmp_path: Path) -> None:
    """As one that has found the disk full, and could not write it."""
    start(tmp_path)
    put(tmp_path, b"first")
    for _ in range(2):
        [known] = DataFolder(tmp_path).last_starts()
        DataFolder(tmp_path).touch_last_start(known)
        assert not start(tmp_path)
        assert kept(tmp_path) == b"first"


def test_a_folder_that_was_moved_is_the_same(tmp_path: Path) -> None:
    start(tmp_path / "data")
    (tmp_path / "data").rename(tmp_path / "moved")
    assert not start(tmp_path / "moved")


class FullEngine:
    def __init__(self, engine: SqliteEngine) -> None:
        self.read = engine.read
        self.close = engine.close

    def transact(self, works: Sequence[Any]) -> list[object]:
        return [StorageFull("There is no room left.") for _ in works]


def test_on_a_full_disk_a_server_starts_but_not_as_the_one_it_was_before_a_restore(tmp_path: Path) -> None:
    start(tmp_path)
    engine = SqliteEngine.open(tmp_path)
    for _ in range(2):
        assert not end_if_restored(FullEngine(engine), DataFolder(tmp_path))
    for each in tmp_path.glob("last-start*"):
        each.unlink()
    with pytest.raises(StorageFull):
        end_if_restored(FullEngine(engine), DataFolder(tmp_path))
    engine.close()
