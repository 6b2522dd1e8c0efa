"""A publisher and its viewers in the simulated world: the two state machines of live video as nodes of it.

The link is left out: what is said on CONTROL is repeated until it is answered, and MEDIA may be lost like any packet.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from lanline.errors import MalformedPacket
from lanline.proto.media.assignment import KeyFrameNeeded, RungsWanted
from lanline.proto.media.frame import SOUND_FRAME_S, Frame
from lanline.proto.media.outgoingstream import StreamPlan
from lanline.proto.media.publisher import Publisher
from lanline.proto.media.viewer import FrameArrived, PictureStood, StreamOffered, Viewer
from lanline.testing.conditions import Conditions
from lanline.testing.network import SimNetwork
from lanline.testing.trace import Address
from lanline.testing.world import SimWorld
from lanline.wire.video import StreamCodec, Subscribe

SEEDS = int(os.environ.get("LANLINE_MEDIA_SEEDS", "1"))
"""Of each weather, and twice as many where all is drawn. `make sim` takes more."""
PUBLISHER: Address = ("publisher", 6000)
_MESSAGE = b"\x01"
_SUBSCRIBE_AGAIN_S = 0.2
KEY_EVERY_FRAMES = 300
OPUS = StreamPlan(StreamCodec.OPUS, bits_per_s=96_000)
SOUND = -1
"""In place of a rung."""


def content(frame_id: int, rung: int, size_bytes: int) -> bytes:
    """What nobody can mistake for another frame."""
    block = hashlib.blake2b(f"{frame_id} {rung}".encode()).digest()
    return (block * (size_bytes // len(block) + 1))[:size_bytes]


class PublisherNode:
    """Encodes a frame for each rung that is wanted, at each tick, and sound beside it where that is planned."""

    def __init__(
        self,
        publisher: Publisher,
        plans: Sequence[StreamPlan],
        fps: float,
        rng: random.Random,
        audio: StreamPlan | None = None,
    ) -> None:
        self.publisher = publisher
        self.captured: dict[int, float] = {}
        self.sent_bytes: Counter[Address] = Counter()
        self.encoded: Counter[int] = Counter()
        self._plans = plans
        self._fps = fps
        self._random = rng
        self._next_frame_at = 0.0
        self._audio = audio
        self.sounds: dict[int, float] = {}
        """When each frame of sound began; it leaves when it is over."""
        self._next_sound_at = SOUND_FRAME_S if audio is not None else float("inf")
        self._key_wanted: set[int] = set()
        self._since_key: Counter[int] = Counter()
        self._out: list[tuple[bytes, Address]] = []
        self._wanted: frozenset[int] = frozenset()
        self.is_still = False
        """The picture does not change any more: it is encoded once for each rung, and for who asks."""
        self._stands: set[int] = set()

    def receive_datagram(self, data: bytes, address: Address, now: float) -> None:
        if data[:1] == _MESSAGE:
            self.publisher.receive_message(address, data[1:], now)

    def handle_timer(self, now: float) -> None:
        self.publisher.handle_timer(now)
        if now >= self._next_sound_at:
            self._sound(now)
        if now >= self._next_frame_at:
            self._picture(now)

    def _sound(self, now: float) -> None:
        assert self._audio is not None
        number, began_at = len(self.sounds), now - SOUND_FRAME_S
        self.sounds[number] = began_at
        self._next_sound_at += SOUND_FRAME_S
        size = int(self._audio.bits_per_s / 8 * SOUND_FRAME_S * self._random.uniform(0.7, 1.3))
        payload = content(number, SOUND, size)
        self.publisher.publish_audio(Frame(number, StreamCodec.OPUS, True, round(began_at * 1e6), payload), now)

    def _picture(self, now: float) -> None:
        frame_id = len(self.captured)
        self.captured[frame_id] = now
        self._next_frame_at += 1.0 / self._fps
        if not self.is_still:
            self._stands.clear()
        for rung in sorted(self._wanted):
            if frame_id % self._plans[rung % len(self._plans)].every and rung not in self._key_wanted:
                continue
            if rung in self._stands and rung not in self._key_wanted:
                self.publisher.stand(rung, int(now * 1e6), now)
                continue
            if self.is_still:
                self._stands.add(rung)
            self._encode(rung, frame_id, now)

    def _encode(self, rung: int, frame_id: int, now: float) -> None:
        plan = self._plans[rung % len(self._plans)]
        is_intra = plan.codec.is_intra_only
        is_key = is_intra or rung in self._key_wanted or self._since_key[rung] % KEY_EVERY_FRAMES == 0
        self._key_wanted.discard(rung)
        self._since_key[rung] = 1 if is_key else self._since_key[rung] + 1
        factor = self._random.uniform(0.85, 1.15) * (3 if is_key and not is_intra else 1)
        size = max(40, int(plan.bits_per_s / 8 / self._fps * plan.every * factor))
        self.encoded[rung] += 1
        payload = content(frame_id, rung % len(self._plans), size)
        frame = Frame(frame_id, plan.codec, is_key, int(now * 1e6), payload, rung)
        self.publisher.publish(frame, now)

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, Address]]:
        out: list[tuple[bytes, Address]] = []
        for viewer, _, payload in self.publisher.messages_to_send():
            out.append((_MESSAGE + payload, viewer))  # type: ignore[arg-type]
        for packets, viewers in self.publisher.bursts_to_send(now):
            for viewer in viewers:
                out += [(packet, viewer) for packet in packets]  # type: ignore[misc]
        for data, address in out:
            self.sent_bytes[address] += len(data)
        return out

    def next_event(self) -> Any:
        event = self.publisher.next_event()
        if isinstance(event, RungsWanted):
            for rung in event.rungs - self._wanted:
                self._since_key[rung] = 0
            self._stands &= event.rungs
            self._wanted = event.rungs
        elif isinstance(event, KeyFrameNeeded):
            self._key_wanted.add(event.rung)
        return event

    def next_deadline(self) -> float:
        deadline = self.publisher.next_deadline()
        tick = min(self._next_frame_at, self._next_sound_at)
        return tick if deadline is None else min(deadline, tick)


class ViewerNode:
    def __init__(self, viewer: Viewer, clock_offset_s: float = 0.0) -> None:
        self.viewer = viewer
        self.offset_s = clock_offset_s
        self.shown: list[tuple[int, int, float]] = []
        self.heard: list[tuple[int, float]] = []
        """Frames of sound as they were handed on: out of order, and before their time."""
        self.damaged: list[int] = []
        self.keys: list[float] = []
        self.stood_at: list[float] = []
        self._subscribe_at: float | None = 0.0

    def receive_datagram(self, data: bytes, address: Address, now: float) -> None:
        local = now + self.offset_s
        if data[:1] != _MESSAGE:
            self.viewer.receive_packet(data, local)
            return
        try:
            self.viewer.receive_message(data[1:], local)
        except MalformedPacket:
            return

    def handle_timer(self, now: float) -> None:
        if self._subscribe_at is not None and now >= self._subscribe_at:
            self._subscribe_at = now + _SUBSCRIBE_AGAIN_S
            self.viewer.subscribe(now + self.offset_s)
        self.viewer.handle_timer(now + self.offset_s)

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, Address]]:
        return [(_MESSAGE + payload, PUBLISHER) for _, payload in self.viewer.messages_to_send()]

    def next_event(self) -> Any:
        event = self.viewer.next_event()
        if isinstance(event, StreamOffered):
            self._subscribe_at = None
        return event

    def on_event(self, event: Any, now: float) -> None:
        if isinstance(event, PictureStood):
            self.stood_at.append(now)
        if isinstance(event, FrameArrived):
            frame = event.frame
            rung = SOUND if frame.codec is StreamCodec.OPUS else frame.rung
            if rung == SOUND:
                self.heard.append((frame.frame_id, now))
            else:
                self.shown.append((frame.frame_id, rung, now))
                self.keys += [now] if frame.is_key else []
            if frame.payload != content(frame.frame_id, rung, len(frame.payload)):
                self.damaged.append(frame.frame_id)

    def next_deadline(self) -> float | None:
        deadline = self.viewer.next_deadline()
        # A clock far from zero rounds: woken a little too early, it would be asked again in the same instant.
        local = None if deadline is None else deadline - self.offset_s + 1e-9 * (1.0 + self.offset_s)
        times = [at for at in (local, self._subscribe_at) if at is not None]
        return min(times, default=None)


class Broadcast:
    def __init__(
        self,
        seed: int,
        conditions: Conditions,
        *,
        plans: Sequence[StreamPlan] = (StreamPlan(StreamCodec.JPEG, 1280, 720, 2_500_000),),
        fps: float = 30.0,
        audio: StreamPlan | None = None,
        viewers: int = 1,
        wants: Subscribe | None = None,
        repairs: bool = True,
    ) -> None:
        rng = random.Random(f"{seed}|broadcast")
        self.network = SimNetwork(seed, conditions)
        self.world = SimWorld(self.network)
        core = Publisher(plans, fps=fps, entropy=rng.randbytes, audio=audio)
        self.publisher = PublisherNode(core, plans, fps, rng, audio)
        self.world.add("publisher", self.publisher, PUBLISHER)
        self._rng = rng
        self.viewers: list[ViewerNode] = []
        for _ in range(viewers):
            self.add_viewer(wants, repairs=repairs)

    def add_viewer(self, wants: Subscribe | None = None, *, repairs: bool = True) -> ViewerNode:
        number = len(self.viewers)
        node = ViewerNode(Viewer(wants, repairs=repairs), self._rng.uniform(0.0, 1e5))
        self.viewers.append(node)
        self.world.add(f"viewer {number}", node, (f"viewer{number}", 1), node.on_event)
        return node

    def run(self, duration_s: float) -> None:
        self.world.run_for(duration_s)

    # What a person at the first viewer would have seen.

    def share_shown(self, start: float, stop: float, viewer: int = 0) -> float:
        wanted = {frame_id for frame_id, at in self.publisher.captured.items() if start <= at < stop}
        return len(wanted & {frame_id for frame_id, _, _ in self.viewers[viewer].shown}) / len(wanted)

    def latencies(self, start: float, stop: float, viewer: int = 0) -> list[float]:
        captured = self.publisher.captured
        return sorted(
            at - captured[frame_id]
            for frame_id, _, at in self.viewers[viewer].shown
            if start <= captured[frame_id] < stop
        )

    def longest_freeze(self, start: float, stop: float, viewer: int = 0) -> float:
        times = [at for _, _, at in self.viewers[viewer].shown if start <= at < stop]
        edges = [start, *times, stop]
        return max(later - earlier for earlier, later in pairwise(edges))

    def rungs_shown(self, start: float, stop: float, viewer: int = 0) -> list[tuple[float, int]]:
        """Each change of rung, as it was seen."""
        changes: list[tuple[float, int]] = []
        for _, rung, at in self.viewers[viewer].shown:
            if start <= at < stop and (not changes or changes[-1][1] != rung):
                changes.append((at, rung))
        return changes


def percentile(ordered: list[float], share: float) -> float:
    return ordered[int(share * (len(ordered) - 1))]
