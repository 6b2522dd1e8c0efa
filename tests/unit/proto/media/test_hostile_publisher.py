"""A publisher that means harm: what it sends opens and decodes, and still the memory of its viewers does not grow."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lanline.crypto.sealing import SECRET_BYTES, Sealer
from lanline.proto.media.packet import MOST_CHUNKS, StreamPacket, encode_stream_packet
from lanline.proto.media.reassembler import ClosedFrame
from lanline.proto.media.reports import LossLedger
from lanline.proto.media.viewer import FrameArrived, Viewer
from lanline.wire.video import Offer, StreamCodec, StreamOffer, encode_video

STREAM_ID = b"\x80harmful"
SECRET = bytes(SECRET_BYTES)
APART_S = 30e-6
"""No network is that quick: nothing is given up for its age meanwhile."""

Harm = Callable[[int], tuple[int, StreamPacket]]
"""The how-manieth packet -> its number, and what is in it."""


def packet(frame_id: int, total: int, index: int) -> StreamPacket:
    return StreamPacket(frame_id, 0, 0, StreamCodec.JPEG, True, 0, total, 0, index, total, b"x")


def huge_frames(count: int) -> tuple[int, StreamPacket]:
    """Of each frame one chunk of thousands."""
    return MOST_CHUNKS * count, packet(count, MOST_CHUNKS, 0)


def huge_frames_under_old_names(count: int) -> tuple[int, StreamPacket]:
    """Frames that are over already seem to go on, each time under thousands of new numbers."""
    return MOST_CHUNKS * (count + 1) - 1, packet(count % 40, MOST_CHUNKS, MOST_CHUNKS - 1)


def leaping_numbers(count: int) -> tuple[int, StreamPacket]:
    """Between any two frames thousands of packets are missing."""
    return MOST_CHUNKS * count, packet(count, 1, 0)


def every_other_number(count: int) -> tuple[int, StreamPacket]:
    return 2 * count, packet(2 * count, 1, 0)


def tiny_frames(count: int) -> tuple[int, StreamPacket]:
    """All of them whole."""
    return count, packet(count, 1, 0)


def gaps_that_become_frames(count: int) -> tuple[int, StreamPacket]:
    """Of what is missing between two packets one is overtaken, and tells that all of it is of one frame."""
    step, is_overtaken = divmod(count, 2)
    end = MOST_CHUNKS * (step + 1) - step
    if is_overtaken:
        return end - 1, packet(2 * step, MOST_CHUNKS - 2, MOST_CHUNKS - 3)
    return end, packet(2 * step + 1, 1, 0)


class Victim:
    """A viewer whose timers ring in time, and whose answers are sent."""

    def __init__(self) -> None:
        self.viewer = Viewer()
        self.viewer.subscribe(0.0)
        rung = StreamOffer(STREAM_ID, SECRET, 0, StreamCodec.JPEG)
        self.viewer.receive_message(encode_video(Offer(30.0, [rung])), 0.02)
        self._sealer = Sealer(AESGCM, SECRET)
        self.now = 1.0
        self.shown: list[int] = []

    def suffer(self, harm: Harm, packets: int, first: int = 0, apart_s: float = APART_S) -> None:
        for count in range(first, first + packets):
            number, chunk = harm(count)
            self.now += apart_s
            self.viewer.receive_packet(self._sealer.seal(STREAM_ID, number, encode_stream_packet(chunk)), self.now)
            self.drain()

    def drain(self) -> None:
        deadline = self.viewer.next_deadline()
        if deadline is not None and deadline <= self.now:
            self.viewer.handle_timer(self.now)
        self.viewer.messages_to_send()
        while (event := self.viewer.next_event()) is not None:
            if isinstance(event, FrameArrived):
                self.shown.append(event.frame.frame_id)


HARMS = [
    (huge_frames, 33, 2_000_000),
    (huge_frames_under_old_names, 33, 2_000_000),
    (leaping_numbers, 60, 500_000),
    (every_other_number, 400, 120_000),
    (tiny_frames, 1000, 150_000),
]


@pytest.mark.parametrize(("harm", "packets", "most_bytes"), HARMS)
def test_the_memory_of_a_viewer_does_not_grow_with_the_rate_of_a_publisher(
    harm: Harm, packets: int, most_bytes: int
) -> None:
    victim = Victim()
    tracemalloc.start()
    try:
        victim.suffer(harm, packets)
        before_bytes, _ = tracemalloc.get_traced_memory()
        victim.suffer(harm, packets, first=packets)
        after_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after_bytes - before_bytes < most_bytes


def test_no_more_packets_are_missed_than_docs_protocol_media_says() -> None:
    victim = Victim()
    most = 0
    for count in range(80):
        victim.suffer(gaps_that_become_frames, 1, first=count)
        (stream,) = victim.viewer._streams.values()
        most = max(most, len(stream._holes.missing))
    assert MOST_CHUNKS < most <= 12_288


def test_of_frames_for_which_there_is_no_room_nothing_is_left_out_of_the_report() -> None:
    ledger = LossLedger()
    for frame in range(1000):
        ledger.on_closed(ClosedFrame(False, 100 * frame, 100, 0, list(range(100 * frame, 100 * frame + 30))), 0.0)
    chunks, before, after = (sum(counts) for counts in zip(ledger.settle(0.0), ledger.settle(1.0), strict=True))
    assert (chunks, before, after) == (100_000, 30_000, 30_000)


def test_after_the_harm_an_ordinary_stream_is_shown() -> None:
    victim = Victim()
    victim.suffer(leaping_numbers, 50)
    beginning = 50 * MOST_CHUNKS
    victim.suffer(lambda count: (beginning + count, packet(50 + count // 3, 3, count % 3)), 90, apart_s=0.01)
    assert victim.shown[-20:] == list(range(60, 80))
