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
