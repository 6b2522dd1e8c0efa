from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serverhouse.house import House


@pytest.fixture
def open_house(tmp_path: Path) -> Iterator[Callable[..., House]]:
    """A server with the settings given, open to everybody unless told otherwise."""
    houses: list[House] = []

    def open_one(**settings: object) -> House:
        houses.append(House(tmp_path / f"data{len(houses)}", **settings))
        return houses[-1]

    yield open_one
    for house in houses:
        house.stop()


@pytest.fixture
def house(open_house: Callable[..., House]) -> House:
    return open_house()
