"""The bench of strangers: its attacks exist, and a row says what did not hold."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest

import strangers
from report import write_figures
from section import Section
from strangers import Effect, Members

QUIET = Members(5.0, 9.0, 10.0, 0.1, 0.1)


def effect(under: Members = QUIET, **changes: float) -> Effect:
    values: dict[str, float | None] = {"cpu": 0.1, "grown_bytes": 1e6, "kept_bytes": 0.0, "answered": None}
    return Effect("attack", QUIET, under, 10.0, **{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("path", strangers.ATTACKS.values())
def test_an_attack_that_is_named_exists(path: str) -> None:
    assert callable(strangers._attack(path))


def test_a_quiet_server_holds() -> None:
    assert effect().failures == []
    assert effect().row[-1] == "yes"


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        ({"cpu": 0.51}, "CPU"),
        ({"grown_bytes": 65e6}, "memory"),
        ({"kept_bytes": 17e6}, "given back"),
        ({"answered": 1.01}, "answers"),
        ({"under": Members(5.0, 31.0, 10.0, 0.1, 0.1)}, "messages"),
        ({"under": Members(5.0, 9.0, math.inf, 0.1, 0.1)}, "messages"),
        ({"under": Members(5.0, 9.0, 10.0, 2.1, 0.1)}, "sign-in, UDP"),
        ({"under": Members(5.0, 9.0, 10.0, 0.1, math.inf)}, "sign-in, WebSocket"),
    ],
)
def test_what_does_not_hold_is_named(changes: dict[str, float], failure: str) -> None:
    assert effect(**changes).failures == [failure]


def test_what_never_came_counts_as_infinitely_late() -> None:
    ran = {"committed_ms": [1.0] * 50 + [None], "delivered_ms": [2.0], "udp_s": [None, 0.1], "websocket_s": []}
    members = Members.of(ran)
    assert members == Members(1.0, math.inf, 2.0, math.inf, math.inf)


def test_rows_of_runs_before_stay_beside_new_ones_of_the_same_length(tmp_path: Path) -> None:
    figures = tmp_path / "benchmarks.json"
    names = list(strangers.ATTACKS)
    before = [replace(effect(), attack=name, seconds=60.0, kept_bytes=float(at)) for at, name in enumerate(names[:3])]
    before.append(replace(effect(), attack=names[3], seconds=8.0))
    write_figures(figures, Section(strangers.NAME, "", "", (), [asdict(each) for each in before]), {})
    kept = strangers._earlier(figures, 60.0, [names[1]])
    assert kept == [before[0], before[2]]
    again = replace(before[1], kept_bytes=7.0)
    assert strangers._in_order([*kept, "failed", again]) == [before[0], again, before[2], "failed"]
    assert strangers._earlier(None, 60.0, []) == []


def test_every_attack_can_be_named_in_a_list() -> None:
    assert not [name for name in strangers.ATTACKS if "," in name]
