"""A server of the plain format, and hellos that anybody can send in anybody's name."""

from __future__ import annotations

import asyncio

import pytest

from attacks.lasting import attacked
from attacks.videoattackers import say_hello_once
from lanline.client.video import plainviewers
from lanline.client.video.capture import Capture
from lanline.client.video.plainserver import PlainServer
from lanline.media.api import Codec, Size
from lanline.media.codecs.choice import layout_for, make_encoder
from lanline.media.sources.testpattern import TestPattern


def test_who_does_not_repeat_its_hello_is_sent_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plainviewers, "LEASE_S", 0.3)

    async def main(seconds: float) -> dict[str, int]:
        capture = Capture(
            lambda: TestPattern(Size(320, 240), 20.0, layout_for(Codec.JPEG)),
            lambda source: make_encoder(Codec.JPEG, 30, source.fps),
        )
        server = PlainServer(capture, 1200, lambda _: None)
        await server.start("127.0.0.1", 0)
        await capture.start()
        running = asyncio.create_task(server.run())
        try:
            return dict(await asyncio.to_thread(say_hello_once, ("127.0.0.1", server.port), seconds, 50e6))
        finally:
            running.cancel()
            await server.close()

    def is_enough(counts: dict[str, int]) -> bool:
        """Pictures came, and then no more."""
        return counts.get("received_bytes", 0) > 0 and counts.get("received_at_the_end_bytes", 0) == 0

    attacked(lambda seconds: asyncio.run(main(seconds)), is_enough, 1.2)
