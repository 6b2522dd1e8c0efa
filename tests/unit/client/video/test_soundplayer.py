"""Sound that arrives in all kinds of ways, at a speaker that runs on a clock of the test."""

from __future__ import annotations

import random

import numpy as np
import pytest

from lanline.client.video.soundplayer import TURN_S, SoundPlayer
from lanline.media.api import BLOCK_SAMPLES, BLOCK_US, SOUND_RATE, Codec, EncodedFrame, Samples, Sound
from lanline.media.sinks.blankspeaker import BlankSpeaker

PUBLISHER_AHEAD_S = 7000.0


class Numbered:
    """A decoder whose blocks carry the number of their frame."""

    def decode(self, frame: EncodedFrame) -> Sound:
        number = frame.captured_at_us // BLOCK_US % 10_000 + 1
        return Sound(np.full((BLOCK_SAMPLES, 2), number, np.int16), frame.captured_at_us)


class Room:
    """A speaker that notes what is heard, and when."""

    def __init__(self) -> None:
        self.now = 100.0
        self.speaker = BlankSpeaker(lambda: self.now)
        self.heard: list[tuple[float, Samples]] = []
        self.player = SoundPlayer(self, Numbered(), lambda: self.now)

    def play(self, samples: Samples) -> None:
        self.heard.append((self.now + self.speaker.ahead_s(), samples))
        self.speaker.play(samples)

    def ahead_s(self) -> float:
        return self.speaker.ahead_s()

    def close(self) -> None: ...

    def run(self, arrivals: dict[int, float], seconds: float) -> None:
        """`arrivals`: the number of a frame, and when it comes."""
        begin = self.now
        todo = sorted((at, number) for number, at in arrivals.items())
        while self.now < begin + seconds:
            while todo and todo[0][0] <= self.now - begin:
                number = todo.pop(0)[1]
                self.player.put(sound(number))
            self.player.turn()
            self.now += TURN_S

    def begun(self) -> dict[int, float]:
        return {int(block[-1, 0]) - 1: at for at, block in reversed(self.heard) if block[-1, 0]}

    def gap_s(self) -> float:
        """The longest silence of the speaker itself, which had nothing to play."""
        ends = [at + len(block) / SOUND_RATE for at, block in self.heard]
        return max(later[0] - end for end, later in zip(ends, self.heard[1:], strict=False))


def sound(number: int) -> EncodedFrame:
    return EncodedFrame(Codec.OPUS, True, round(PUBLISHER_AHEAD_S * 1e6) + number * BLOCK_US, b"", 0, 0)


def picture(at_s: float) -> EncodedFrame:
    return EncodedFrame(Codec.JPEG, True, round((PUBLISHER_AHEAD_S + at_s) * 1e6), b"", 0, 0)


def test_steady_sound_is_played_whole_and_without_a_pause() -> None:
    room = Room()
    room.run({n: 0.02 * n + 0.03 for n in range(200)}, 4.0)
    figures = room.player.take_figures()
    assert figures.concealed == 0
    assert figures.blocks >= 190
    assert room.gap_s() < 1e-6


@pytest.mark.parametrize("seed", range(5))
def test_jitter_disorder_and_loss_leave_the_rest_in_order_at_even_times(seed: int) -> None:
    rng = random.Random(seed)
    room = Room()
    lost = {n for n in range(50, 500) if rng.random() < 0.05}
    room.run({n: 0.02 * n + 0.03 + 0.03 * rng.random() for n in range(500) if n not in lost}, 10.0)
    begun = room.begun()
    assert list(begun) == sorted(begun, reverse=True)
    assert room.gap_s() < 1e-6
    delays = [at - 0.02 * n for n, at in begun.items() if n > 100]
    assert max(delays) - min(delays) < 0.04
    assert len([n for n in begun if n > 100]) > 0.98 * (len([n for n in range(101, 490) if n not in lost]))


def test_a_speaker_with_another_clock_is_followed_without_gaps() -> None:
    room = Room()
    fast = 1.0005  # the publisher's clock, 500 ppm: five times what quartzes do
    room.run({n: 0.02 / fast * n + 0.03 for n in range(3000)}, 59.0)
    figures = room.player.take_figures()
    assert figures.concealed + figures.late <= 3
    assert room.gap_s() < 1e-6


def test_a_picture_is_due_when_its_sound_is_heard() -> None:
    room = Room()
    begin = room.now
    room.run({n: 0.02 * n + 0.03 for n in range(100)}, 1.0)
    heard_at = room.begun()[40]
    assert abs(room.player.picture_due_at(picture(40 * 0.02)) - heard_at) < 0.012
    assert heard_at - begin < 40 * 0.02 + 0.15


def test_sound_waits_for_pictures_that_take_longer_within_reason() -> None:
    room = Room()
    for count in range(100):
        room.run({count: 0.0}, 0.02)
        arrived = picture(0.02 * count - 0.15)
        room.player.on_picture(arrived)
    late = [room.player.picture_due_at(picture(1.98 - 0.15)) - room.now]
    assert late[0] > -0.03


def test_without_sound_a_picture_is_due_at_once() -> None:
    room = Room()
    assert room.player.picture_due_at(picture(0.0)) == room.now
    room.run({n: 0.02 * n for n in range(10)}, 3.0)
    assert room.player.picture_due_at(picture(3.0)) == room.now


def test_muted_it_is_silent_and_stays_in_its_time() -> None:
    room = Room()
    room.player.is_muted = True
    room.run({n: 0.02 * n for n in range(50)}, 1.0)
    assert not any(block.any() for _, block in room.heard)
    assert room.player.take_figures().blocks > 40


def test_when_a_queue_of_seconds_has_gone_sound_is_heard_at_once_and_soon_without_that_delay() -> None:
    room = Room()
    begin = room.now

    def arrives_at(number: int) -> float:
        return 0.02 * number + 4.0 if number < 200 else max(8.0, 0.02 * number + 0.03)

    room.run({n: arrives_at(n) for n in range(1500)}, 30.0)
    heard = {number: at - begin - 0.02 * number for number, at in room.begun().items()}
    assert len([n for n in heard if n < 190]) > 180
    assert max(delay for n, delay in heard.items() if n < 190) < 4.1
    assert all(n in heard for n in range(410, 850))
    assert max(delay for n, delay in heard.items() if n >= 410) < 0.03 + 0.6 + 1.1
    assert max(delay for n, delay in heard.items() if n >= 1200) < 0.03 + 0.3 + 0.1
