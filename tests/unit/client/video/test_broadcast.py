"""Pictures that are too large to be sent: on a link to a viewer within the process, from a source of the test."""

from __future__ import annotations

import asyncio
import threading
import types
from collections.abc import Sequence

import numpy as np
import pytest

from lanline.client.video import broadcast as module
from lanline.client.video.broadcast import Broadcast
from lanline.client.video.rungs import RungEncoders
from lanline.media.api import Codec, EncodedFrame, Layout, Picture, Size
from lanline.proto.media.outgoingstream import StreamPlan
from lanline.wire.video import StreamCodec
from unit.client.video.stage import JPEG, Stage, run

TOO_LARGE = bytes(5_000_000)
H264 = (StreamPlan(StreamCodec.H264, 640, 480, 1_000_000),)


class Reel:
    """A source that gives a picture each time it is let."""

    size, fps = Size(640, 480), 50.0

    def __init__(self) -> None:
        self.let = threading.Semaphore(0)
        self.is_over = False
        self.given = 0

    def read(self) -> Picture | None:
        assert self.let.acquire(timeout=60)
        self.given += 1
        picture = Picture(np.full((720, 640), self.given % 256, np.uint8), Layout.YUV, self.given * 20_000)
        return None if self.is_over else picture

    def close(self) -> None: ...


class Sizes:
    """An encoder whose frames are as large as is said, one after the other."""

    def __init__(self, codec: Codec, payloads: Sequence[bytes]) -> None:
        self._codec = codec
        self._payloads = list(payloads)
        self._begins = True
        self.keys_asked_for = 0

    def encode(self, picture: Picture) -> list[EncodedFrame]:
        if not self._payloads:
            return []
        is_key, self._begins = self._begins or self._codec is Codec.JPEG, False
        return [EncodedFrame(self._codec, is_key, picture.captured_at_us, self._payloads.pop(0), 640, 480)]

    def request_key(self) -> None:
        self.keys_asked_for += 1

    def set_bitrate(self, bits_per_s: int) -> None: ...
    def close(self) -> None: ...


class Studio:
    def __init__(self, stage: Stage, codec: Codec, payloads: Sequence[bytes]) -> None:
        self.viewer = stage.add_viewer()
        self.said: list[str] = []
        self.encoder = Sizes(codec, payloads)
        self._stage = stage
        self._reel = Reel()
        encoders = RungEncoders(stage.plans, lambda _: self.encoder, Layout.YUV)
        encoders.want(frozenset({0}))
        self._broadcast = Broadcast(self._reel, encoders, stage.publisher, self.said.append)

    async def air(self) -> list[bytes]:
        """What the viewer sees of it all, until it sees the last."""
        while not self._stage.publisher.viewer_count:  # noqa: ASYNC110 -- a viewer comes when it comes
            await asyncio.sleep(0.001)
        running = asyncio.create_task(self._broadcast.run())
        seen: list[bytes] = []
        while not seen or seen[-1] != b"last":
            self._reel.let.release()
            seen += [frame.payload for frame in await self.viewer.take(0.05)]
        self._reel.is_over = True
        self._reel.let.release()
        await running
        return seen


def test_a_picture_that_is_too_large_is_left_out_and_that_is_said_once() -> None:
    async def scenario(stage: Stage) -> None:
        studio = Studio(stage, Codec.JPEG, [b"first", TOO_LARGE, b"second", TOO_LARGE, TOO_LARGE, b"last"])
        assert await studio.air() == [b"first", b"second", b"last"]
        (sentence,) = studio.said
        assert sentence.startswith("A frame of 5000000 bytes does not fit")
        assert "smaller --size or --quality, or a larger --mtu" in sentence

    run(scenario, JPEG)


def test_it_is_said_again_when_it_goes_on_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(stage: Stage) -> None:
        studio = Studio(stage, Codec.JPEG, [TOO_LARGE, TOO_LARGE, TOO_LARGE, b"last"])
        times = iter([0.0, 9.9, 10.0])
        monkeypatch.setattr(module, "time", types.SimpleNamespace(monotonic=lambda: next(times)))
        await studio.air()
        assert len(studio.said) == 2

    run(scenario, JPEG)


def test_what_depends_on_a_picture_that_was_left_out_begins_anew_with_a_key_frame() -> None:
    async def scenario(stage: Stage) -> None:
        studio = Studio(stage, Codec.H264, [b"key", TOO_LARGE, b"more", b"last"])
        await studio.air()
        assert studio.encoder.keys_asked_for == 1

    run(scenario, H264)
