"""Picture and sound of a film that changes its quality: without a hole, and each at its time."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from filmhouse import FLASH_S, make_film, turned
from lanline.client.films.soundtrack import Soundtrack
from lanline.media.api import SOUND_RATE, Layout, Samples, Size
from lanline.media.colours import Colours
from lanline.media.filmdecoder import FilmDecoder, FilmPicture, FilmSound
from lanline.wire.mp4.film import read_film
from unit.media.test_colours import COLOUR, assert_near, film

IN_STEP_S = 0.040


class Films:
    def __init__(
        self, folder: Path, seconds: float, changed: Callable[[Path], Path] = lambda path: path, **how: object
    ) -> None:
        self.files = {}
        for lines, size in ((240, (64, 36)), (720, (96, 54)), (1440, (128, 72))):
            made = make_film(folder / f"a_{lines}p.mp4", seconds, size=size, fps=25, key_every=25, **how)  # type: ignore[arg-type]
            data = changed(made).read_bytes()
            self.files[lines] = data, read_film(lambda at, size, data=data: data[at : at + size], len(data))
        self.decoder = FilmDecoder({lines: index.head for lines, (_, index) in self.files.items()})
        self.pictures: list[FilmPicture] = []
        self.sounds: list[FilmSound] = []

    def play(self, lines: int, number: int, *, is_first: bool, from_s: float | None = None) -> None:
        data, index = self.files[lines]
        part = index.part_bytes(number, lambda at, size: data[at : at + size])
        start_s = index.parts[number].start_s if from_s is None else from_s
        self._keep(self.decoder.decode(lines, [part], is_first=is_first, from_s=start_s))

    def finish(self) -> None:
        self._keep(self.decoder.finish())
        self.decoder.close()

    def _keep(self, pieces: object) -> None:
        for piece in pieces:  # type: ignore[attr-defined]
            (self.pictures if isinstance(piece, FilmPicture) else self.sounds).append(piece)


class Speaker:
    def __init__(self) -> None:
        self.heard: list[Samples] = []

    def play(self, samples: Samples) -> None:
        self.heard.append(samples)

    def ahead_s(self) -> float:
        return 0.0

    def close(self) -> None:
        pass


def heard(sounds: list[FilmSound], begins_s: float, ends_s: float) -> np.ndarray:
    """One sample after the other, as the speaker gets them."""
    speaker = Speaker()
    track = Soundtrack(speaker, begins_s)
    for sound in sounds:
        track.put(sound)
    track.fill(ends_s)
    while track.ends_s > track.position_s:
        track.turn()
    return np.concatenate(speaker.heard)[: round((ends_s - begins_s) * SOUND_RATE), 0].astype(int)


def flashes(pictures: list[FilmPicture]) -> list[float]:
    bright = [each.frame.to_ndarray(format="gray")[:8].mean() > 128 for each in pictures]
    return [
        each.shown_at_s
        for number, each in enumerate(pictures)
        if bright[number] and (number == 0 or not bright[number - 1])
    ]


def beeps(samples: np.ndarray, begins_s: float) -> list[float]:
    loud = np.abs(samples) > 3000
    onsets, quiet_from = [], 0
    for at in np.flatnonzero(loud):
        if at - quiet_from > SOUND_RATE * 0.3 or not onsets:
            onsets.append(begins_s + at / SOUND_RATE)
        quiet_from = at
    return onsets


def test_changes_of_quality_leave_no_hole_and_sound_and_picture_in_step(tmp_path: Path) -> None:
    films = Films(tmp_path, 12.0)
    order = (240, 720, 1440, 720, 240, 1440)
    for number, lines in enumerate(order):
        films.play(lines, number, is_first=True)
    films.finish()
    times = [each.shown_at_s for each in films.pictures]
    assert np.allclose(times, np.arange(300) / 25, atol=0.002), "each picture once, in order"
    assert {each.size.width for each in films.pictures} == {64, 96, 128}
    samples = heard(films.sounds, 0.0, 12.0)
    seen, listened = flashes(films.pictures), beeps(samples, 0.0)
    assert seen == pytest.approx(list(range(12)), abs=0.001)
    assert len(listened) == 12
    assert max(abs(one - other) for one, other in zip(seen, listened, strict=True)) < IN_STEP_S
    inner = [
        samples[int((second + 0.05) * SOUND_RATE) : int((second + FLASH_S - 0.05) * SOUND_RATE)] for second in range(12)
    ]
    assert all(np.abs(beep).max() > 9000 for beep in inner)
    blocks = [np.abs(beep[at : at + 480]).max() for beep in inner for at in range(0, len(beep) - 480, 480)]
    assert min(blocks) > 3000, "no hole in a beep"


def test_after_a_seek_both_begin_at_that_time(tmp_path: Path) -> None:
    films = Films(tmp_path, 8.0)
    films.play(240, 0, is_first=True)
    films.decoder.forget()
    films.pictures.clear()
    films.sounds.clear()
    films.play(720, 2, is_first=True, from_s=5.4)
    films.play(720, 3, is_first=False)
    films.finish()
    assert films.pictures[0].shown_at_s == pytest.approx(5.4, abs=0.002)
    seen, listened = flashes(films.pictures), beeps(heard(films.sounds, 5.4, 8.0), 5.4)
    assert seen == pytest.approx([6.0, 7.0], abs=0.001)
    assert listened == pytest.approx(seen, abs=IN_STEP_S)


def test_a_film_without_sound_has_silence(tmp_path: Path) -> None:
    films = Films(tmp_path, 2.0, has_sound=False)
    films.play(240, 0, is_first=True)
    films.finish()
    assert len(films.pictures) == 50
    assert not heard(films.sounds, 0.0, 2.0).any()


def test_a_film_that_was_taken_upright_is_shown_upright(tmp_path: Path) -> None:
    films = Films(tmp_path, 2.0, changed=turned)
    films.play(240, 0, is_first=True)
    films.finish()
    picture = films.pictures[0].picture(VideoReformatter())
    assert picture.size == Size(36, 64)
    assert picture.pixels[:64, 22:].min() > 200
    assert picture.pixels[:64, :14].max() < 50


@pytest.mark.parametrize("space", ["709", "601"])
def test_a_film_in_hd_is_shown_in_its_colours_without_another_computation(tmp_path: Path, space: str) -> None:
    with av.open(str(film(tmp_path / "a.mp4", space, "limited", Size(1280, 720)))) as container:
        frame = next(container.decode(video=0))
    picture = FilmPicture(0.0, frame, None, 240).picture(VideoReformatter())
    assert (picture.pixels == frame.to_ndarray()).all()
    assert_near(Colours().change(picture, Layout.RGB, Size(320, 180)).pixels, COLOUR)


class Watched(bytes):
    """Tells which of its pieces somebody still holds."""

    pieces: ClassVar[set[int]] = set()
    taken: ClassVar[list[int]] = []

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        if isinstance(found, int):
            return found
        piece = Watched(found)
        self.pieces.add(id(piece))
        self.taken.append(len(piece))
        return piece

    def __del__(self) -> None:
        self.pieces.discard(id(self))


def test_a_decoder_at_work_holds_no_memory_of_pythons(tmp_path: Path) -> None:
    """Its threads would give it back under Python's lock; whoever drops the decoder holds that, and waits for them."""
    data, index = Films(tmp_path, 2.0).files[240]
    part = Watched(index.part_bytes(0, lambda at, size: data[at : at + size]))
    decoder = FilmDecoder({240: index.head})
    for _ in itertools.islice(decoder.decode(240, [part], is_first=True, from_s=0.0), 12):
        assert not Watched.pieces
    assert len(Watched.taken) > 12, "packets were cut out of it meanwhile"
    decoder.close()


def test_what_is_damaged_is_left_out(tmp_path: Path) -> None:
    films = Films(tmp_path, 4.0)
    data, index = films.files[240]
    part = bytearray(index.part_bytes(0, lambda at, size: data[at : at + size]))
    part[-2000:] = bytes(2000)
    films._keep(films.decoder.decode(240, [bytes(part)], is_first=True, from_s=0.0))
    films.play(240, 1, is_first=False)
    films.finish()
    assert films.pictures[-1].shown_at_s == pytest.approx(3.96, abs=0.01)
