from __future__ import annotations

import pytest

from lanline.cli.video.library import show_library
from lanline.client.node.films import FilmsListed
from lanline.model.films import Film, FilmFile, Library


@pytest.mark.parametrize(
    ("there", "told"),
    [
        ((240, 720, 1440), ""),
        ((240, 720), ""),
        ((240,), ""),
        ((240, 1440), "lake is not there in 720p.\n"),
        ((1440,), "lake is not there in 240p and 720p.\n"),
    ],
)
def test_a_quality_is_missed_where_there_is_a_better_one(
    capsys: pytest.CaptureFixture[str], there: tuple[int, ...], told: str
) -> None:
    """A film of 720 lines has no 1440p, and nothing is the matter with it."""
    film = Film("lake", tuple(FilmFile(lines, 10) for lines in there))
    show_library(FilmsListed(Library((film,), (), 0), 0))
    assert capsys.readouterr().err == told
