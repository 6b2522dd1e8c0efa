"""How much of a film is asked for at once, on a way of which only the round trip is known."""

from __future__ import annotations

import pytest

from lanline.proto.films.window import Window

ROUND_TRIP_S = 0.05


def used(rounds: int, round_trip_s: float = ROUND_TRIP_S) -> Window:
    """All that it lets through is here a round trip later: there is never a queue."""
    window, number = Window(), 0
    window.is_starting = False
    for turn in range(rounds):
        now, first = turn * round_trip_s, number
        while window.has_room:
            window.asked(number, window.piece_bytes, now)
            number += 1
        for each in range(first, number):
            window.arrived(each, now + round_trip_s * 0.99, 0.0)
    return window


def asked_at_once(window: Window) -> int:
    """After a moment without a wish, as between two parts."""
    number = 0
    while window.has_room:
        window.asked(1_000_000 + number, window.piece_bytes, 1e6)
        number += 1
    return number


def test_a_piece_fills_its_packets() -> None:
    assert all(used(rounds).piece_bytes % 1390 == 0 for rounds in range(10, 40))


def test_while_the_window_grows_and_grows_what_it_let_through_before_bounds_nothing() -> None:
    window = used(24)
    assert window.rate > 1.5 * used(16).rate, "it grows fast"
    assert window.bounded(1.0) > window.rate / 1.4


@pytest.mark.parametrize("round_trip_s", [0.02, 0.1, 0.25, 0.6])
def test_no_more_is_asked_for_at_once_than_half_of_what_a_server_answers_on_a_link(round_trip_s: float) -> None:
    """What is beyond is refused, and each refusal makes the window smaller. The other half is for all else."""
    window = used(round(20 / round_trip_s), round_trip_s)
    assert window.size_bytes == 256 * 1024
    assert 4 < asked_at_once(window) <= 64 // 2


def over(way_bytes_per_s: float, longer_by_s: float, seconds: float) -> Window:
    """First over a way without a queue; then over one of that rate that is longer, which the link takes for a queue."""
    window, number, now = used(8), 10_000, 10.0
    ends = now + seconds
    while now < ends:
        first = number
        while window.has_room:
            window.asked(number, window.piece_bytes, now)
            number += 1
        wait_s = max(0.0, window.ahead_bytes / way_bytes_per_s - ROUND_TRIP_S - longer_by_s)
        now += ROUND_TRIP_S + longer_by_s + wait_s
        for each in range(first, number):
            window.arrived(each, now, longer_by_s + wait_s)
    return window


def test_a_way_that_has_become_longer_does_not_make_the_window_small_until_the_link_knows_it() -> None:
    smallest = min(over(1_000_000, 0.16, seconds).size_bytes for seconds in (1.0, 2.0, 3.0, 4.0))
    assert smallest > 6 * 1024
    assert over(1_000_000, 0.16, 8.0).size_bytes > 0.8 * 1_000_000 * (ROUND_TRIP_S + 0.16)


@pytest.mark.parametrize("way_bytes_per_s", [60_000, 250_000, 1_000_000])
def test_what_stands_in_a_queue_of_ours_is_given_back(way_bytes_per_s: int) -> None:
    sizes = [over(way_bytes_per_s, 0.0, seconds).size_bytes for seconds in (4.0, 6.0, 8.0, 10.0)]
    assert max(sizes) < 1.5 * max(6 * 1024, way_bytes_per_s * ROUND_TRIP_S + 2 * 1390)
