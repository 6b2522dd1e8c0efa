"""What is known of a path: round trip and loss."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanline.proto.link.path import MINIMUM_WINDOW_S, LossRate, RoundTrip, WindowedMinimum


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 100)), min_size=1, max_size=50))
def test_minimum_is_of_the_window_that_runs_and_of_the_one_before(steps: list[tuple[float, float]]) -> None:
    """A window ends with the first sample after ten seconds."""
    now, began_at, windows = 0.0, 0.0, [[50.0]]
    minimum = WindowedMinimum(50.0, 0.0)
    for gap, value in steps:
        now += gap
        if now >= began_at + MINIMUM_WINDOW_S:
            began_at = now
            windows.append([])
        windows[-1].append(value)
        minimum.update(value, now)
        assert minimum.value == min(each for window in windows[-2:] for each in window)


def test_old_minimum_is_forgotten() -> None:
    minimum = WindowedMinimum(1.0, 0.0)
    for at in range(1, 60):
        minimum.update(5.0, float(at))
    assert minimum.value == 5.0


def test_first_sample_replaces_the_guess() -> None:
    trip = RoundTrip(0.5, 0.01)
    guessed = trip.probe_timeout_s
    trip.update(0.020, 0.0, 1.0)
    assert (trip.smoothed_s, trip.variation_s) == (0.020, 0.010)
    assert trip.probe_timeout_s == pytest.approx(0.020 + 0.040 + 0.01)
    assert trip.probe_timeout_s < guessed


def test_steady_path_is_trusted_ever_more_and_a_slower_one_is_learned() -> None:
    trip = RoundTrip(0.1, 0.01)
    for _ in range(100):
        trip.update(0.050, 0.0, 1.0)
    assert trip.probe_timeout_s == pytest.approx(0.050 + 0.001 + 0.01, abs=0.001)
    assert not trip.is_queueing
    for _ in range(100):
        trip.update(0.200, 0.0, 2.0)
    assert trip.smoothed_s == pytest.approx(0.200, rel=0.01)
    assert trip.least_s == 0.050
    assert trip.is_queueing


def test_path_that_was_always_slow_is_not_queueing() -> None:
    trip = RoundTrip(0.1, 0.01)
    for _ in range(10):
        trip.update(0.600, 0.0, 1.0)
    assert not trip.is_queueing


def test_loss_rate_comes_near_the_true_one() -> None:
    luck, loss = random.Random(1), LossRate()
    for step in range(5000):
        is_lost = luck.random() < 0.1
        loss.update(0 if is_lost else 1, 1 if is_lost else 0, step * 0.01)
    assert loss.rate == pytest.approx(0.1, abs=0.07)
    assert loss.is_lossy
    # What is lost all the time is usual, not congestion.
    assert loss.above_usual < 0.1


def test_five_percent_at_random_is_never_taken_for_a_tenth_more_than_usual() -> None:
    luck, loss = random.Random(1), LossRate()
    for step in range(20_000):
        is_lost = luck.random() < 0.05
        loss.update(0 if is_lost else 1, 1 if is_lost else 0, step * 0.01)
        assert loss.above_usual < 0.1


def test_sudden_loss_is_above_the_usual() -> None:
    loss = LossRate()
    for step in range(30):
        loss.update(1, 1, step * 0.01)
    assert loss.above_usual > 0.1


def test_path_that_loses_nothing_is_not_lossy_and_no_packets_say_nothing() -> None:
    loss = LossRate()
    loss.update(100, 0, 0.0)
    loss.update(0, 0, 0.0)
    assert not loss.is_lossy
    loss.update(0, 5, 0.0)
    rate = loss.rate
    loss.update(0, 0, 0.0)
    assert loss.rate == rate > 0
