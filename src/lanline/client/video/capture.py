"""The thread in which pictures are captured and encoded. What it makes is taken from the loop; what nobody takes in
time is dropped, and nothing is encoded while nobody watches.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable

from lanline.client.video.worker import Worker
from lanline.errors import MediaProblem
from lanline.media.api import EncodedFrame, Encoder, Size, Source

_MOST_WAITING = 8


class Capture:
    def __init__(self, open_source: Callable[[], Source], open_encoder: Callable[[Source], Encoder]) -> None:
        self._open_source = open_source
        self._open_encoder = open_encoder
        self._opened: asyncio.Future[tuple[Size, float]] = asyncio.get_running_loop().create_future()
        self._wanted = threading.Event()
        self._requests: deque[Callable[[Encoder], None]] = deque()
        self._frames: deque[EncodedFrame] = deque()
        self._has_news = asyncio.Event()
        self._worker = Worker("picture", self._work)
        self._worker.ended.add_done_callback(self._on_end)
        self.size = Size(0, 0)
        self.fps = 0.0
        self.is_over = False
        """The source has come to its own end."""
        self.frames_missed = 0
        """Captured and encoded, and not taken before the next one was there."""

    async def start(self) -> None:
        """Raises MediaProblem when the source cannot be opened."""
        self._worker.start()
        self.size, self.fps = await self._opened

    def want(self, wanted: bool) -> None:
        """Whether anybody watches; whoever begins to is given a key frame."""
        if wanted and not self._wanted.is_set():
            self.request_key()
            self._wanted.set()
        elif not wanted:
            self._wanted.clear()

    def request_key(self) -> None:
        self._requests.append(lambda encoder: encoder.request_key())

    def set_bitrate(self, bits_per_s: int) -> None:
        self._requests.append(lambda encoder: encoder.set_bitrate(bits_per_s))

    async def next_frame(self) -> EncodedFrame:
        """Raises MediaProblem when there are no more."""
        while not self._frames:
            if self._worker.ended.done():
                self._worker.ended.result()
            self._has_news.clear()
            await self._has_news.wait()
        return self._frames.popleft()

    async def close(self) -> None:
        await self._worker.stop()

    # In the thread.

    def _work(self) -> None:
        source = self._open_source()
        try:
            self._run(source)
        finally:
            source.close()

    def _run(self, source: Source) -> None:
        encoder = self._open_encoder(source)
        self._worker.tell(self._begin, source.size, source.fps)
        try:
            while not self._worker.is_stopped:
                picture = source.read()
                if picture is None:
                    self.is_over = True
                    raise MediaProblem("The source has no more pictures.")
                if not self._wanted.is_set():
                    continue
                while self._requests:
                    self._requests.popleft()(encoder)
                for frame in encoder.encode(picture):
                    self._worker.tell(self._take, frame)
        finally:
            encoder.close()

    # In the loop.

    def _begin(self, size: Size, fps: float) -> None:
        if not self._opened.done():
            self._opened.set_result((size, fps))

    def _take(self, frame: EncodedFrame) -> None:
        if frame.codec.is_intra_only:
            self.frames_missed += len(self._frames)
            self._frames.clear()
        elif len(self._frames) >= _MOST_WAITING:
            self.frames_missed += len(self._frames)
            self._frames.clear()
            self.request_key()
        self._frames.append(frame)
        self._has_news.set()

    def _on_end(self, ended: asyncio.Future[None]) -> None:
        problem = ended.exception()
        if problem is not None and not self._opened.done():
            self._opened.set_exception(problem)
        self._has_news.set()
