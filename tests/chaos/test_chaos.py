"""Some seconds of `make chaos`; and that it notices when something is wrong."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SIGNS = ("was acknowledged and is lost", " where #lobby has ")
"""Of an entry that the server no longer has, or in whose place it has another one."""


def chaos(minutes: float, *options: str | Path, seed: int = 1) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, HERE / "run.py", "--minutes", str(minutes), "--seed", str(seed), *options]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=900)


def test_a_short_chaos_loses_nothing() -> None:
    run = chaos(0.15)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "nothing acknowledged was lost" in run.stdout


def test_a_server_that_acknowledges_and_does_not_write_is_noticed() -> None:
    """On a busy machine it may be that nothing at all was acknowledged before the last kill. What is queued at the end
    stays so: each member's device has seen through this server.
    """
    for seed in range(1, 6):
        hasty = "--program", HERE / "hasty.py", "--drain", "1", "--problems", "10000"
        run = chaos(0.04 * 2**seed, *hasty, seed=seed)
        if kept := run.stdout.partition("all files are in ")[2].split("\n")[0]:
            shutil.rmtree(kept, ignore_errors=True)
        if any(sign in run.stdout for sign in SIGNS):
            assert run.returncode == 1, run.stdout + run.stderr
            return
    pytest.fail(run.stdout + run.stderr)
