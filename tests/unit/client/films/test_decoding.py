"""A part is decoded while it comes; another one may take its place, and each picture is there once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from filmhouse import make_film
from lanline.client.films.decoding import Decoding
from lanline.media.filmdecoder import FilmPicture
from lanline.model.films import FilmPlan, FilmQuality, PartInfo
from lanline.proto.films.parts import ReadyPart
from lanline.wire.mp4.film import FilmIndex, read_film
from lanline.wire.mp4.fragment import HeadReader

LIMIT_S = 60.0


class Cinema:
    """Two qualities of a film of two parts, and what comes out of its decoder."""

    def __init__(self, folder: Path) -> None:
        self.data: dict[int, tuple[FilmIndex, bytes]] = {}
        for lines, size in ((240, (64, 36)), (720, (96, 54))):
            data = make_film(folder / f"a_{lines}p.mp4", 4.0, size=size, key_every=20).read_bytes()
            self.data[lines] = read_film(lambda at, size, data=data: data[at : at + size], len(data)), data
        self._has_news = threading.Event()
        self.decoding = Decoding(self._plan(), self._has_news.set)

    def _plan(self) -> FilmPlan:
        return FilmPlan("a", "v", tuple(FilmQuality(each, self._head(each), self._parts(each)) for each in self.data))

    def _head(self, lines: int) -> bytes:
        return self.data[lines][0].head

    def _parts(self, lines: int) -> tuple[PartInfo, ...]:
        parts = self.data[lines][0].parts
        return tuple(PartInfo(each.start_s, each.end_s, each.size_bytes, each.is_key) for each in parts)

    def part(self, lines: int, number: int = 0, pictures: int | None = None) -> ReadyPart:
        """With so many of its pictures, or whole."""
        index, data = self.data[lines]
        info = index.parts[number]
        whole = index.part_bytes(number, lambda at, size: data[at : at + size])
        ends = [each.end for each in HeadReader(index.head).samples(whole) if each.is_video]
        data = whole if pictures is None else whole[: ends[pictures]]
        return ReadyPart(lines, number, number == 0, info.start_s, info.end_s, data, is_whole=pictures is None)

    def next_picture(self) -> FilmPicture:
        for _ in range(1000):
            self._has_news.clear()
            if self.decoding.next_picture() is not None:
                return self.decoding.take_picture()
            self._has_news.wait(LIMIT_S / 1000)
        pytest.fail("no picture came")

    def rest(self, count: int) -> list[float]:
        self.decoding.go_on()
        return [self.next_picture().shown_at_s for _ in range(count)]


@pytest.fixture(name="cinema")
def _cinema(tmp_path: Path) -> Cinema:
    return Cinema(tmp_path)


def test_the_first_picture_is_there_before_the_rest_of_its_part(cinema: Cinema) -> None:
    cinema.decoding.put(cinema.part(720, pictures=0))
    cinema.decoding.put(cinema.part(720, pictures=15))
    first = cinema.next_picture()
    assert first.shown_at_s == 0.0
    cinema.decoding.put(cinema.part(720))
    cinema.decoding.put(cinema.part(720, 1))
    cinema.decoding.put(None)
    assert cinema.rest(39) == pytest.approx([number / 10 for number in range(1, 40)], abs=0.002)
    cinema.decoding.close()


def test_another_quality_in_place_of_what_was_begun_begins_anew(cinema: Cinema) -> None:
    cinema.decoding.put(cinema.part(720, pictures=15))
    assert cinema.next_picture().size.height == 54
    cinema.decoding.put(cinema.part(240))
    cinema.decoding.put(None)
    first = cinema.next_picture()
    assert (first.shown_at_s, first.size.height) == (0.0, 36)
    assert cinema.rest(19)[-1] == pytest.approx(1.9, abs=0.002)
    cinema.decoding.close()


def test_what_never_becomes_whole_does_not_hold_up_the_end(cinema: Cinema) -> None:
    cinema.decoding.put(cinema.part(720, pictures=15))
    cinema.next_picture()
    cinema.decoding.close()
