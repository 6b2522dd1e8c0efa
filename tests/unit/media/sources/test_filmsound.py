"""The sound of a film that is played over and over: no hole where it begins again."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from lanline.media.api import BLOCK_SAMPLES, SOUND_RATE
from lanline.media.sources import filmsound
from lanline.media.sources.filmsound import FilmSound

ROUND_S = 0.507
"""Not a whole number of blocks."""


@pytest.fixture(name="film")
def _film(tmp_path: Path) -> Path:
    path = tmp_path / "film.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=SOUND_RATE, layout="stereo")
        count = round(ROUND_S * SOUND_RATE)
        ramp = np.arange(1, count + 1, dtype=np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(ramp, 2)[None, :], format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, 0, Fraction(1, SOUND_RATE)
        container.mux(stream.encode(frame) + stream.encode(None))
    return path


class Pictures:
    """Begin again each ROUND_S; for the last thirtieth of a second of a round, when they do is not known yet."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    @property
    def round_begun(self) -> tuple[int, float | None]:
        number, since_s = divmod(self.now_s - 1000.0, ROUND_S)
        if since_s > ROUND_S - 1 / 30:
            return int(number) + 1, None
        return int(number), 1000.0 + number * ROUND_S


class Pause:
    """In the place of an event: waiting is what makes the time go on."""

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures

    def is_set(self) -> bool:
        return False

    def wait(self, seconds: float) -> bool:
        self._pictures.now_s += max(0.0005, seconds)
        return False


def test_each_round_follows_on_the_one_before(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = Pictures()
    monkeypatch.setattr(filmsound, "now_us", lambda: round(pictures.now_s * 1e6))
    sound = FilmSound(film, pictures)
    sound._stopped = Pause(pictures)  # type: ignore[assignment]
    blocks = []
    while pictures.now_s < 1000.0 + 4 * ROUND_S:
        block = sound.read()
        assert block is not None
        blocks.append(block)
    times = [block.captured_at_us for block in blocks]
    steps = np.diff(times) / 1e6 * SOUND_RATE
    assert np.abs(steps - BLOCK_SAMPLES).max() <= 1, "block after block, without a hole"
    heard = np.concatenate([block.samples[:, 0] for block in blocks])
    jumps = np.diff(heard.astype(int))
    assert (np.abs(jumps[jumps != 1]) > ROUND_S * SOUND_RATE - 100).all(), "only from the end to the beginning"
