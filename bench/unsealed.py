"""The last version before anything was sealed: it runs its own copy of a measurement, beside that of today."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

COMMIT = "7f346b8"
HERE = Path(__file__).resolve().parent.parent
LIMIT_S = 600.0


@contextmanager
def checkout() -> Iterator[Path]:
    """Out of the history of this repository, into a folder that goes away. It runs with the libraries of today."""
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(["git", "archive", COMMIT, "src", "bench"], cwd=HERE, check=True, capture_output=True)
        with tarfile.open(fileobj=BytesIO(packed.stdout)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


def told_by(folder: Path, code: str, *words: str) -> dict[str, float]:
    """What a program prints last, as JSON: run with what stands in the folder of a checkout."""
    paths = os.pathsep.join((str(folder / "src"), str(folder / "bench")))
    ran = subprocess.run(
        [sys.executable, "-c", code, *words],
        env={**os.environ, "PYTHONPATH": paths},
        check=True,
        timeout=LIMIT_S,
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )
    told: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return told
