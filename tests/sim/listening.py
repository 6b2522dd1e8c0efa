"""What a person would have heard and seen of a broadcast: what its viewer handed on, played as the client plays it.

The player, its delay and its speaker are those of the client, on the virtual clock. Only the thread that shows pictures
is left out: a picture is seen at the turn at which it is due.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque

import numpy as np

from lanline.client.video.soundplayer import TURN_S, SoundPlayer
from lanline.client.video.timeline import Timeline
from lanline.media.api import BLOCK_SAMPLES, Codec, EncodedFrame, Sound
from lanline.media.sinks.blankspeaker import BlankSpeaker
from lanline.proto.media.frame import SOUND_FRAME_S
from sim.broadcast import Broadcast

_STILL_WITH_IT_S = 0.5
"""A picture that is seen while sound is missing is held against what was heard this long ago at most."""
_NOTHING = np.zeros((BLOCK_SAMPLES, 2), np.int16)


class Listening:
    """`heard` and `seen`: the number of the frame, and when."""

    def __init__(self, broadcast: Broadcast, viewer: int = 0) -> None:
        self._sounds = broadcast.publisher.sounds
        self._pictures = broadcast.publisher.captured
        self._now = 0.0
        self._speaker = BlankSpeaker(lambda: self._now)
        self._player = SoundPlayer(self._speaker, self, lambda: self._now)
        self._timeline = Timeline()
        self._number_of: dict[int, int] = {}
        self._held: deque[tuple[int, EncodedFrame]] = deque()
        self.heard: dict[int, float] = {}
        self.seen: dict[int, float] = {}
        node = broadcast.viewers[viewer]
        self._arrivals = deque(
            sorted(
                [(at, True, number) for number, at in node.heard]
                + [(at, False, frame_id) for frame_id, _, at in node.shown]
            )
        )
        self._replay(broadcast.world.now)
        self.figures = self._player.take_figures()

    def _replay(self, until: float) -> None:
        turns = round(until / TURN_S)
        for turn in range(turns):
            self._arrive(turn * TURN_S)
            self._now = turn * TURN_S
            self._player.turn()
            self._show()

    def _show(self) -> None:
        """Of several that are due, the newest."""
        due = None
        while self._held and self._player.picture_due_at(self._held[0][1]) <= self._now + TURN_S / 2:
            due = self._held.popleft()
        if due is not None:
            self.seen[due[0]] = self._now
            self._player.on_shown(due[1])

    def _arrive(self, until: float) -> None:
        while self._arrivals and self._arrivals[0][0] <= until:
            self._now, is_sound, number = self._arrivals.popleft()
            at = (self._sounds if is_sound else self._pictures)[number]
            captured_us = self._timeline.unwrap(round(at * 1e6), self._now)
            frame = EncodedFrame(Codec.OPUS if is_sound else Codec.JPEG, True, captured_us, b"", 0, 0)
            if is_sound:
                self._number_of[captured_us] = number
                self._player.put(frame)
            else:
                self._player.on_picture(frame)
                self._held.append((number, frame))

    def decode(self, frame: EncodedFrame) -> Sound:
        """As the decoder of the player, it knows what is to be heard now."""
        self.heard[self._number_of[frame.captured_at_us]] = self._now + self._speaker.ahead_s()
        return Sound(_NOTHING, frame.captured_at_us)

    # What came of it.

    def share_heard(self, start: float, stop: float) -> float:
        """Of what was said in that time."""
        wanted = {number for number, at in self._sounds.items() if start <= at < stop}
        return len(wanted & self.heard.keys()) / len(wanted)

    def longest_silence(self, start: float, stop: float) -> int:
        """Frames in a row that were not heard."""
        longest = current = 0
        for number, at in self._sounds.items():
            if start <= at < stop:
                current = 0 if number in self.heard else current + 1
                longest = max(longest, current)
        return longest

    def delays(self, start: float, stop: float) -> list[float]:
        """From the mouth to the ear."""
        return sorted(at - self._sounds[n] for n, at in self.heard.items() if start <= self._sounds[n] < stop)

    def offsets(self, start: float, stop: float) -> list[float]:
        """By how much each picture was behind the sound that was heard with it, sorted by size alone."""
        heard = sorted((at, self._sounds[number]) for number, at in self.heard.items())
        times = [at for at, _ in heard]
        found: list[float] = []
        for frame_id, seen_at in self.seen.items():
            place = bisect_right(times, seen_at) - 1
            if not start <= self._pictures[frame_id] < stop or place < 0:
                continue
            at, began_at = heard[place]
            if seen_at - at < SOUND_FRAME_S + _STILL_WITH_IT_S:
                found.append(began_at + seen_at - at - self._pictures[frame_id])
        return sorted(found, key=abs)
