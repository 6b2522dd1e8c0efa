"""From a source to the publisher: a thread captures and encodes, the loop sends. Ends with the source."""

from __future__ import annotations

import time
from collections.abc import Callable

from lanline.client.video.players import Publishing
from lanline.client.video.rungs import RungEncoders
from lanline.client.video.worker import Worker
from lanline.errors import MessageTooLarge
from lanline.media.api import EncodedFrame, Source

_COMPLAINT_S = 10.0


class Broadcast:
    """The source is open already: what it gives has been told to the publisher."""

    def __init__(
        self, source: Source, encoders: RungEncoders, publisher: Publishing, say: Callable[[str], None]
    ) -> None:
        self._source = source
        self._encoders = encoders
        self._publisher = publisher
        self._say = say
        self._complained_at = float("-inf")
        self._worker = Worker("picture", self._capture)

    async def run(self) -> None:
        """Until the source ends; raises MediaProblem when it breaks."""
        self._worker.start()
        try:
            await self._worker.ended
        finally:
            await self._worker.stop()

    # In the thread.

    def _capture(self) -> None:
        try:
            while not self._worker.is_stopped:
                picture = self._source.read()
                if picture is None:
                    return
                for rung, frame in self._encoders.encode(picture):
                    self._worker.tell(self._publish, rung, frame)
                for rung in self._encoders.standing:
                    self._worker.tell(self._publisher.stand, rung, picture.captured_at_us)
        finally:
            self._encoders.close()
            self._source.close()

    # In the loop.

    def _publish(self, rung: int, frame: EncodedFrame) -> None:
        try:
            self._publisher.publish(rung, frame)
        except MessageTooLarge as problem:
            self._complain(f"{problem} It is left out: choose a smaller --size or --quality, or a larger --mtu.")
            if not frame.is_key:
                # What follows depends on it. For a key frame that is missing, viewers ask by themselves.
                self._encoders.request_key(rung)

    def _complain(self, sentence: str) -> None:
        """Not for each picture."""
        now = time.monotonic()
        if now - self._complained_at >= _COMPLAINT_S:
            self._complained_at = now
            self._say(sentence)
