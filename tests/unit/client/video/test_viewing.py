from __future__ import annotations

import asyncio
import threading

import pytest

from lanline.client.video.feed import Counts
from lanline.client.video.soundplayer import SoundPlayer
from lanline.client.video.stage import PictureStage
from lanline.client.video.viewing import Viewing, statistics_line
from lanline.errors import DamagedFrame, MediaProblem
from lanline.media.api import Codec, EncodedFrame, Picture

LIMIT_S = 60


def frame(number: int, codec: Codec = Codec.JPEG) -> EncodedFrame:
    return EncodedFrame(codec, True, number, b"", 0, 0)


class Script:
    """A feed that brings what it is given; an empty list is silence."""

    source, is_refused, has_answered, has_sound = "host:6000", False, False, True
    is_still = False

    def __init__(self, *scenes: list[EncodedFrame]) -> None:
        self.scenes = list(scenes)
        self.keys_requested = 0
        self.is_sound_refused = False

    advice = description = other_format = ""

    def counts(self) -> Counts:
        return Counts()

    async def take(self, timeout_s: float) -> list[EncodedFrame]:
        await asyncio.sleep(0)
        if self.scenes:
            return self.scenes.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    def request_key(self) -> None:
        self.keys_requested += 1

    def refuse_sound(self) -> None:
        self.is_sound_refused = True

    def close(self) -> None: ...


class Wall:
    """A stage that notes everything, and reports `q` when the script is over."""

    keeps_sound = False

    def __init__(self, script: Script, problem: Exception | None = None) -> None:
        self.script, self.problem = script, problem
        self.put_ones: list[int] = []
        self.notices: list[str] = []
        self.threads: set[int] = {threading.get_ident()}
        self.is_closed = False

    def put(self, frames: list[EncodedFrame]) -> int:
        self.threads.add(threading.get_ident())
        if self.problem:
            raise self.problem
        self.put_ones += [each.captured_at_us for each in frames]
        return len(frames)

    def tell(self, line: str) -> None: ...

    def notify(self, line: str) -> None:
        self.notices.append(line)

    def keys(self) -> list[str]:
        return [] if self.script.scenes else ["q"]

    def close(self) -> None:
        self.threads.add(threading.get_ident())
        self.is_closed = True


def watch(script: Script, problem: Exception | None = None) -> tuple[Wall, list[str]]:
    said: list[str] = []
    walls: list[Wall] = []

    def open_stage() -> Wall:
        walls.append(Wall(script, problem))
        return walls[0]

    async def run() -> None:
        async with asyncio.timeout(LIMIT_S):
            await Viewing(script, open_stage, said.append, timeout_s=2, statistics=False).run()

    if problem:
        with pytest.raises(type(problem)):
            asyncio.run(run())
    else:
        asyncio.run(run())
    return walls[0], said


def test_what_comes_is_shown_in_one_thread_and_q_ends_it() -> None:
    wall, said = watch(Script([frame(1)], [frame(2), frame(3)], [frame(4)]))
    assert wall.put_ones[:3] == [1, 2, 3]
    assert wall.is_closed
    assert len(wall.threads) == 1
    assert said == ["The video begins."]


def test_silence_is_said_once_and_so_is_its_end() -> None:
    wall, said = watch(Script([], [frame(1)], [], [], [], [frame(2)], [frame(3)]))
    assert said == [
        "No answer from host:6000. Trying on ...",
        "The video begins.",
        "No video for 2 s. Waiting for host:6000 ...",
        "The video is back.",
    ]
    assert wall.notices == [said[0], "", said[2], ""]


def test_a_server_that_is_not_there_is_told_from_one_that_is_silent() -> None:
    script = Script([], [frame(1)])
    script.is_refused = True
    assert watch(script)[1][0] == "Nothing serves video at host:6000. Trying on ..."


def test_a_server_without_a_picture_is_told_from_one_that_does_not_answer() -> None:
    script = Script([], [frame(1)])
    script.has_answered = True
    assert watch(script)[1][0] == "host:6000 answers, but no whole picture has come yet. Waiting ..."


def test_a_stage_that_fails_is_closed_all_the_same() -> None:
    wall, _ = watch(Script([frame(1)], [frame(2)]), MediaProblem("The disk is full."))
    assert wall.is_closed


class Projector:
    def __init__(self) -> None:
        self.shown: list[Picture] = []
        self.decoded: list[int] = []

    def decode(self, one: EncodedFrame) -> list[Picture]:
        self.decoded.append(one.captured_at_us)
        if one.captured_at_us == 13:
            raise DamagedFrame("bent")
        return [one]  # type: ignore[list-item]

    def show(self, picture: Picture) -> None:
        self.shown.append(picture)

    def tell(self, line: str) -> None: ...
    def notify(self, line: str) -> None: ...
    def keys(self) -> list[str]:
        return []

    def close(self) -> None: ...


@pytest.mark.parametrize(("codec", "decoded"), [(Codec.JPEG, [3, 4]), (Codec.H264, [1, 2, 3, 4])])
def test_the_newest_is_shown_and_what_need_not_be_is_not_decoded(codec: Codec, decoded: list[int]) -> None:
    projector = Projector()
    stage = PictureStage(projector, lambda _: projector, lambda: None)
    assert stage.put([frame(1, codec), frame(2, codec), frame(3, codec)]) == 1
    assert stage.put([frame(4, codec)]) == 1
    assert projector.decoded == decoded
    assert [picture.captured_at_us for picture in projector.shown] == [3, 4]


def test_damage_shows_nothing_and_asks_for_a_key_frame() -> None:
    projector, asked = Projector(), []
    stage = PictureStage(projector, lambda _: projector, lambda: asked.append(1))
    assert stage.put([frame(13, Codec.VP8)]) == 0
    assert (projector.shown, asked) == ([], [1])


def test_figures_are_of_the_last_second_and_of_all() -> None:
    line = statistics_line(Counts(10, 0), Counts(32, 250_000, "3 incomplete"), 20, 30, 2.0)
    assert line == "10.0 fps, 1.0 Mbit/s, 3 incomplete, 2 passed over, 30 shown"


def test_a_machine_without_a_speaker_is_told_once_and_the_picture_goes_on() -> None:
    script = Script([frame(1, Codec.OPUS)], [frame(2)], [frame(3, Codec.OPUS)], [frame(4)])
    said: list[str] = []

    def open_player() -> SoundPlayer:
        raise MediaProblem("There is no speaker here.")

    async def run() -> Wall:
        wall = Wall(script)
        async with asyncio.timeout(LIMIT_S):
            await Viewing(
                script, lambda: wall, said.append, timeout_s=2, statistics=False, open_player=open_player
            ).run()
        return wall

    wall = asyncio.run(run())
    assert wall.put_ones[:1] == [2]
    assert said.count("There is no speaker here. The picture goes on without sound.") == 1
    assert script.is_sound_refused


def test_a_picture_that_stands_is_no_silence() -> None:
    script = Script([frame(1)], [], [], [], [frame(2)])
    script.is_still = True
    assert [notice for notice in watch(script)[1] if "No video" in notice] == []


def test_that_there_is_no_speaker_is_shown_on_the_stage_too() -> None:
    script = Script([frame(1), frame(2, Codec.OPUS)], [frame(3)], [frame(4)])

    def no_speaker() -> SoundPlayer:
        raise MediaProblem("There is no speaker here.")

    async def main() -> Wall:
        wall = Wall(script)
        viewing = Viewing(script, lambda: wall, lambda _: None, timeout_s=1, statistics=False, open_player=no_speaker)
        async with asyncio.timeout(LIMIT_S):
            await viewing.run()
        return wall

    assert any("There is no speaker here." in notice for notice in asyncio.run(main()).notices)


def test_advice_is_said_once_and_stands_on_the_stage() -> None:
    script = Script([frame(1)], [frame(2)], [frame(3)])
    script.advice = "Use something smaller."
    said: list[str] = []

    async def main() -> Wall:
        wall = Wall(script)
        async with asyncio.timeout(LIMIT_S):
            await Viewing(script, lambda: wall, said.append, timeout_s=1, statistics=False).run()
        return wall

    assert "Use something smaller." in asyncio.run(main()).notices
    assert said.count("Use something smaller.") == 1
