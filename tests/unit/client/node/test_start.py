"""How a face gets to its node: one that does not run begins to load before the face itself has loaded the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lanline.client.node.call import NodeCall
from lanline.client.node.protocol import Said
from lanline.client.node.start import NodeStart
from lanline.errors import HistoryProblem, NotJoined
from unit.client.node.running import Running, eventually, said, start_of

MAKES = "echo x >> made"
TELLS = """printf '{"kind":"HistoryProblem","text":"No room."}' > /dev/fd/$0"""


def start_by(home: Path, script: str) -> NodeStart:
    """In place of a node: `$0` is the descriptor to which it tells how its start went, `$1` the home."""
    return NodeStart(home, ["/bin/sh", "-c", f'cd "$1"; {script}'])


def test_a_node_is_made_before_anybody_connects(home: Path) -> None:
    start_by(home, MAKES).begin()
    eventually((home / "made").exists)


def test_what_the_node_that_was_begun_cannot_start_for_is_told_and_no_second_one_is_made(home: Path) -> None:
    start = start_by(home, f"{MAKES}; {TELLS}")
    start.begin()
    with pytest.raises(HistoryProblem, match="No room"):
        start.connect()
    assert (home / "made").read_text() == "x\n"


def test_nothing_is_begun_in_a_home_that_has_joined_nothing(tmp_path: Path) -> None:
    start = start_by(tmp_path, MAKES)
    start.begin()
    with pytest.raises(NotJoined):
        start.connect()
    assert not list(tmp_path.iterdir())


def test_where_a_node_runs_nothing_is_begun(home: Path, run: Callable[..., Running]) -> None:
    run()
    start = start_by(home, MAKES)
    start.begin()
    with NodeCall(start) as call:
        assert isinstance(call.ask(said(1)), Said)
    assert not (home / "made").exists()


def test_a_node_that_ends_between_beginning_and_connecting_is_followed_by_another(
    home: Path, run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run()
    monkeypatch.setattr(NodeStart, "_start", lambda _: run())
    start = start_of(home)
    start.begin()
    first.stop()
    with NodeCall(start) as call:
        assert isinstance(call.ask(said(1)), Said)
