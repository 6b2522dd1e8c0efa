"""How much may be in flight, and how it is spread: growth, what counts as congestion, and pacing."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanline.proto.link.congestion import Congestion, Pacer, pacing_rate
from lanline.proto.link.path import LossRate, RoundTrip

PACKET = 1000


def congestion() -> Congestion:
    return Congestion(PACKET, 10, 4)


def trip(seconds: float, *, queueing_s: float = 0.0) -> RoundTrip:
    made = RoundTrip(seconds, 0.0)
    made.update(seconds, 0.0, 0.0)
    if queueing_s:  # long enough to be no burst
        for now in (0.0, 2 * seconds, 4 * seconds):
            made.update(seconds + queueing_s, 0.0, now)
    return made


def loss(rate: float) -> LossRate:
    made = LossRate()
    if rate:
        made.update(int(1000 * (1 - rate)), int(1000 * rate), 0.0)
    return made


def test_window_doubles_in_each_round_trip_at_first() -> None:
    window = congestion()
    window.on_ack(10 * PACKET, 0.0, 0.1, trip(0.1))
    assert window.window_bytes == 20 * PACKET


def test_slow_start_ends_where_packets_queue_for_a_round_trip() -> None:
    window = congestion()
    for now in (0.1, 0.15):
        window.on_ack(10 * PACKET, 0.0, now, trip(0.1, queueing_s=0.1))
        assert window.window_bytes == 10 * PACKET
        assert window.is_slow_start
    window.on_ack(10 * PACKET, 0.0, 0.3, trip(0.1, queueing_s=0.1))
    assert window.window_bytes == 10 * PACKET
    assert not window.is_slow_start


def test_queue_that_was_only_a_burst_of_our_own_does_not_end_slow_start() -> None:
    window = congestion()
    window.on_ack(10 * PACKET, 0.0, 0.1, trip(0.1, queueing_s=0.1))
    window.on_ack(10 * PACKET, 0.0, 0.2, trip(0.1))
    assert window.window_bytes == 20 * PACKET
    window.on_ack(10 * PACKET, 0.0, 0.4, trip(0.1, queueing_s=0.1))
    assert window.is_slow_start


def test_loss_with_a_queue_shrinks_the_window_once_in_a_round_trip() -> None:
    window = congestion()
    for sent_at in (0.01, 0.02, 0.03):
        window.on_loss(sent_at, 0.1, trip(0.1, queueing_s=0.1), loss(0.01))
    assert window.window_bytes == 7 * PACKET
    window.on_loss(0.11, 0.2, trip(0.1, queueing_s=0.1), loss(0.01))
    assert window.window_bytes == pytest.approx(4.9 * PACKET)


def test_loss_without_a_queue_is_the_radio_and_changes_nothing() -> None:
    window = congestion()
    window.on_loss(0.01, 0.1, trip(0.1), loss(0.05))
    assert window.window_bytes == 10 * PACKET
    assert window.is_slow_start


def test_much_more_loss_than_usual_is_congestion_without_a_queue_too() -> None:
    window = congestion()
    window.on_loss(0.01, 0.1, trip(0.1), loss(0.5))
    assert window.window_bytes == 7 * PACKET


def test_a_window_that_is_hardly_used_becomes_what_is_used_where_that_fills_a_queue() -> None:
    window = congestion()
    window.window_bytes = 100.0 * PACKET
    window.on_loss_below(30 * PACKET, 0.01, 0.1, trip(0.1), loss(0.05))
    assert window.window_bytes == 100 * PACKET  # the radio
    for round_number in range(1, 6):
        now = 0.2 * round_number
        window.on_loss_below(30 * PACKET, now - 0.1, now, trip(0.1, queueing_s=0.1), loss(0.01))
        assert not window.is_slow_start
    assert window.window_bytes == 30 * PACKET


@pytest.mark.parametrize("moment", [(trip(0.1, queueing_s=0.1), loss(0.01)), (trip(0.1), loss(0.5))])
def test_one_bad_moment_takes_little_of_a_window_that_is_hardly_used_and_it_comes_back(
    moment: tuple[RoundTrip, LossRate],
) -> None:
    window = congestion()
    window.window_bytes = 1000.0 * PACKET
    window.on_loss_below(30 * PACKET, 0.01, 0.1, *moment)
    window.on_loss_below(30 * PACKET, 0.05, 0.15, *moment)  # sent before that was known
    assert window.window_bytes == 700 * PACKET
    for now in itertools.takewhile(lambda now: now < 12.0, itertools.count(0.2, 0.1)):
        window.on_ack(700 * PACKET, now - 0.1, now, trip(0.1))
    assert window.window_bytes > 1000 * PACKET


def test_what_a_bad_moment_has_left_in_memory_takes_nothing_more_of_a_window_that_is_hardly_used() -> None:
    window, lately = congestion(), loss(0.0)
    window.window_bytes = 100.0 * PACKET
    lately.update(60, 60, 0.0)
    lately.update(100, 2, 0.3)
    assert lately.above_usual > 0.1
    window.on_loss_below(30 * PACKET, 0.2, 0.3, trip(0.1), lately)
    assert window.window_bytes == 100 * PACKET


@pytest.mark.parametrize("used", [9, 100, 130])
def test_what_little_is_sent_and_lost_makes_no_window_smaller(used: int) -> None:
    """Nor larger."""
    window = congestion()
    window.window_bytes = 100.0 * PACKET
    window.on_loss_below(used * PACKET, 0.01, 0.1, trip(0.1, queueing_s=0.1), loss(0.5))
    assert window.window_bytes == 100 * PACKET
    assert window.is_slow_start


def test_window_comes_back_to_where_it_was_and_then_beyond() -> None:
    window = congestion()
    window.window_bytes = 100.0 * PACKET
    path = trip(0.1)
    window.on_loss(0.01, 0.1, trip(0.1, queueing_s=0.1), loss(0.01))
    now, sizes = 0.1, []
    for _ in range(100):
        now += 0.1
        window.on_ack(int(window.window_bytes), now - 0.05, now, path)
        sizes.append(window.window_bytes / PACKET)
    assert sizes == sorted(sizes)
    assert 70 < sizes[0] < 80
    assert sizes[-1] > 100
    # At most half as much again in a round trip.
    assert all(later <= 1.5 * earlier + 1 for earlier, later in itertools.pairwise(sizes))


def test_window_never_falls_below_the_minimum() -> None:
    window = congestion()
    for step in range(50):
        window.on_loss(step + 0.5, step + 0.6, trip(0.1, queueing_s=0.1), loss(0.5))
    assert window.window_bytes == 4 * PACKET
    window.on_persistent_timeout()
    assert window.window_bytes == 4 * PACKET


def test_long_silence_starts_again_from_the_minimum() -> None:
    window = congestion()
    window.window_bytes = 100.0 * PACKET
    window.on_persistent_timeout()
    assert window.window_bytes == 4 * PACKET
    assert window.is_slow_start
    window.on_ack(4 * PACKET, 1.0, 1.1, trip(0.1))
    assert window.window_bytes == 8 * PACKET


def test_what_was_sent_before_the_loss_does_not_grow_the_window() -> None:
    window = congestion()
    window.on_loss(0.01, 0.1, trip(0.1, queueing_s=0.1), loss(0.01))
    window.on_ack(5 * PACKET, 0.05, 0.15, trip(0.1))
    assert window.window_bytes == 7 * PACKET


def test_rate_spreads_a_window_over_its_round_trip() -> None:
    window = congestion()
    assert pacing_rate(window, trip(0.1)) == pytest.approx(2 * 10 * PACKET / 0.1)
    window.on_loss(0.01, 0.1, trip(0.1, queueing_s=0.1), loss(0.01))
    assert pacing_rate(window, trip(0.1)) == pytest.approx(1.25 * 7 * PACKET / 0.1)
    assert pacing_rate(window, trip(0.0)) < float("inf")


@given(st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 1200)), min_size=1, max_size=200), st.floats(1e3, 1e7))
def test_no_more_leaves_than_the_rate_and_one_burst_allow(steps: list[tuple[float, int]], rate: float) -> None:
    burst = 5000
    pacer = Pacer(burst)
    now = spent = 0.0
    for gap, size in steps:
        now += gap
        while pacer.budget > 0 or pacer.refill(now, rate):
            pacer.budget -= size
            spent += size
        assert pacer.ready_at(rate) > now - 1e-9
    assert spent <= burst + max(burst, rate * 0.004) + now * rate + 1200


def test_pacer_is_ready_when_it_says_so() -> None:
    pacer = Pacer(1000)
    pacer.budget -= 3000
    assert not pacer.refill(0.0, 1e6)
    ready_at = pacer.ready_at(1e6)
    assert ready_at == pytest.approx(0.002, rel=0.01)
    assert not pacer.refill(ready_at * 0.99, 1e6)
    assert pacer.refill(ready_at, 1e6)
