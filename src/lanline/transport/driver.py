"""The one place where state machines meet the clock: each turn changes a machine, then drains it until it is quiet.

A turn takes in whatever is there at once, so what happens together leaves together.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Protocol

_SLACK_MS = 1e-3


class Machine(Protocol):
    def handle_timer(self, now: float) -> None: ...

    def next_deadline(self) -> float | None: ...


class Driver:
    """`deliver` hands out all events and says whether there were any; `transmit` sends all that is to be sent."""

    __slots__ = (
        "_armed_for",
        "_deliver",
        "_in_turn",
        "_is_requested",
        "_is_stopped",
        "_loop",
        "_machine",
        "_timer",
        "_transmit",
    )

    def __init__(self, machine: Machine, *, deliver: Callable[[], bool], transmit: Callable[[float], None]) -> None:
        self._machine = machine
        self._deliver = deliver
        self._transmit = transmit
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = 0.0
        self._in_turn = False
        self._is_requested = False
        self._is_stopped = False

    @staticmethod
    def now() -> float:
        return time.monotonic()

    def turn(self, mutation: Callable[[float], None]) -> None:
        """Change the machine, then drain it. Called from within a turn, the change joins that turn's drain."""
        if self._in_turn:
            mutation(self.now())
            return
        self._in_turn = True
        try:
            mutation(self.now())
            self._drain()
        finally:
            self._in_turn = False

    def request_turn(self) -> None:
        """The machine was changed from outside: drain it soon, once for all changes until then."""
        if not self._in_turn and not self._is_requested and not self._is_stopped:
            self._is_requested = True
            self._loop.call_soon(self._requested_turn)

    def _requested_turn(self) -> None:
        self._is_requested = False
        self.turn(_nothing)

    def _drain(self) -> None:
        self._deliver()
        self._transmit(self.now())
        # What was sent seldom makes events; when it did, their handlers may have more to send.
        while self._deliver():
            self._transmit(self.now())
        self._arm()

    def _arm(self) -> None:
        """A timer that is early enough stays: most deadlines move on before they come."""
        deadline = self._machine.next_deadline()
        if deadline is None or self._is_stopped or (self._timer is not None and self._armed_for <= deadline):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for = deadline
        self._timer = self._loop.call_later(_whole_milliseconds(deadline - self.now()), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.turn(self._machine.handle_timer)

    def stop(self) -> None:
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def let_go(self) -> None:
        """Nothing is carried out any more, and whoever was drained is held no longer: its memory is free at once."""
        self.stop()
        self._deliver, self._transmit = _no_events, _nothing


def _whole_milliseconds(delay_s: float) -> float:
    """Rounded up. uvloop rounds to the nearest one: a timer that rings early finds nothing due, and is set again at
    once, over and over until its time has come.
    """
    return max(0, math.ceil(delay_s * 1000 - _SLACK_MS)) / 1000


def _no_events() -> bool:
    return False


def _nothing(_now: float) -> None:
    pass
