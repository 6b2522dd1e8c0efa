"""Turns and timers, with a machine that only keeps account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest

from lanline.transport.driver import Driver


class Machine:
    """Logs what is done with it. `events` are handed to `on_event`, which may change the machine again."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.events: list[str] = []
        self.drained = asyncio.Event()
        self.deadline: float | None = None
        self.on_event: Callable[[str], None] = lambda _event: None
        self.on_transmit: Callable[[], None] = lambda: None
        self.driver = Driver(self, deliver=self.deliver, transmit=self.transmit)

    def handle_timer(self, now: float) -> None:
        assert self.deadline is not None
        if now >= self.deadline:
            self.log.append("timer")
            self.deadline = None

    def next_deadline(self) -> float | None:
        return self.deadline

    def deliver(self) -> bool:
        had_any = bool(self.events)
        while self.events:
            event = self.events.pop(0)
            self.log.append(event)
            self.on_event(event)
        return had_any

    def transmit(self, now: float) -> None:
        self.log.append("transmit")
        self.on_transmit()
        self.drained.set()

    def change(self, name: str) -> Callable[[float], None]:
        return lambda _now: self.log.append(name)

    async def wait_for(self, entry: str) -> None:
        async with asyncio.timeout(60.0):
            while entry not in self.log:
                self.drained.clear()
                await self.drained.wait()


class LoopOfWholeMilliseconds:
    """Rounds as uvloop does: half a millisecond is none."""

    def __init__(self) -> None:
        self.rings_after_ms: list[int] = []

    def call_later(self, delay_s: float, _callback: object) -> asyncio.TimerHandle:
        self.rings_after_ms.append(round(delay_s * 1000))
        return cast(asyncio.TimerHandle, Ignored())


class Ignored:
    def cancel(self) -> None: ...


def run(scenario: Callable[[Machine], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        machine = Machine()
        await scenario(machine)
        machine.driver.stop()

    asyncio.run(main())


def test_a_turn_is_one_change_and_one_drain() -> None:
    async def scenario(machine: Machine) -> None:
        machine.events = ["event"]
        machine.driver.turn(machine.change("change"))
        assert machine.log == ["change", "event", "transmit"]

    run(scenario)


def test_a_change_from_within_a_handler_joins_the_turn() -> None:
    async def scenario(machine: Machine) -> None:
        def answer(_event: str) -> None:
            machine.driver.turn(machine.change("nested"))
            machine.driver.request_turn()

        machine.on_event = answer
        machine.events = ["first", "second"]
        machine.driver.turn(machine.change("change"))
        assert machine.log == ["change", "first", "nested", "second", "nested", "transmit"]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert machine.log.count("transmit") == 1

    run(scenario)


def test_events_that_sending_makes_are_delivered_and_answered_in_the_same_turn() -> None:
    async def scenario(machine: Machine) -> None:
        rooms = ["room", "room"]

        def make_room() -> None:
            machine.events += [rooms.pop()] if rooms else []

        machine.on_transmit = make_room
        machine.driver.turn(machine.change("change"))
        assert machine.log == ["change", "transmit", "room", "transmit", "room", "transmit"]

    run(scenario)


def test_requests_are_coalesced_into_one_later_turn() -> None:
    async def scenario(machine: Machine) -> None:
        for _ in range(10):
            machine.driver.request_turn()
        assert machine.log == []
        await machine.wait_for("transmit")
        await asyncio.sleep(0)
        assert machine.log == ["transmit"]
        machine.driver.request_turn()
        await asyncio.sleep(0)
        assert machine.log == ["transmit", "transmit"]

    run(scenario)


def test_a_change_that_fails_leaves_the_driver_working() -> None:
    async def scenario(machine: Machine) -> None:
        def fail(_now: float) -> None:
            raise ValueError("a bug")

        with pytest.raises(ValueError, match="a bug"):
            machine.driver.turn(fail)
        machine.driver.turn(machine.change("change"))
        assert machine.log == ["change", "transmit"]

    run(scenario)


def test_the_timer_rings_at_the_deadline_and_is_followed_by_a_drain() -> None:
    async def scenario(machine: Machine) -> None:
        machine.deadline = Driver.now() + 0.01
        machine.driver.turn(machine.change("change"))
        await machine.wait_for("timer")
        assert machine.log[-2:] == ["timer", "transmit"]
        assert machine.driver._timer is None

    run(scenario)


def test_a_deadline_that_moves_on_keeps_its_timer_which_is_then_set_again() -> None:
    async def scenario(machine: Machine) -> None:
        first = Driver.now() + 0.01
        machine.deadline = first
        machine.driver.turn(machine.change("change"))
        timer = machine.driver._timer
        machine.deadline = first + 0.03
        machine.driver.turn(machine.change("later"))
        assert machine.driver._timer is timer
        await machine.wait_for("timer")
        assert Driver.now() >= first + 0.03
        assert machine.log.count("timer") == 1

    run(scenario)


def test_a_deadline_that_comes_closer_moves_the_timer() -> None:
    async def scenario(machine: Machine) -> None:
        machine.deadline = Driver.now() + 3600
        machine.driver.turn(machine.change("change"))
        late = machine.driver._timer
        machine.deadline = Driver.now() + 0.01
        machine.driver.turn(machine.change("sooner"))
        assert late is not None
        assert late.cancelled()
        await machine.wait_for("timer")

    run(scenario)


def test_a_deadline_in_the_past_rings_at_once() -> None:
    async def scenario(machine: Machine) -> None:
        machine.deadline = Driver.now() - 10
        machine.driver.turn(machine.change("change"))
        await machine.wait_for("timer")

    run(scenario)


def test_a_timer_does_not_ring_before_its_time_whatever_the_loop_counts_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Driver, "now", staticmethod(lambda: 100.0))

    async def scenario(machine: Machine) -> None:
        loop = LoopOfWholeMilliseconds()
        machine.driver._loop = loop  # type: ignore[assignment]
        for delay_s in (0.0001, 0.0004, 0.0012, 0.003, 0.0301):
            machine.driver.stop()
            machine.driver._is_stopped = False
            machine.deadline = 100.0 + delay_s
            machine.driver.turn(machine.change("later"))
        assert loop.rings_after_ms == [1, 1, 2, 3, 31]

    run(scenario)


def test_a_driver_that_was_stopped_sets_no_timer_and_takes_no_request() -> None:
    async def scenario(machine: Machine) -> None:
        machine.deadline = Driver.now() + 0.001
        machine.driver.turn(machine.change("change"))
        machine.driver.request_turn()
        machine.driver.stop()
        machine.log.clear()
        machine.driver.request_turn()
        assert machine.driver._timer is None
        # What was asked for before is still carried out, and sets no timer either.
        await machine.wait_for("transmit")
        assert machine.driver._timer is None
        assert machine.log == ["transmit"]

    run(scenario)
