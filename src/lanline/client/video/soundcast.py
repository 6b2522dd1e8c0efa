"""Sound beside the pictures of a broadcast, in its own thread. When it breaks, that is said; the picture goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lanline.client.video.players import Publishing
from lanline.client.video.worker import Worker
from lanline.errors import LanlineError
from lanline.media.api import SoundSource
from lanline.media.codecs.opus import OpusEncoder


class SoundCast:
    """The source is open already."""

    def __init__(self, source: SoundSource, publisher: Publishing, tell: Callable[[str], None]) -> None:
        self._source = source
        self._publisher = publisher
        self._tell = tell
        self._worker = Worker("sound", self._capture)

    def start(self) -> None:
        self._worker.ended.add_done_callback(self._on_end)
        self._worker.start()

    def _on_end(self, ended: asyncio.Future[None]) -> None:
        problem = None if ended.cancelled() else ended.exception()
        if isinstance(problem, LanlineError):
            self._tell(f"{problem} The picture goes on without sound.")

    async def stop(self) -> None:
        self._source.stop()
        await self._worker.stop()

    # In the thread.

    def _capture(self) -> None:
        encoder = OpusEncoder()
        try:
            while not self._worker.is_stopped:
                sound = self._source.read()
                if sound is None:
                    return
                if self._publisher.viewer_count:
                    for frame in encoder.encode(sound):
                        self._worker.tell(self._publisher.publish_audio, frame)
        finally:
            self._source.close()
