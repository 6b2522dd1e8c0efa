"""A person, and the servers they send to; a group that is there already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.cinema import cinema_house
from e2e.founded import Founded
from e2e.house import House, house
from e2e.nodes import ENVIRONMENT
from e2e.peers import seats_of_two
from e2e.square import Square
from e2e.town import OUTSIDE, Town
from mailhouse.certificates import Authority
from mailhouse.moody import Moody
from mailhouse.office import Office
from mailhouse.stage import Stage

__all__ = ["cinema_house", "seats_of_two"]


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Founded:
    return Founded(tmp_path_factory.mktemp("founded"))


@pytest.fixture(name="home")
def empty_house(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        yield made


@pytest.fixture
def office(stage: Stage, authority: Authority) -> tuple[Office, int]:
    kept = Office()
    return kept, stage.serve(lambda: kept.protocol(authority.good.server_context()))


@pytest.fixture
def moody(stage: Stage, authority: Authority) -> Any:
    def build(answers: dict[str, Any] | None = None) -> tuple[Moody, int]:
        server = Moody(answers, authority.good.server_context())
        return server, stage.serve_streams(server)

    return build


@pytest.fixture(name="town")
def _town(founded: Founded, tmp_path: Path) -> Iterator[Town]:
    """With homes of ann and ben."""
    made = Town(tmp_path)
    founded.copy(tmp_path, made.port, "ann", "ben")
    try:
        made.open()
        yield made
    finally:
        made.dispose()


@pytest.fixture(name="square")
def _square(founded: Founded, empty_square: Square) -> Square:
    """With homes of ann and ben."""
    founded.copy(empty_square.folder, empty_square.port, "ann", "ben")
    empty_square.open()
    return empty_square


@pytest.fixture(name="new_square")
def _new_square(empty_square: Square) -> Square:
    """Where nobody has been yet."""
    empty_square.open()
    return empty_square


@pytest.fixture(name="empty_square")
def _empty_square(tmp_path: Path) -> Iterator[Square]:
    assert {name for name in OUTSIDE if name.startswith("LANLINE_")} == set(ENVIRONMENT)
    made = Square(tmp_path)
    try:
        yield made
    finally:
        made.dispose()
