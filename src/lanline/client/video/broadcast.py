"""From a source to the publisher: a thread captures and encodes, the loop sends. Ends with the source."""

from __future__ import annotations

from lanline.client.video.publisher import VideoPublisher
from lanline.client.video.rungs import RungEncoders
from lanline.client.video.worker import Worker
from lanline.media.api import Source


class Broadcast:
    """The source is open already: what it gives has been told to the publisher."""

    def __init__(self, source: Source, encoders: RungEncoders, publisher: VideoPublisher) -> None:
        self._source = source
        self._encoders = encoders
        self._publisher = publisher
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
                    self._worker.tell(self._publisher.publish, rung, frame)
        finally:
            self._encoders.close()
            self._source.close()
