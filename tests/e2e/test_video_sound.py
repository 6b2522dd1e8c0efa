"""Sound beside the picture, between real processes: what was recorded is decoded, and its beeps are compared with the
numbers painted into the pictures.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from e2e.cinema import TRIES, Cinema, cinema
from lanline.media import framenumber
from lanline.media.api import Layout
from lanline.media.colours import as_picture

FPS = 20


@pytest.fixture(name="house")
def _house() -> Iterator[Cinema]:
    with cinema() as made:
        yield made


def serve(house: Cinema, home: Path, *options: str) -> str:
    program, _ = house.serve("--home", str(home), "--size", "320x240", *options)
    return program.wait_out(r"'(lanline-video://[^']+)'")[1]


def marks(film: Path) -> list[float]:
    """When the pictures are shown with which a beep begins."""
    with av.open(str(film)) as container:
        shown = [(framenumber.read(as_picture(f, Layout.YUV, 0)), f.time or 0.0) for f in container.decode(video=0)]
    return [at for number, at in shown if number % FPS == 0]


def beeps(film: Path) -> list[float]:
    with av.open(str(film)) as container:
        pieces = [(frame.time or 0.0, frame.to_ndarray()[0].astype(float)) for frame in container.decode(audio=0)]
    times = np.concatenate([at + np.arange(len(piece)) / 48_000 for at, piece in pieces])
    loud = np.abs(np.concatenate([piece for _, piece in pieces]))
    on = times[loud > 0.3 * loud.max()]
    return [float(on[0]), *map(float, on[1:][np.diff(on) > 0.3])]


def record(house: Cinema, home: Path, link: str, film: Path, until: str) -> Path:
    viewer = house.run("watch", "--home", str(home), link, "--sink", str(film), "--stats")
    viewer.wait_aside(until)
    assert viewer.end() == 0
    return film


def is_in_step(film: Path, least: int) -> bool:
    """As long as nothing else keeps the machine from sending either in time, so that it is left out."""
    shown, heard = marks(film), beeps(film)
    inner = [at for at in shown if heard[0] - 0.1 < at < heard[-1] + 0.1]
    return len(inner) >= least and max(min(abs(beep - at) for beep in heard) for at in inner) <= 0.040


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_beeps_in_a_recording_begin_with_their_pictures(house: Cinema, tmp_path: Path, ending: str) -> None:
    link = serve(house, tmp_path / "ann", "--audio")
    films = (tmp_path / f"film{number}.{ending}" for number in range(TRIES))
    assert any(is_in_step(record(house, tmp_path / "bob", link, film, r"[789]\d shown"), 2) for film in films)


def test_the_sound_of_a_film_is_sent_with_its_pictures(house: Cinema, tmp_path: Path) -> None:
    """The film is a recording of the test picture, so that its sound can be held against its pictures once more."""
    bob = tmp_path / "bob"
    link = serve(house, tmp_path / "ann", "--audio")
    films = (tmp_path / f"first{number}.mkv" for number in range(TRIES))
    first = next(film for film in films if is_in_step(record(house, bob, link, film, r"[789]\d shown"), 2))
    link = serve(house, tmp_path / "carl", "--source", str(first))
    films = (tmp_path / f"second{number}.mkv" for number in range(TRIES))
    assert any(is_in_step(record(house, bob, link, film, r"[567]\d shown"), 1) for film in films)


def test_what_is_heard_is_in_step_with_what_is_seen(house: Cinema, tmp_path: Path) -> None:
    link = serve(house, tmp_path / "ann", "--audio")
    viewer = house.run("watch", "--home", str(tmp_path / "bob"), link, "--sink", "null", "--stats")

    def is_in_step_for_once() -> bool:
        """In most of four seconds, as soon as a busy machine allows it."""
        astray = [int(found) for found in re.findall(r"in step within (\d+) ms", viewer.out.text)]
        return any(sorted(astray[end - 4 : end])[2] <= 40 for end in range(4, len(astray) + 1))

    viewer.pump(is_in_step_for_once, "four seconds in step")
    assert viewer.end() == 0


def test_who_wants_no_sound_gets_none(house: Cinema, tmp_path: Path) -> None:
    link = serve(house, tmp_path / "ann", "--audio")
    film = tmp_path / "film.mkv"
    options = ["--sink", str(film), "--no-audio", "--stats"]
    viewer = house.run("watch", "--home", str(tmp_path / "bob"), link, *options)
    viewer.wait_aside(r"[23]\d shown")
    assert viewer.end() == 0
    with av.open(str(film)) as container:
        assert not container.streams.audio


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--plain", "--audio"], "The plain format carries no sound"),
        (["--no-audio", "--audio-device", "x"], "contradict each other"),
    ],
)
def test_wishes_that_cannot_be_met_together_are_said(house: Cinema, options: list[str], sentence: str) -> None:
    program = house.run("serve", "--source", "test", "--port", "0", *options)
    assert program.wait_end() == 64
    assert sentence in program.aside.text


def test_a_microphone_that_is_not_there_is_one_sentence(house: Cinema, tmp_path: Path) -> None:
    options = ["--home", str(tmp_path), "--source", "test", "--port", "0", "--audio-device", "Mikrofon 9"]
    program = house.run("serve", *options, SDL_AUDIODRIVER="dummy")
    assert program.wait_end() == 1
    assert "There is no microphone 'Mikrofon 9' here." in program.aside.text
