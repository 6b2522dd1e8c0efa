"""Which quality is chosen over the traces of `bench/films.py`, with the whole link beneath, in virtual time."""

from __future__ import annotations

import pytest

from lanline.testing.trace import Fate
from sim.filmnight import FilmNight

EIGHT_TWO_EIGHT = ((16.0, 2.0), (32.0, 8.0))
LTE_MBIT = (5.1, 3.9, 2.8, 4.4, 7.5, 9.2, 6.0, 3.1, 1.6, 1.1, 2.2, 4.8,
            8.3, 10.5, 7.7, 4.0, 2.5, 1.9, 3.6, 6.6, 9.8, 8.1, 5.2, 2.7)  # fmt: skip
LTE = tuple((2.0 * number, mbit) for number, mbit in enumerate(LTE_MBIT))
TRACES = {
    "8 to 2 to 8": (EIGHT_TWO_EIGHT, 0.0, 1_050, 6),
    "LTE": (LTE, 0.0, 840, 9),
    "5 % loss": ((), 0.05, 1_250, 2),
}
"""Steps, loss, the least mean lines over the whole time, and the most changes."""


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("trace", TRACES)
def test_the_film_never_stands_and_is_shown_in_what_the_way_carries(trace: str, seed: int) -> None:
    steps, loss, least_lines, most_changes = TRACES[trace]
    viewer = FilmNight(seed, steps=steps, loss=loss).run()
    assert viewer.playing.stalled_s == 0
    assert viewer.started_s is not None
    assert viewer.started_s < 0.5
    assert viewer.mean_lines > least_lines, viewer.shown
    assert viewer.changes <= most_changes, viewer.shown


def test_a_word_hardly_waits_while_the_film_fills_the_link() -> None:
    viewer = FilmNight(1, lines=1440, seconds=16.0).run()
    rate_mbit = viewer.got_bytes * 8e-6 / 12.9
    waited = sorted(viewer.waited_s[40:])
    assert rate_mbit > 7.3, "the film fills the link"
    assert waited[len(waited) // 2] < 1.2 * 0.040
    assert waited[int(0.99 * len(waited))] < 1.35 * 0.040


def test_what_is_lost_by_chance_hardly_slows_the_film() -> None:
    viewer = FilmNight(1, lines=1440, seconds=16.0, loss=0.05).run(14.0)
    assert viewer.got_bytes * 8e-6 / 13.5 > 6.0


@pytest.mark.parametrize("seed", [7, 12])
def test_a_better_part_is_not_begun_and_dropped_again_and_again(seed: int) -> None:
    viewer = FilmNight(seed, loss=0.02).run(16.0)
    assert viewer.playing.switches <= viewer.changes + 3


@pytest.mark.parametrize("seed", [1, 2])
def test_on_a_long_way_the_window_that_slow_start_has_left_does_not_overflow_the_queue_for_good(seed: int) -> None:
    night = FilmNight(seed, lines=1440, seconds=30.0, delay_s=0.15)
    count = night.network.trace.count
    night.run(10.0)
    sent, full = count(Fate.SENT), count(Fate.QUEUE_FULL)
    viewer = night.run(20.0)
    assert viewer.got_bytes * 8e-6 / 19.5 > 5.5
    assert count(Fate.QUEUE_FULL) - full < 0.02 * (count(Fate.SENT) - sent)
