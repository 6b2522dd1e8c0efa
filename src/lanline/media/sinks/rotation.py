"""A recording in several files, one after the other, each whole by itself; of which so many are kept, if wanted."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from pathlib import Path

from lanline.media.api import EncodedFrame
from lanline.media.sinks.recording import Recording, check_recording


class RotatingRecording:
    """The first file has the given name, and those after it a number besides: film.mkv, film-2.mkv, film-3.mkv."""

    def __init__(self, path: Path, every_s: float, keep: int | None, has_sound: Callable[[], bool]) -> None:
        check_recording(path)
        self._path = path
        self._every_us = round(every_s * 1e6)
        self._keep = keep
        self._has_sound = has_sound
        self._number = 1
        self._files: deque[Path] = deque([path])
        self._recording = Recording(path, has_sound)
        self._begun_us: int | None = None

    def write(self, frame: EncodedFrame) -> None:
        if frame.codec.is_video and frame.is_key:
            if self._begun_us is None:
                self._begun_us = frame.captured_at_us
            elif frame.captured_at_us - self._begun_us >= self._every_us:
                self._begun_us = frame.captured_at_us
                self._begin_next()
        self._recording.write(frame)

    def _begin_next(self) -> None:
        self._recording.close()
        while (path := self._next_path()).exists():
            pass
        self._recording = Recording(path, self._has_sound)
        self._files.append(path)
        while self._keep is not None and len(self._files) > self._keep:
            with contextlib.suppress(OSError):
                self._files.popleft().unlink()

    def _next_path(self) -> Path:
        self._number += 1
        return self._path.with_stem(f"{self._path.stem}-{self._number}")

    def close(self) -> None:
        self._recording.close()
