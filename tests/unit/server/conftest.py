from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serverhouse.group import new_group
from serverhouse.house import House

__all__ = ["new_group"]


@pytest.fixture
def open_house(tmp_path: Path, empty_store: Path) -> Iterator[Callable[..., House]]:
    """A server with the settings given, open to everybody unless told otherwise."""
    houses: list[House] = []

    def open_one(**settings: object) -> House:
        folder = tmp_path / f"data{len(houses)}"
        shutil.copytree(empty_store, folder)
        houses.append(House(folder, **settings))
        return houses[-1]

    yield open_one
    for house in houses:
        house.stop()


@pytest.fixture
def house(open_house: Callable[..., House]) -> House:
    return open_house()
