"""Keys that are pressed while a feed goes on: at a stage that notes what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest

from lanline.client.video.feed import Counts
from lanline.client.video.soundplayer import SoundPlayer
from lanline.client.video.viewing import Viewing
from lanline.errors import LinkError
from lanline.media.api import Codec, EncodedFrame, Samples, Sound
from lanline.media.sinks.blankspeaker import BlankSpeaker

LIMIT_S = 60


def frame(codec: Codec = Codec.JPEG) -> EncodedFrame:
    return EncodedFrame(codec, True, 1_000_000, b"", 0, 0)


class Room:
    """A feed, a stage and a decoder; `notices` is what stands on the stage, one after the other."""

    advice = description = other_format = ""
    is_still = False
    source, is_refused, has_sound, keeps_sound = "host:6000", False, True, False

    def __init__(self) -> None:
        self.scenes: asyncio.Queue[list[EncodedFrame]] = asyncio.Queue()
        self.pressed: list[str] = []
        self.notices: list[str] = []
        self.limits: list[int] = []
        self.put_count = 0
        self.is_heard = False
        self.player = SoundPlayer(BlankSpeaker(), self, asyncio.get_running_loop().time)

    def open_player(self) -> SoundPlayer:
        self.is_heard = True
        return self.player

    async def take(self, timeout_s: float) -> list[EncodedFrame]:
        return await self.scenes.get()

    def decode(self, frame: EncodedFrame) -> Sound:
        return Sound(np.zeros((960, 2), np.int16), frame.captured_at_us)

    def put(self, frames: list[EncodedFrame]) -> int:
        self.put_count += len(frames)
        return len(frames)

    def notify(self, line: str) -> None:
        self.notices.append(line)

    def keys(self) -> list[str]:
        pressed, self.pressed = self.pressed, []
        return pressed

    def counts(self) -> Counts:
        return Counts()

    def tell(self, line: str) -> None: ...
    def request_key(self) -> None: ...
    def refuse_sound(self) -> None: ...
    def limit_height(self, most_lines: int) -> None:
        self.limits.append(most_lines)

    def play(self, samples: Samples) -> None: ...
    def close(self) -> None: ...

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():  # noqa: ASYNC110 -- what happens in another thread tells nobody
            await asyncio.sleep(0.001)


def play(scene: Callable[[Room], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        room = Room()
        viewing = Viewing(
            room, lambda: room, lambda _: None, timeout_s=2, statistics=False, open_player=room.open_player
        )
        async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as group:
            group.create_task(viewing.run())
            await scene(room)
            room.pressed.append("q")

    asyncio.run(run())


def test_m_mutes_and_brings_the_sound_back_and_says_so() -> None:
    async def scene(room: Room) -> None:
        room.scenes.put_nowait([frame(Codec.OPUS)])
        await room.until(lambda: room.is_heard)
        room.pressed.append("m")
        await room.until(lambda: room.notices[-1].startswith("Muted"))
        assert room.player.is_muted
        room.pressed.append("m")
        await room.until(lambda: room.notices[-1] == "")
        assert not room.player.is_muted

    play(scene)


def test_two_presses_at_once_change_nothing() -> None:
    async def scene(room: Room) -> None:
        room.scenes.put_nowait([frame(Codec.OPUS)])
        await room.until(lambda: room.is_heard)
        room.pressed += ["m", "m"]
        await room.until(lambda: not room.pressed)
        room.pressed.append("m")
        await room.until(lambda: room.notices[-1].startswith("Muted"))
        assert len(room.notices) == 2

    play(scene)


def test_who_is_muted_is_told_so_again_when_the_video_is_back() -> None:
    async def scene(room: Room) -> None:
        room.scenes.put_nowait([frame(Codec.OPUS), frame()])
        await room.until(lambda: room.is_heard)
        room.pressed.append("m")
        await room.until(lambda: room.player.is_muted)
        room.scenes.put_nowait([])
        await room.until(lambda: room.notices[-1].startswith("No"))
        room.scenes.put_nowait([frame(Codec.OPUS), frame()])
        await room.until(lambda: room.notices[-1].startswith("Muted"))

    play(scene)


def test_digits_choose_a_size_and_a_takes_what_the_link_carries() -> None:
    async def scene(room: Room) -> None:
        room.pressed += ["2", "4", "a"]
        await room.until(lambda: len(room.limits) == 3)
        assert room.limits == [480, 1080, 0]

    play(scene)


def test_space_pauses_the_picture_and_the_sound_and_goes_on() -> None:
    async def scene(room: Room) -> None:
        room.scenes.put_nowait([frame()])
        await room.until(lambda: room.put_count == 1)
        room.pressed.append(" ")
        await room.until(lambda: room.notices[-1].startswith("Paused"))
        room.scenes.put_nowait([frame()])
        await room.until(room.scenes.empty)
        room.pressed.append(" ")
        await room.until(lambda: room.notices[-1] == "")
        room.scenes.put_nowait([frame()])
        await room.until(lambda: room.put_count == 2)

    play(scene)


def test_plus_and_minus_change_the_volume() -> None:
    async def scene(room: Room) -> None:
        room.scenes.put_nowait([frame(Codec.OPUS)])
        await room.until(lambda: room.is_heard)
        room.pressed.append("-")
        await room.until(lambda: room.player.volume < 0.9)
        room.pressed += ["+", "+"]
        await room.until(lambda: room.player.volume > 1.1)

    play(scene)


def test_who_gives_up_ends_with_a_sentence_when_nothing_comes() -> None:
    class Empty(Room):
        has_answered = False

        async def take(self, timeout_s: float) -> list[EncodedFrame]:
            await asyncio.sleep(timeout_s)
            return []

    async def run() -> None:
        room = Empty()
        viewing = Viewing(room, lambda: room, lambda _: None, timeout_s=0.02, statistics=False, give_up_s=0.1)
        with pytest.raises(LinkError, match="No video from host:6000 for"):
            await asyncio.wait_for(viewing.run(), LIMIT_S)

    asyncio.run(run())
