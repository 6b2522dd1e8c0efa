"""A publisher and viewers on links within one process, with frames that need no codec."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from lanline.client.video.publisher import VideoPublisher
from lanline.client.video.viewer import VideoViewer
from lanline.crypto.identity import Identity
from lanline.media.api import Codec, EncodedFrame
from lanline.proto.media.outgoingstream import StreamPlan
from lanline.proto.media.publisher import Publisher
from lanline.transport.connection import Connection
from lanline.transport.linkhost import LinkHost
from lanline.transport.memory import MemoryNetwork
from lanline.wire.video import StreamCodec, Subscribe

PUBLISHER_ADDRESS = ("memory", 1)
FPS = 50.0
JPEG = (StreamPlan(StreamCodec.JPEG, 640, 480, 1_000_000),)
LADDER = (StreamPlan(StreamCodec.JPEG, 320, 240, 300_000), StreamPlan(StreamCodec.JPEG, 640, 480, 1_000_000))
PUBLISHER, VIEWER = Identity.generate(), Identity.generate()


class Requests:
    """Stands where encoders would: notes what the publisher wants of them."""

    def __init__(self) -> None:
        self.rungs: list[frozenset[int]] = []
        self.keys: list[int] = []

    def want(self, rungs: frozenset[int]) -> None:
        self.rungs.append(rungs)

    def request_key(self, rung: int) -> None:
        self.keys.append(rung)


def frame(number: int, payload: bytes | None = None, codec: Codec = Codec.JPEG) -> EncodedFrame:
    return EncodedFrame(codec, True, 1_000_000 + number * 20_000, payload or number.to_bytes(4, "big") * 1000, 0, 0)


class Stage:
    def __init__(self, plans: Sequence[StreamPlan] = JPEG) -> None:
        self.network = MemoryNetwork()
        self.plans = plans
        self.requests = Requests()
        self.tasks: list[asyncio.Task[None]] = []
        self.hosts: list[LinkHost] = []
        self.counts: list[int] = []
        self.open_publisher()

    def open_publisher(self, max_viewers: int = 100) -> None:
        core = Publisher(self.plans, fps=FPS, entropy=os.urandom, max_viewers=max_viewers)
        self.publisher = VideoPublisher(core, self.requests, self.counts.append)
        sock = self.network.bind(PUBLISHER_ADDRESS)
        self.publisher_host = LinkHost(sock, PUBLISHER, on_accept=self.publisher.accept)

    def kill_publisher(self) -> None:
        """It has no time to say so."""
        self.network.release(PUBLISHER_ADDRESS)
        self.publisher_host._driver.stop()
        self.publisher._driver.stop()

    def add_viewer(self, number: int = 0, wants: Subscribe | None = None) -> VideoViewer:
        host = LinkHost(self.network.bind(("memory", 100 + number)), VIEWER)
        self.hosts.append(host)

        async def call() -> Connection:
            return await host.connect(PUBLISHER_ADDRESS, PUBLISHER.fingerprint)

        viewer = VideoViewer(call, wants)
        self.tasks.append(asyncio.create_task(viewer.run()))
        return viewer

    async def publish_until(self, condition: Callable[[], bool], rungs: Sequence[int] = (0,), first: int = 0) -> int:
        """One frame after another, each on the rungs that are wanted; returns the number of the next one."""
        number = first
        while not condition():
            for rung in rungs:
                if rung in self.publisher.wanted_rungs:
                    self.publisher.publish(rung, frame(number))
            number += 1
            await asyncio.sleep(1 / FPS)
        return number

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.publisher.close()
        self.publisher_host.close()
        for host in self.hosts:
            host.close()


def run(scenario: Callable[[Stage], Coroutine[Any, Any, None]], plans: Sequence[StreamPlan] = JPEG) -> None:
    async def main() -> None:
        stage = Stage(plans)
        async with asyncio.timeout(60.0):
            await scenario(stage)
        await stage.close()

    asyncio.run(main())
