from __future__ import annotations

import time

import pytest

from lanline.media.pace import Pace


@pytest.fixture(name="clock")
def _clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_of_a_faster_source_the_wanted_rate_is_taken(clock: list[float]) -> None:
    pace = Pace(20)
    taken = 0
    for _ in range(300):  # ten seconds at thirty
        taken += pace.is_due()
        clock[0] += 1 / 30
    assert taken == pytest.approx(200, abs=2)


@pytest.mark.parametrize("jitter_s", [0.0, 0.004])
def test_of_a_source_at_the_wanted_rate_every_picture_is_taken(clock: list[float], jitter_s: float) -> None:
    pace = Pace(20)
    taken = 0
    for number in range(200):
        clock[0] = 100 + number / 20.001 + (jitter_s if number % 2 else -jitter_s)
        taken += pace.is_due()
    assert taken >= 199


def test_after_a_pause_nothing_is_made_up_for(clock: list[float]) -> None:
    pace = Pace(10)
    pace.is_due()
    clock[0] += 60
    assert pace.is_due()
    clock[0] += 0.01
    assert pace.is_due()
    clock[0] += 0.01
    assert not pace.is_due()


def test_waiting_ends_at_once_when_it_is_stopped() -> None:
    pace = Pace(0.01)
    pace.wait()
    pace.stop()
    begun = time.monotonic()
    pace.wait()
    assert time.monotonic() - begun < 10
