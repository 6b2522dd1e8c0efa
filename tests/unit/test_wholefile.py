from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from lanline import wholefile
from lanline.server import restore as server_restore
from lanline.server.backup import make_backup
from lanline.server.datafolder import DataFolder
from lanline.storage.sqlite import engine
from lanline.storage.sqlite.database import SqliteDatabase
from lanline.wholefile import create_whole, make_folder, replace_whole


def test_only_the_first_creates(tmp_path: Path) -> None:
    path = tmp_path / "key"
    assert create_whole(path, b"first")
    assert not create_whole(path, b"second")
    assert path.read_bytes() == b"first"
    assert [found.name for found in tmp_path.iterdir()] == ["key"]


def test_a_write_that_fails_leaves_what_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    replace_whole(path, b"old")

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(wholefile.os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        replace_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["key"]


def test_content_and_then_name_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    really = os.fsync

    def note(handle: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(handle).st_mode)
        synced.append("folder" if is_folder else "file")
        assert is_folder == (tmp_path / "key").exists()
        really(handle)

    monkeypatch.setattr(wholefile.os, "fsync", note)
    replace_whole(tmp_path / "key", b"new")
    assert synced == ["file", "folder"]


def test_where_a_file_has_one_name_only_a_name_is_taken_once_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(wholefile.os, "link", fail)
    assert create_whole(tmp_path / "key", b"mine")
    assert not create_whole(tmp_path / "key", b"theirs")
    assert (tmp_path / "key").read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_every_folder_that_is_made_is_synced_into_the_one_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(wholefile, "sync_folder", synced.append)
    folder = tmp_path / "srv" / "chat" / "data"
    make_folder(folder)
    assert synced == [tmp_path, tmp_path / "srv", tmp_path / "srv" / "chat"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    make_folder(folder)
    assert len(synced) == 3


def test_a_first_start_and_a_restore_make_their_folders_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []

    def note(folder: Path) -> None:
        made.append(folder)
        make_folder(folder)

    monkeypatch.setattr(engine, "make_folder", note)
    monkeypatch.setattr(server_restore, "make_folder", note)
    first = tmp_path / "one" / "data"
    engine.SqliteEngine.open(first).close()
    DataFolder(first).identity(is_first=True)
    make_backup(SqliteDatabase(first), tmp_path / "backup.tar")
    server_restore.restore(tmp_path / "backup.tar", SqliteDatabase(tmp_path / "two" / "data"))
    assert made == [first, tmp_path / "two" / "data"]
