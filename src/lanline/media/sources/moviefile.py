"""A video file, played at its own speed, over and over."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
from av.stream import Disposition

from lanline.errors import MediaProblem
from lanline.media.api import MAX_FPS, MIN_FPS, Layout, Picture, Size
from lanline.media.colours import even
from lanline.media.pace import Pace, now_us
from lanline.media.sources.filmsound import FilmSound
from lanline.media.upright import as_upright_picture, upright_size

_USUAL_FPS = 25.0
_STILL_S = 1.0
"""A picture that stands for longer is sent again: who has just come sees it, and nobody takes it for an end."""
_LONGEST_S = 600.0
"""A picture that is to stand for longer than this has a wrong time."""


class MovieFile:
    """`fps` is a bound: a file that has more is thinned out, one that has less stays as it is."""

    def __init__(
        self, path: Path | str, size: Size | None, fps: float | None, layout: Layout, *, plays_once: bool = False
    ) -> None:
        """`path` may be a URL, or - for standard input."""
        self._plays_once = plays_once
        self._path = path
        self._container, self._stream = _opened(path)
        own_fps = float(self._stream.average_rate or self._stream.guessed_rate or _USUAL_FPS)
        self.fps = min(max(MIN_FPS, min(fps or own_fps, own_fps)), MAX_FPS)
        self._thinning = Pace(self.fps) if self.fps < own_fps else None
        self._layout = layout
        self._frame_s = 1 / own_fps
        self._begun_at: float | None = None
        """When the picture with the time 0 was due; None before the first of a round."""
        self._round = 0
        self._shown_in_round = 0
        self._next_round_at = 0.0
        self._reformatter = av.video.reformatter.VideoReformatter()
        self._frames: Iterator[av.VideoFrame] = self._container.decode(self._stream)
        # How it is to be turned, only a picture tells.
        first = self._ahead = self._next_frame()
        if first is None:
            raise MediaProblem(f"No picture can be read from {path}: the file is damaged or cut off.")
        self.size = even(size) if size else upright_size(first, self._stream.sample_aspect_ratio)
        self._last: Picture | None = None

    @property
    def round_begun(self) -> tuple[int, float | None]:
        """Which time through the file this is, and when its time 0 was due: for whoever plays its sound."""
        return self._round, self._begun_at

    def sound(self) -> FilmSound | None:
        return FilmSound(self._path, self) if self._container.streams.audio and self._path != "-" else None

    def read(self) -> Picture | None:
        while True:
            if self._ahead is None:
                self._ahead = self._next_frame()
            if self._ahead is None:
                return None
            if not self._wait_for(self._ahead):
                assert self._last is not None  # the first one is due at once
                return replace(self._last, captured_at_us=now_us())
            frame, self._ahead = self._ahead, None
            if self._thinning is None or self._thinning.is_due():
                self._last = self._upright(frame)
                return self._last

    def _upright(self, frame: av.VideoFrame) -> Picture:
        shape = self._stream.sample_aspect_ratio
        return as_upright_picture(frame, self._layout, now_us(), self.size, self._reformatter, shape, is_film=True)

    def _next_frame(self) -> av.VideoFrame | None:
        """None at the end of what is played once."""
        while True:
            try:
                frame = next(self._frames, None)
            except (av.error.FFmpegError, OSError):
                frame = None  # damaged from here on; what was good plays again
            if frame is not None:
                self._shown_in_round += 1
                return frame
            if self._plays_once:
                return None
            self._begin_again()

    def _begin_again(self) -> None:
        if not self._shown_in_round:
            raise MediaProblem(f"No picture can be read from {self._path}: the file is damaged or cut off.")
        self._shown_in_round = 0
        self._begun_at = None
        self._round += 1
        self._container.close()
        self._container, self._stream = _opened(self._path)
        self._frames = self._container.decode(self._stream)

    def _wait_for(self, frame: av.VideoFrame) -> bool:
        """False when it is not its time yet, and the last one has stood for long."""
        now = time.monotonic()
        if self._begun_at is None:
            self._begun_at = max(now, self._next_round_at) - (frame.time or 0.0)
        count = self._shown_in_round - 1
        due = self._begun_at + (count * self._frame_s if frame.time is None else frame.time)
        if due - now > _LONGEST_S or now - due > 1.0:  # its time is wrong; or this machine is slow: without a jump
            self._begun_at += now - due
            due = now
        time.sleep(min(max(0.0, due - now), _STILL_S))
        self._next_round_at = due + self._frame_s
        return due - now <= _STILL_S

    def close(self) -> None:
        self._container.close()


def _opened(path: Path | str) -> tuple[av.container.InputContainer, av.VideoStream]:
    try:
        container = av.open(sys.stdin.buffer if path == "-" else str(path), "r")
    except av.error.FileNotFoundError as cause:
        raise MediaProblem(f"There is no file {path}.") from cause
    except av.error.PermissionError as cause:
        raise MediaProblem(f"You may not read the file {path}.") from cause
    except (av.error.FFmpegError, OSError, ValueError) as cause:
        raise MediaProblem(f"{path} is no video file, or is damaged.") from cause
    # The cover of a song is a picture, but no film.
    films = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not films:
        container.close()
        raise MediaProblem(f"There is no picture in {path}.")
    films[0].thread_type = "AUTO"
    return container, films[0]
