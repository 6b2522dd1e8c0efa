"""The sound of a video file, in the time of its pictures: begins again when they do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import av
import numpy as np

from lanline.media.api import BLOCK_SAMPLES, SOUND_CHANNELS, SOUND_RATE, Samples, Sound
from lanline.media.pace import now_us

_WAIT_S = 0.02
_MOST_BEHIND_US = 200_000


class Showing(Protocol):
    """What is to be known of the pictures."""

    @property
    def round_begun(self) -> tuple[int, float | None]:
        """Which time through the file, and when its time 0 was due; None before its first picture."""


class FilmSound:
    def __init__(self, path: Path, showing: Showing) -> None:
        self._path = path
        self._showing = showing
        self._round = -1
        self._blocks: Iterator[tuple[float, Samples]] = iter(())
        self._stopped = threading.Event()

    def read(self) -> Sound | None:
        while not self._stopped.is_set():
            number, begun_at = self._showing.round_begun
            if begun_at is None:
                self._stopped.wait(_WAIT_S)
                continue
            if number != self._round:
                self._round, self._blocks = number, _blocks(self._path)
            block = next(self._blocks, None)
            if block is None:
                self._stopped.wait(_WAIT_S)  # silent until the pictures begin again
                continue
            sound = self._at_its_time(block, number)
            if sound is not None:
                return sound
        return None

    def _at_its_time(self, block: tuple[float, Samples], number: int) -> Sound | None:
        """None when its time is over, or the pictures have begun again."""
        time_s, samples = block
        while not self._stopped.is_set():
            present, begun_at = self._showing.round_begun
            if present != number or begun_at is None:
                return None
            due_us = round((begun_at + time_s) * 1e6)
            left_us = due_us - now_us()
            if left_us <= 0:
                return Sound(samples, due_us) if left_us > -_MOST_BEHIND_US else None
            self._stopped.wait(min(0.1, left_us / 1e6))
        return None

    def stop(self) -> None:
        self._stopped.set()

    def close(self) -> None:
        self._blocks = iter(())


def _blocks(path: Path) -> Iterator[tuple[float, Samples]]:
    """Blocks with their times in the file. What is damaged ends it."""
    resampler = av.AudioResampler(format="s16", layout="stereo", rate=SOUND_RATE)
    rest: Samples = np.zeros((0, SOUND_CHANNELS), dtype=np.int16)
    time_s = 0.0
    for start_s, samples in _decoded(path, resampler):
        if not len(rest) or abs(start_s - (time_s + len(rest) / SOUND_RATE)) > 0.1:
            rest, time_s = rest[:0], start_s
        rest = np.concatenate([rest, samples])
        while len(rest) >= BLOCK_SAMPLES:
            yield time_s, rest[:BLOCK_SAMPLES]
            rest, time_s = rest[BLOCK_SAMPLES:], time_s + BLOCK_SAMPLES / SOUND_RATE


def _decoded(path: Path, resampler: av.AudioResampler) -> Iterator[tuple[float, Samples]]:
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(audio=0):
                start_s = frame.time or 0.0
                for changed in resampler.resample(frame):
                    yield start_s, np.asarray(changed.to_ndarray(), np.int16).reshape(-1, SOUND_CHANNELS)
                    start_s += changed.samples / SOUND_RATE
    except (av.error.FFmpegError, OSError, ValueError, IndexError):
        return
