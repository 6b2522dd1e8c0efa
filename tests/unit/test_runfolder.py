"""What a run of the tests leaves behind, and what the next one takes away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import runfolder


def test_what_runs_that_have_ended_left_goes_and_what_one_needs_that_goes_on_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runfolder, "_place", lambda: tmp_path)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, needed, other = (tmp_path / f"lanline-tests-{each}" for each in (ended.pid, os.getpid(), "kept"))
    for each in (left, needed, other):
        (each / "test_it0").mkdir(parents=True)
    runfolder.remove_left()
    assert set(tmp_path.iterdir()) == {needed, other}
    assert runfolder.run_folder() == needed


def test_where_memory_has_little_room_it_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runfolder, "_MEMORY", tmp_path)
    monkeypatch.setattr(runfolder, "_MOST_BYTES", 0)
    assert runfolder.run_folder().parent == tmp_path
    monkeypatch.setattr(runfolder, "_MOST_BYTES", 2**80)
    assert runfolder.run_folder().parent != tmp_path
