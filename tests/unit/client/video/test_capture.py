from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest

from lanline.client.video.capture import Capture
from lanline.errors import MediaProblem
from lanline.media.api import Codec, EncodedFrame, Layout, Picture, Size

LIMIT_S = 60


class Reel:
    """A source that gives a picture each time it is let."""

    size, fps = Size(64, 48), 20.0

    def __init__(self, end: BaseException | None = None) -> None:
        self.let = threading.Semaphore(0)
        self.end = end
        self.is_closed = threading.Event()
        self.given = 0

    def read(self) -> Picture | None:
        assert self.let.acquire(timeout=LIMIT_S)
        if self.end is not None:
            raise self.end
        self.given += 1
        return Picture(np.zeros((72, 64), np.uint8), Layout.YUV, self.given)

    def close(self) -> None:
        self.is_closed.set()


class Stamp:
    """An encoder whose frames are the numbers of the pictures, and which notes what is asked of it."""

    def __init__(self, codec: Codec = Codec.JPEG) -> None:
        self.codec = codec
        self.asked: list[object] = []
        self.encoded = threading.Semaphore(0)

    def encode(self, picture: Picture) -> list[EncodedFrame]:
        frame = EncodedFrame(self.codec, True, picture.captured_at_us, b"%d" % picture.captured_at_us, 64, 48)
        self.encoded.release()
        return [frame]

    def request_key(self) -> None:
        self.asked.append("key")

    def set_bitrate(self, bits_per_s: int) -> None:
        self.asked.append(bits_per_s)

    def close(self) -> None:
        self.asked.append("closed")


def play(scene: Callable[[Capture], Coroutine[Any, Any, None]], reel: Reel, stamp: Stamp) -> None:
    async def run() -> None:
        capture = Capture(lambda: reel, lambda _: stamp)
        await capture.start()
        try:
            async with asyncio.timeout(LIMIT_S):
                await scene(capture)
        finally:
            reel.let.release()
            await capture.close()

    asyncio.run(run())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 -- what happens in another thread tells nobody
        await asyncio.sleep(0)


async def encoded(stamp: Stamp, count: int) -> None:
    for _ in range(count):
        assert await asyncio.to_thread(stamp.encoded.acquire, timeout=LIMIT_S)


def test_nothing_is_encoded_while_nobody_watches_and_who_begins_gets_a_key_frame() -> None:
    reel, stamp = Reel(), Stamp()

    async def scene(capture: Capture) -> None:
        assert (capture.size, capture.fps) == (Size(64, 48), 20.0)
        for _ in range(3):
            reel.let.release()
        await until(lambda: reel.given >= 3)
        assert stamp.asked == []
        assert not stamp.encoded.acquire(blocking=False)
        capture.want(True)
        capture.set_bitrate(9000)
        reel.let.release()
        frame = await capture.next_frame()
        # The third picture may have been on its way when the wish was uttered.
        assert frame.payload in {b"3", b"4"}
        assert stamp.asked[0] == "key"
        assert 9000 in stamp.asked or frame.payload == b"3"

    play(scene, reel, stamp)
    assert stamp.asked[-1] == "closed"
    assert reel.is_closed.is_set()


def test_of_jpeg_that_nobody_took_the_newest_is_kept() -> None:
    reel, stamp = Reel(), Stamp()

    async def scene(capture: Capture) -> None:
        capture.want(True)
        reel.let.release(5)
        await encoded(stamp, 5)
        await until(lambda: capture.frames_missed >= 4)
        assert (await capture.next_frame()).payload == b"5"

    play(scene, reel, stamp)


def test_of_other_codecs_every_frame_is_kept_until_it_is_too_late_and_then_a_key_frame_is_asked_for() -> None:
    reel, stamp = Reel(), Stamp(Codec.H264)

    async def scene(capture: Capture) -> None:
        capture.want(True)
        reel.let.release(3)
        assert [(await capture.next_frame()).payload for _ in range(3)] == [b"1", b"2", b"3"]
        stamp.asked.clear()
        reel.let.release(9)
        await until(lambda: capture.frames_missed >= 8)
        assert (await capture.next_frame()).payload == b"12"
        reel.let.release()
        await capture.next_frame()
        assert stamp.asked == ["key"]

    play(scene, reel, stamp)


@pytest.mark.parametrize("problem", [MediaProblem("It was unplugged."), RuntimeError("a bug")])
def test_what_ends_the_source_comes_out_where_frames_do(problem: Exception) -> None:
    reel, stamp = Reel(end=problem), Stamp()

    async def scene(capture: Capture) -> None:
        reel.let.release()
        with pytest.raises(MediaProblem, match=r"unplugged|RuntimeError: a bug"):
            await capture.next_frame()

    play(scene, reel, stamp)


def test_a_source_that_cannot_be_opened_is_known_at_the_start() -> None:
    def refuse() -> Reel:
        raise MediaProblem("There is no camera here.")

    async def run() -> None:
        capture = Capture(refuse, lambda _: Stamp())
        with pytest.raises(MediaProblem, match="no camera"):
            await capture.start()
        await capture.close()

    asyncio.run(run())
