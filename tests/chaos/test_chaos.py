"""A quarter of a minute of `make chaos`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).with_name("run.py")


def test_a_short_chaos_loses_nothing() -> None:
    run = subprocess.run(
        [sys.executable, RUN, "--minutes", "0.25"], capture_output=True, text=True, check=False, timeout=300
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "nothing acknowledged was lost" in run.stdout
