"""A viewer whose network lets no UDP through is sent the same packets as messages of its WebSocket link."""

from __future__ import annotations

import asyncio
import os

from lanline.client.video.publisher import VideoPublisher
from lanline.client.video.viewer import VideoViewer
from lanline.proto.media.publisher import Publisher
from lanline.transport.connection import Connection
from lanline.transport.websocket import connect
from lanline.transport.websockethost import listen
from unit.client.video.stage import FPS, JPEG, PUBLISHER, VIEWER, frame


def test_video_is_watched_over_websocket() -> None:
    async def main() -> None:
        publisher = VideoPublisher(Publisher(JPEG, fps=FPS, entropy=os.urandom))
        host = await listen("127.0.0.1", 0, PUBLISHER, publisher.accept)

        async def call() -> Connection:
            return await connect(host.address, VIEWER, expected_fingerprint=PUBLISHER.fingerprint)

        viewer = VideoViewer(call)
        watching = asyncio.create_task(viewer.run())
        number = 0
        async with asyncio.timeout(60.0):
            while viewer.statistics.frames < 5:
                publisher.publish(0, frame(number))
                number += 1
                await asyncio.sleep(1 / FPS)
        frames = await viewer.take(1.0)
        first = int.from_bytes(frames[0].payload[:4], "big")
        assert [seen.payload for seen in frames] == [frame(first + index).payload for index in range(len(frames))]
        publisher.close()
        await watching
        host.close()
        await host.wait_closed()

    asyncio.run(main())
