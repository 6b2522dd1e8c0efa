"""What the line at the foot of a film says of its quality, and which times a person may give."""

from __future__ import annotations

import pytest

from lanline.client.films.bar import bar, parsed_time
from lanline.errors import InvalidInput
from lanline.model.films import FilmPlan, FilmQuality, PartInfo
from lanline.proto.films.playing import Playing


def film(lines: int | None = None) -> Playing:
    parts = tuple(PartInfo(2.0 * number, 2.0 * number + 2, 1000, True) for number in range(30))
    plan = FilmPlan("lake", "v", tuple(FilmQuality(each, b"head", parts) for each in (240, 1440)))
    return Playing(plan, lines=lines)


def test_the_quality_is_that_of_the_picture_that_is_shown_and_not_of_what_is_fetched() -> None:
    playing = film()
    playing.next_request(0.0)
    playing.lines = 1440
    assert "] 240p auto, " in bar(playing, 240)
    assert "] 1440p auto, " in bar(playing, 1440)


def test_a_quality_that_was_chosen_and_is_not_shown_yet_is_said_too() -> None:
    playing = film(lines=1440)
    playing.next_request(0.0)
    assert "] 240p, soon 1440p, " in bar(playing, 240)
    assert "] 1440p, " in bar(playing, 1440)


def test_before_the_first_picture_there_is_no_quality() -> None:
    assert bar(film(), 0) == ".. 0:00 / 1:00 [........................] auto, 0 s ahead"


def test_before_the_first_picture_the_quality_that_comes_stands_alone() -> None:
    playing = film(lines=1440)
    playing.next_request(0.0)
    assert "] soon 1440p, " in bar(playing, 0)


def test_times_are_taken_as_people_write_them() -> None:
    assert [parsed_time(text) for text in ("90", "1:30", "1:02:30", "0:00.5", "100:00")] == [90, 90, 3750, 0.5, 6000]


@pytest.mark.parametrize("text", ["", "soon", "-5", "nan", "1e3", "1:2:3:4", "1:99", "1:60:00", "1:99:99"])
def test_what_is_no_time_is_said(text: str) -> None:
    with pytest.raises(InvalidInput):
        parsed_time(text)
