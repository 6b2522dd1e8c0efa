"""How much of a film is asked for at once, on a way of which only the round trip is known."""

from __future__ import annotations

from lanline.proto.films.window import Window

ROUND_TRIP_S = 0.05


def used(rounds: int) -> Window:
    """All that it lets through is here a round trip later: there is never a queue."""
    window, number = Window(), 0
    window.is_starting = False
    for turn in range(rounds):
        now, first = turn * ROUND_TRIP_S, number
        while window.has_room:
            window.asked(number, window.piece_bytes, now)
            number += 1
        for each in range(first, number):
            window.arrived(each, now + ROUND_TRIP_S * 0.99, 0.0)
    return window


def test_a_piece_fills_its_packets() -> None:
    assert all(used(rounds).piece_bytes % 1390 == 0 for rounds in range(10, 40))


def test_while_the_window_grows_and_grows_what_it_let_through_before_bounds_nothing() -> None:
    window = used(24)
    assert window.rate > 1.5 * used(16).rate, "it grows fast"
    assert window.bounded(1.0) > window.rate / 1.4
