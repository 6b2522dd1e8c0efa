"""The bench of strangers at a video server: its attacks exist, and a row says what did not hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

import strangers
import strangersvideo
from strangersvideo import Effect

QUIET = Effect("attack", "sealed", 20.0, 20.0, 60.0, 10.0, 0.1, 0.2, 0.0, 1e6, 0.0, 60.0)


@pytest.mark.parametrize("path", [path for _, path in strangersvideo.ATTACKS.values()])
def test_an_attack_that_is_named_exists(path: str) -> None:
    assert callable(strangers._attack(path))


def test_every_attack_can_be_named_in_a_list() -> None:
    assert not [name for name in strangersvideo.ATTACKS if "," in name]


def test_a_quiet_server_holds() -> None:
    assert QUIET.failures == []
    assert QUIET.row[-1] == "yes"


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        ({"pictures_per_s": 17.9}, "pictures"),
        ({"cpu": 0.61}, "CPU"),
        ({"grown_bytes": 65e6}, "memory"),
        ({"kept_bytes": 17e6}, "given back"),
        ({"counts": {"copied_packets": 10, "lured_packets": 11}}, "path"),
    ],
)
def test_what_does_not_hold_is_named(changes: dict[str, object], failure: str) -> None:
    assert replace(QUIET, **changes).failures == [failure]  # type: ignore[arg-type]
