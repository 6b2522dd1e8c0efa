import math

import pytest

from impairment import Impairment, Line
from video import Cell, _bytes_table, _evaluate, _first, _shown_table
from videofanout import pace_for


def test_a_picture_counts_as_shown_once_and_by_its_own_time() -> None:
    captured = {str(number): number * 33_000 for number in range(40)}
    shown = {number: at + 20_000 for number, at in captured.items() if number != "20"}
    cell = _evaluate(captured, shown, 1000)
    assert cell.frames == 40 - 15 - 6 - 1
    assert cell.shown_share == pytest.approx(18 / 19)
    assert (cell.p50_ms, cell.p95_ms) == (20.0, 20.0)


def test_a_receiver_that_needs_long_to_begin_is_waited_for() -> None:
    captured = {str(number): 0 for number in range(60)}
    shown = {str(number): 1000 for number in range(30, 60)}
    assert _evaluate(captured, shown, 0).shown_share == 1.0


def test_nothing_shown_is_told_as_such() -> None:
    assert _evaluate({str(number): 0 for number in range(40)}, {}, 5).text == "nothing was shown"


def test_a_failure_stands_in_the_table() -> None:
    cells = {"plain format": {"0 %": Cell(1.0, 15.0, 20.0, 1000, 90)}, "FFmpeg": {"0 %": "needs FFmpeg"}}
    assert "| FFmpeg                            | needs FFmpeg     |" in _shown_table(cells)
    assert "100.0 %, 15 / 20" in _shown_table(cells)
    assert "+0 %" in _bytes_table(cells)


def test_the_first_fitting_rung_after_the_change_counts() -> None:
    rungs = [(0, 0), (2_000_000, 3), (3_500_000, 1)]
    assert _first(rungs, 1_000_000, lambda rung: rung <= 1) == 2.5
    assert _first(rungs, 1_000_000, lambda rung: rung == 2) == math.inf


def test_the_readers_get_no_more_than_they_can_read() -> None:
    assert [frames * viewers <= 9000 for viewers in (100, 300, 1000) for frames in [pace_for(viewers)[1]]] == [True] * 3


def test_a_line_takes_another_rate() -> None:
    line = Line(Impairment(rate_bps=8000.0), "1")
    assert line.admit(100, 0.0) == pytest.approx(0.1)
    line.set_rate(4000.0)
    assert line.admit(100, 1.0) == pytest.approx(1.2)
