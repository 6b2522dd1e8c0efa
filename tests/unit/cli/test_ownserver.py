"""The server of `lanline start`, where it cannot be started again."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from lanline.cli import ownserver
from lanline.cli.ownserver import OwnServer
from lanline.server.datafolder import DataFolder

LIMIT_S = 60.0


@pytest.fixture(autouse=True)
def _each_start_fails_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", shutil.which("false"))
    monkeypatch.setattr(ownserver, "_PAUSES_S", (0.0, 0.0))
    monkeypatch.setattr(ownserver, "_WATCHED_EVERY_S", 0.001)


@pytest.mark.parametrize("is_folder_gone", [False, True])
def test_one_that_cannot_be_started_again_is_told_once_and_left_alone(tmp_path: Path, *, is_folder_gone: bool) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.path.mkdir()
    server, told = OwnServer(folder, folder.path / "server.log"), list[str]()
    if is_folder_gone:
        shutil.rmtree(folder.path)
    with server.telling(told.append):
        server.watch()
        server._watcher.join()
    server.end()
    assert [each.partition(",")[0] for each in told] == ["The server ends again and again"]


def test_one_that_was_well_before_it_ended_is_started_again_however_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownserver, "_IS_WELL_AFTER_S", -1.0)
    folder, launched, starts, is_often = DataFolder(tmp_path), ownserver._launched, list[Path](), threading.Event()

    def count(data: Path, log: Path) -> Any:
        starts.append(data)
        if len(starts) > 10 * len(ownserver._PAUSES_S):
            is_often.set()
        return launched(data, log)

    monkeypatch.setattr(ownserver, "_launched", count)
    server, told = OwnServer(folder, tmp_path / "server.log"), list[str]()
    with server.telling(told.append):
        server.watch()
        assert is_often.wait(LIMIT_S)
        server.end()
    assert told == []
