"""From a source to the publisher: a thread captures and encodes, the loop sends. The thread ends with the source."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable

from lanline.client.video.publisher import VideoPublisher
from lanline.client.video.rungs import RungEncoders
from lanline.errors import LanlineError, MediaProblem, MessageTooLarge
from lanline.media.api import EncodedFrame, Source

_FAREWELL_S = 2.0
"""A camera may take a moment to let go; longer than this nobody waits for it."""
_COMPLAINT_S = 10.0


class Broadcast:
    """The source is open already: what it gives has been told to the publisher."""

    def __init__(
        self, source: Source, encoders: RungEncoders, publisher: VideoPublisher, say: Callable[[str], None]
    ) -> None:
        self._source = source
        self._encoders = encoders
        self._publisher = publisher
        self._say = say
        self._complained_at = float("-inf")
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="broadcast", daemon=True)

    async def run(self) -> None:
        """Until the source ends; raises MediaProblem when it breaks."""
        self._thread.start()
        try:
            await self._ended
        finally:
            self._stopped.set()
            await asyncio.to_thread(self._thread.join, _FAREWELL_S)

    # In the thread.

    def _work(self) -> None:
        try:
            self._capture()
        except LanlineError as problem:
            self._tell(self._end, problem)
        except Exception as cause:  # noqa: BLE001 -- a thread's traceback is for nobody; the sentence is for the person
            end = MediaProblem(f"The picture stopped: {type(cause).__name__}: {cause}.")
            end.__cause__ = cause
            self._tell(self._end, end)
        else:
            self._tell(self._end, None)

    def _capture(self) -> None:
        try:
            while not self._stopped.is_set():
                picture = self._source.read()
                if picture is None:
                    return
                for rung, frame in self._encoders.encode(picture):
                    self._tell(self._publish, rung, frame)
        finally:
            self._encoders.close()
            self._source.close()

    def _tell(self, method: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended before the camera let go
            self._loop.call_soon_threadsafe(method, *arguments)

    # In the loop.

    def _publish(self, rung: int, frame: EncodedFrame) -> None:
        try:
            self._publisher.publish(rung, frame)
        except MessageTooLarge as problem:
            self._complain(f"{problem} It is left out: choose a smaller --size or --quality, or a larger --mtu.")

    def _complain(self, sentence: str) -> None:
        """Not for each picture."""
        if self._loop.time() - self._complained_at >= _COMPLAINT_S:
            self._complained_at = self._loop.time()
            self._say(sentence)

    def _end(self, problem: LanlineError | None) -> None:
        if self._ended.done():
            return
        if problem is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(problem)
