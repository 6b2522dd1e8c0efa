"""Pictures from something live that FFmpeg knows: what a camera and a screen have in common."""

from __future__ import annotations

from collections.abc import Iterator

import av

from lanline.errors import MediaProblem
from lanline.media.api import Layout, Picture, Size
from lanline.media.colours import as_picture, even
from lanline.media.pace import Pace, now_us


class Device:
    """Reads as fast as the device gives, so that nothing grows old in its buffer, and passes on at the wanted rate."""

    def __init__(
        self, container: av.container.InputContainer, name: str, size: Size | None, fps: float, layout: Layout
    ) -> None:
        self._container = container
        self._name = name
        stream = container.streams.video[0]
        stream.thread_count = 1
        stream.codec_context.flags |= int(av.codec.context.Flags.low_delay)
        self.size = even(size or Size(stream.width, stream.height))
        own_fps = float(stream.average_rate or fps)
        self.fps = min(fps, own_fps)
        self._layout = layout
        self._pace = Pace(self.fps)
        self._frames: Iterator[av.VideoFrame] = container.decode(stream)
        self._reformatter = av.video.reformatter.VideoReformatter()

    def read(self) -> Picture | None:
        while True:
            try:
                frame = next(self._frames, None)
            except (av.error.FFmpegError, OSError) as cause:
                raise MediaProblem(f"{self._name} gives no more pictures: was it closed, or unplugged?") from cause
            if frame is None:
                return None
            captured_at_us = now_us()
            if self._pace.is_due():
                return as_picture(frame, self._layout, captured_at_us, self.size, self._reformatter)

    def close(self) -> None:
        self._container.close()


def open_device(url: str, kind: str, requests: dict[str, str]) -> av.container.InputContainer:
    """With the requests, or else as the device wants it: a request is no reason to show nothing."""
    try:
        return av.open(url, format=kind, options=requests)
    except av.error.FileNotFoundError:
        raise
    except (av.error.FFmpegError, OSError):
        return av.open(url, format=kind)
