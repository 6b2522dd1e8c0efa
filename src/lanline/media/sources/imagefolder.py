"""The pictures of a folder, one after another in the order of their names, over and over unless they play once."""

from __future__ import annotations

from pathlib import Path

import av

from lanline.errors import MediaProblem
from lanline.media.api import Layout, Picture, Size
from lanline.media.colours import even
from lanline.media.pace import Pace, now_us
from lanline.media.upright import as_upright_picture, upright_size

_ENDINGS = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm"}


class ImageFolder:
    """All are brought to one size: the given one, or that of the first."""

    def __init__(
        self, folder: Path, size: Size | None, fps: float, layout: Layout, *, plays_once: bool = False
    ) -> None:
        self._folder = folder
        self._plays_once = plays_once
        self._paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _ENDINGS)
        self._layout = layout
        self._next = 0
        self._reformatter = av.video.reformatter.VideoReformatter()
        first = self._first()
        self.size = even(size) if size else upright_size(first)
        self.fps = fps
        self._pace = Pace(fps)

    def _first(self) -> av.VideoFrame:
        frame = next((frame for frame in map(_read, self._paths) if frame is not None), None)
        if frame is None:
            raise MediaProblem(f"There is no picture in the folder {self._folder} that can be read.")
        return frame

    def read(self) -> Picture | None:
        if self._plays_once and self._next >= len(self._paths):
            return None
        frame = self._next_frame()
        self._pace.wait()
        return as_upright_picture(frame, self._layout, now_us(), self.size, self._reformatter)

    def _next_frame(self) -> av.VideoFrame:
        """Files that vanished or were damaged meanwhile are passed over."""
        for _ in self._paths:
            path = self._paths[self._next % len(self._paths)]
            self._next += 1
            frame = _read(path)
            if frame is not None:
                return frame
        raise MediaProblem(f"There is no picture left in the folder {self._folder} that can be read.")

    def close(self) -> None:
        self._pace.stop()


def _read(path: Path) -> av.VideoFrame | None:
    try:
        with av.open(str(path)) as container:
            return next(container.decode(video=0), None)
    except (av.error.FFmpegError, OSError, ValueError, IndexError):
        return None
