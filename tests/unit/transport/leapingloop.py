"""A loop for links that keep time: it waits for nobody, and leaps to the next timer when nothing else is to be done."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any

import pytest

from lanline.transport.driver import Driver

_TURN_S = 1e-6
"""What a turn of the loop takes: without, a timer that rings a rounding error too early would do so for ever."""


class LeapingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._now = 1000.0
        super().__init__(_Leaping(self))

    def time(self) -> float:
        return self._now

    def leap(self, seconds: float) -> None:
        self._now += seconds


class _Leaping(selectors.SelectSelector):
    def __init__(self, loop: LeapingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout is not None else None)
        self._loop.leap(_TURN_S if ready or not timeout else timeout + _TURN_S)
        return ready


def run_leaping(work: Coroutine[Any, Any, None]) -> None:
    """However slow the machine is, no timer rings while something is still to be done."""
    with pytest.MonkeyPatch.context() as patch, asyncio.Runner(loop_factory=LeapingLoop) as runner:
        loop = runner.get_loop()
        patch.setattr(Driver, "now", staticmethod(loop.time))
        runner.run(work)
