from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from lanline import wholefile
from lanline.wholefile import create_whole, replace_whole


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
