"""What the start of a server costs. Its life is in tests/e2e/test_serve.py."""

from __future__ import annotations

import subprocess
import sys


def test_a_start_loads_nothing_that_may_never_be_asked_for() -> None:
    program = "import sys, lanline.server.app, lanline.server.logs; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"prometheus_client", "argon2", "segno", "typer"} & set(loaded)
