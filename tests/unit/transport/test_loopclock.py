from __future__ import annotations

import asyncio
import time

import pytest

from lanline.transport.loopclock import LoopClock


def test_a_timer_rings_once_and_not_after_it_was_cancelled() -> None:
    async def scenario() -> list[str]:
        clock, rung = LoopClock(), []
        done = asyncio.Event()
        clock.call_later(0.0, lambda: rung.append("cancelled")).cancel()
        clock.call_later(-5.0, lambda: rung.append("late"))
        clock.call_later(0.02, done.set)
        async with asyncio.timeout(60):
            await done.wait()
        return rung

    assert asyncio.run(scenario()) == ["late"]


def test_no_timer_rings_before_its_time() -> None:
    """Whoever waits for a time looks whether it has come, and would not be woken again."""
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")

    async def scenario() -> list[float]:
        clock, late, done = LoopClock(), list[float](), asyncio.Event()

        def begin(left: int) -> None:
            delay_s = 0.01 + left % 10 * 0.00013
            due = clock.now() + delay_s

            def ring() -> None:
                late.append(clock.now() - due)
                if left:
                    begin(left - 1)
                else:
                    done.set()

            clock.call_later(delay_s, ring)

        begin(60)
        async with asyncio.timeout(60):
            await done.wait()
        return late

    assert min(uvloop.run(scenario())) >= 0


def test_a_jump_of_the_time_of_day_moves_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = LoopClock()
    before = clock.now()
    monkeypatch.setattr(time, "time_ns", lambda: 1_000_000_000)
    assert clock.now_ms() == 1000
    assert 0 <= clock.now() - before < 60
