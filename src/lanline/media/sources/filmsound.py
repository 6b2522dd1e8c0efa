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
_SLACK_S = 0.010


class Showing(Protocol):
    """What is to be known of the pictures."""

    @property
    def round_begun(self) -> tuple[int, float | None]:
        """Which time through the file, and when its time 0 was due; None before its first picture."""


class FilmSound:
    def __init__(self, path: Path | str, showing: Showing) -> None:
        self._path = path
        self._showing = showing
        self._round = -1
        self._begun_at: float | None = None
        self._blocks: Iterator[tuple[float, Samples]] = iter(())
        self._next: tuple[float, Samples] | None = None
        self._until_s = float("-inf")
        """When what was given last is over."""
        self._stopped = threading.Event()

    def read(self) -> Sound | None:
        while not self._stopped.is_set():
            self._next = self._next or next(self._blocks, None)
            self._follow_the_pictures()
            if self._next is None or self._begun_at is None:
                self._stopped.wait(_WAIT_S)  # silent until the pictures begin again
                continue
            time_s, samples = self._next
            due_us = round((self._begun_at + time_s) * 1e6)
            left_us = due_us - now_us()
            if left_us > 0:
                self._stopped.wait(min(0.1, left_us / 1e6))
                continue
            self._next = None
            if left_us > -_MOST_BEHIND_US:
                self._until_s = due_us / 1e6 + len(samples) / SOUND_RATE
                return Sound(samples, due_us)
        return None

    def _follow_the_pictures(self) -> None:
        """When they begin again, what is left of the round before is played up to that time, and no further."""
        number, begun_at = self._showing.round_begun
        if begun_at is None:
            return
        if number == self._round:
            self._begun_at = begun_at
        elif self._next is None or self._begun_at is None or self._begun_at + self._next[0] >= begun_at - _SLACK_S:
            played_s = min(2 * _SLACK_S, max(0.0, self._until_s - begun_at))
            self._round, self._begun_at, self._next = number, begun_at, None
            self._blocks = _blocks(self._path, round(played_s * SOUND_RATE))

    def stop(self) -> None:
        self._stopped.set()

    def close(self) -> None:
        self._blocks = iter(())


def _blocks(path: Path | str, skipped: int) -> Iterator[tuple[float, Samples]]:
    """Blocks with their times in the file, but for the samples at its beginning that were played already. The last
    block ends with that beginning, which follows it. What is damaged ends it.
    """
    resampler = av.AudioResampler(format="s16", layout="stereo", rate=SOUND_RATE)
    head = rest = np.zeros((0, SOUND_CHANNELS), dtype=np.int16)
    time_s = 0.0
    for start_s, samples in _decoded(path, resampler):
        if len(head) < BLOCK_SAMPLES:
            head = np.concatenate([head, samples])[:BLOCK_SAMPLES]
        if not len(rest) or abs(start_s - (time_s + len(rest) / SOUND_RATE)) > 0.1:
            rest, time_s = rest[:0], start_s
        rest = np.concatenate([rest, samples])
        if skipped and len(rest) >= skipped:
            rest, time_s, skipped = rest[skipped:], time_s + skipped / SOUND_RATE, 0
        while len(rest) >= BLOCK_SAMPLES:
            yield time_s, rest[:BLOCK_SAMPLES]
            rest, time_s = rest[BLOCK_SAMPLES:], time_s + BLOCK_SAMPLES / SOUND_RATE
    if len(rest):
        last = np.concatenate([rest, head])[:BLOCK_SAMPLES]
        yield time_s, np.pad(last, ((0, BLOCK_SAMPLES - len(last)), (0, 0)))


def _decoded(path: Path | str, resampler: av.AudioResampler) -> Iterator[tuple[float, Samples]]:
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(audio=0):
                start_s = frame.time or 0.0
                for changed in resampler.resample(frame):
                    yield start_s, np.asarray(changed.to_ndarray(), np.int16).reshape(-1, SOUND_CHANNELS)
                    start_s += changed.samples / SOUND_RATE
    except (av.error.FFmpegError, OSError, ValueError, IndexError):
        return
