"""How long an attack lasts: until it can be judged, as a busy machine lets it do less in the same time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_LONGEST_S = 30.0


def attacked(attack: Callable[[float], T], is_enough: Callable[[T], bool], seconds: float) -> T:
    """What came of it; each try is another attack, on a server of its own, and twice as long as the one before."""
    while not is_enough(outcome := attack(seconds)):
        seconds *= 2
        assert seconds < _LONGEST_S, outcome
    return outcome
