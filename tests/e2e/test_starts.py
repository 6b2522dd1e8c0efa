"""A start that is a fork of a loaded process differs from any other in nothing but the time it takes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from e2e.program import COMMAND
from e2e.town import LIMIT_S

FRESH = {"executable": sys.executable}
"""With this said, nobody takes the start over."""


def run(*words: str | bytes, **settings: Any) -> tuple[int, bytes, bytes]:
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | settings
    done = subprocess.run([*COMMAND, *words], timeout=LIMIT_S, check=False, **settings)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--version"],
        ["video", "--help"],
        ["send"],
        ["log", "--home", "none", "ben"],
        ["no", "such"],
        [b"\xff\xfe", "\u2713"],
    ],
)
def test_status_and_words_are_the_same(tmp_path: Path, words: list[str | bytes]) -> None:
    environment = os.environ | {"COLUMNS": "60", "LANLINE_HOME": "\u2713"}
    forked = run(*words, cwd=tmp_path, env=environment)
    assert forked == run(*words, cwd=tmp_path, env=environment, **FRESH)
    assert any(forked[1:])


def test_what_cannot_be_written_is_told_alike() -> None:
    with Path("/dev/full").open("wb") as full:
        forked = run("--help", stdout=full)
        assert forked == run("--help", stdout=full, **FRESH)
    assert forked[0]


def test_it_is_a_child_and_ends_by_a_signal(tmp_path: Path) -> None:
    for settings in ({}, FRESH):
        serving = subprocess.Popen(
            [*COMMAND, "serve", "--data", str(tmp_path / "data"), "--host", "127.0.0.1", "--port", "0"],
            stdout=subprocess.PIPE,
            start_new_session=True,
            **settings,  # type: ignore[call-overload]
        )
        assert serving.stdout is not None
        serving.stdout.readline()
        assert os.getsid(serving.pid) == os.getpgid(serving.pid) == serving.pid
        os.killpg(serving.pid, signal.SIGINT)
        serving.communicate(timeout=LIMIT_S)
        assert serving.returncode == 0
