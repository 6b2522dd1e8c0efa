"""The home of somebody who has joined a server that is away, and nodes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lanline.client.pin import KnownServer, write_pin
from unit.client.node.running import Running


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Path:
    """Of somebody who has joined a server that is away."""
    home = tmp_path / "ann"
    home.mkdir(mode=0o700)
    write_pin(home, KnownServer("127.0.0.1", 9, b"f" * 32, "ship", 1, "ann"))
    return home


@pytest.fixture(name="run")
def _run(home: Path) -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def start(**options: Any) -> Running:
        running.append(Running(home, **options))
        return running[-1]

    yield start
    for each in running:
        each.stop()
