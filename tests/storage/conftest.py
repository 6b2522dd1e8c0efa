"""Every test that asks for a shelf runs once with every engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lanline.storage.api import Engine
from storage.shelf import ENGINES, Shelf


@pytest.fixture(params=sorted(ENGINES))
def open_engine(request: pytest.FixtureRequest) -> Callable[[Path], Engine]:
    return ENGINES[request.param]


@pytest.fixture
def shelf(open_engine: Callable[[Path], Engine], tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(open_engine, tmp_path / "data")
    yield shelf
    shelf.store.close()
