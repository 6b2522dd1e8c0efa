from __future__ import annotations

import pytest

from lanline.media import lettering
from lanline.media.sinks import caption
from lanline.media.sinks.caption import Caption, set_in

FIGURES = "20.0 fps, 2.9 Mbit/s, 0.0 % lost, 257 shown, sound 0.0 % missing, in step within 6 ms"


def test_figures_stand_there_only_when_they_are_wanted() -> None:
    lines = Caption(shows_figures=False)
    lines.figures = FIGURES
    assert lines.text() == ""
    lines.shows_figures = True
    assert lines.text() == FIGURES


def test_a_remark_goes_by_itself_and_what_is_the_matter_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(caption.time, "monotonic", lambda: now)
    lines = Caption(shows_figures=True)
    lines.notice, lines.figures = "Muted.", FIGURES
    lines.remark("Saved.")
    assert lines.text() == f"Saved.\nMuted.\n{FIGURES}"
    assert not lines.has_expired()
    now = 103.1
    assert lines.has_expired()
    assert not lines.has_expired()
    assert lines.text() == f"Muted.\n{FIGURES}"


@pytest.mark.parametrize("width", [8, 160, 640, 1280, 3840])
def test_a_line_that_is_wider_than_the_room_is_broken(width: int) -> None:
    field = set_in(FIGURES, width)
    assert field.shape[1] <= width
    least_lines = lettering.width_of(FIGURES, width // 640 + 1) / width
    assert field.shape[0] >= least_lines * lettering.height_of(width // 640 + 1)


def test_nothing_of_a_broken_line_is_left_out() -> None:
    field = set_in("aa bb", 4 * (lettering.COLUMNS + 1))
    assert field.shape[0] == 2 * lettering.height_of(1)
    first, second = lettering.lettered("aa", 1), lettering.lettered("bb", 1)
    assert (field[: len(first)] == first).all()
    assert (field[len(first) :] == second).all()
