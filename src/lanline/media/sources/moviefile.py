"""A video file, played at its own speed, over and over."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import av

from lanline.errors import MediaProblem
from lanline.media.api import Layout, Picture, Size
from lanline.media.colours import as_picture, even
from lanline.media.pace import Pace, now_us
from lanline.media.sources.filmsound import FilmSound

_USUAL_FPS = 25.0


class MovieFile:
    """`fps` is a bound: a file that has more is thinned out, one that has less stays as it is."""

    def __init__(self, path: Path, size: Size | None, fps: float | None, layout: Layout) -> None:
        self._path = path
        self._container = _opened(path)
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        own_fps = float(self._stream.average_rate or self._stream.guessed_rate or _USUAL_FPS)
        self._fps = min(fps or own_fps, own_fps)
        self._thinning = Pace(self._fps) if self._fps < own_fps else None
        self._size = even(size or Size(self._stream.width, self._stream.height))
        self._layout = layout
        self._frame_s = 1 / own_fps
        self._frames: Iterator[av.VideoFrame] = iter(())
        self._begun_at: float | None = None
        """When the picture with the time 0 was due; None before the first of a round."""
        self._round = 0
        self._shown_in_round = 0
        self._next_round_at = 0.0
        self._reformatter = av.video.reformatter.VideoReformatter()
        self._frames = self._container.decode(self._stream)

    @property
    def size(self) -> Size:
        return self._size

    @property
    def fps(self) -> float:
        return self._fps

    @property
    def round_begun(self) -> tuple[int, float | None]:
        """Which time through the file this is, and when its time 0 was due: for whoever plays its sound."""
        return self._round, self._begun_at

    def sound(self) -> FilmSound | None:
        return FilmSound(self._path, self) if self._container.streams.audio else None

    def read(self) -> Picture | None:
        while True:
            frame = self._next_frame()
            self._wait_for(frame)
            if self._thinning is None or self._thinning.is_due():
                return as_picture(frame, self._layout, now_us(), self._size, self._reformatter)

    def _next_frame(self) -> av.VideoFrame:
        while True:
            try:
                frame = next(self._frames, None)
            except (av.error.FFmpegError, OSError):
                frame = None  # damaged from here on; what was good plays again
            if frame is not None:
                self._shown_in_round += 1
                return frame
            self._begin_again()

    def _begin_again(self) -> None:
        if not self._shown_in_round:
            raise MediaProblem(f"No picture can be read from {self._path}: the file is damaged or cut off.")
        self._shown_in_round = 0
        self._begun_at = None
        self._round += 1
        self._container.close()
        self._container = _opened(self._path)
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        self._frames = self._container.decode(self._stream)

    def _wait_for(self, frame: av.VideoFrame) -> None:
        now = time.monotonic()
        if self._begun_at is None:
            self._begun_at = max(now, self._next_round_at) - (frame.time or 0.0)
        count = self._shown_in_round - 1
        due = self._begun_at + (count * self._frame_s if frame.time is None else frame.time)
        if due > now:
            time.sleep(min(due - now, 5.0))  # a file that lies about its times must not stop us for good
        elif now - due > 1.0:
            self._begun_at += now - due  # this machine cannot keep up: slower, without a jump
        self._next_round_at = due + self._frame_s

    def close(self) -> None:
        self._container.close()


def _opened(path: Path) -> av.container.InputContainer:
    try:
        container = av.open(str(path))
    except av.error.FileNotFoundError as cause:
        raise MediaProblem(f"There is no file {path}.") from cause
    except av.error.PermissionError as cause:
        raise MediaProblem(f"You may not read the file {path}.") from cause
    except (av.error.FFmpegError, OSError, ValueError) as cause:
        raise MediaProblem(f"{path} is no video file, or is damaged.") from cause
    if not container.streams.video:
        container.close()
        raise MediaProblem(f"There is no picture in {path}.")
    return container
