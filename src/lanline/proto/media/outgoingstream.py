"""One stream of a publisher, a rung or the sound: cuts, seals once, remembers what was sent for repairs."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from lanline.crypto.streams import SEALED_OVERHEAD_BYTES, StreamSealer
from lanline.proto.media.frame import Frame
from lanline.proto.media.pacing import Pacing, Slice, departures_us, expected_packets, repeated_later
from lanline.proto.media.packetiser import Packetiser
from lanline.wire.video import Still, StreamCodec, StreamOffer

_REMEMBERED_PACKETS = 2048
_REMEMBERED_BYTES = 4 * 1024 * 1024
_AVERAGED_S = 1.0
_STILL_TOLD_EVERY_S = 0.25
_ON_ITS_WAY_S = 0.05
"""What left so lately may still be overtaken by a message."""


class StreamPlan(msgspec.Struct, frozen=True):
    """What a stream will be. `bits_per_s` is what it will take, until it is known by measuring."""

    codec: StreamCodec
    width: int = 0
    height: int = 0
    bits_per_s: int = 0
    every: int = 1
    """Of so many pictures of the source it has one: fewer where the smallest size is too much."""


class SealedFrame(msgspec.Struct, frozen=True, gc=False):
    """Data packets first, then parity: a viewer is sent as long a beginning of it as its loss calls for."""

    packets: list[bytes]
    total_chunks: int
    slices: list[Slice]


class OutgoingStream:
    def __init__(self, plan: StreamPlan, fps: float, stream_id: bytes, secret: bytes, mtu_bytes: int) -> None:
        """`fps` is that of the stream itself."""
        self.plan = plan
        self.fps = fps
        self.bits_per_s = float(plan.bits_per_s)
        self._sealer = StreamSealer(stream_id, secret)
        self._packetiser = Packetiser(mtu_bytes - SEALED_OVERHEAD_BYTES)
        self._pacing = Pacing(expected_packets(plan.bits_per_s, fps), is_thin=plan.every > 1)
        self._sent: dict[int, tuple[float, bytes]] = {}
        """Number -> when the packet leaves for the first time, and the packet."""
        self._sent_bytes = 0
        self._last_frame_at: float | None = None
        self._last_frame_id = 0
        self._still_due_at = 0.0
        """When its viewers may be told that the last frame still stands."""
        self.largest: SealedFrame | None = None
        """Since the last key frame, which each viewer of the stream was sent."""

    @property
    def stream_id(self) -> bytes:
        return self._sealer.stream_id

    @property
    def epoch(self) -> int:
        return self._sealer.epoch

    def offer(self) -> StreamOffer:
        plan, sealer = self.plan, self._sealer
        return StreamOffer(
            sealer.stream_id, sealer.secret, sealer.epoch, plan.codec, plan.width, plan.height, round(self.bits_per_s)
        )

    def chunks_of(self, frame: Frame) -> int:
        return self._packetiser.chunks_of(len(frame.payload))

    def seal(self, frame: Frame, parity_chunks: int, now: float, *, is_calm: bool) -> SealedFrame:
        total = self.chunks_of(frame)
        frame_interval_s = 1.0 / self.fps
        if self.plan.codec is StreamCodec.OPUS:
            slices = repeated_later(total, parity_chunks, now)
        else:
            slices = self._pacing.slices_of(total + parity_chunks, frame_interval_s, now, is_calm=is_calm)
        first_number = self._sealer.next_number
        packets = self._sealer.seal(self._packetiser.packetise(frame, parity_chunks, departures_us(slices)))
        self._remember(first_number, packets, slices)
        self._measure(sum(map(len, packets[:total])), now, frame_interval_s)
        sealed = SealedFrame(packets, total, slices)
        if self.largest is None or frame.is_key or total > self.largest.total_chunks:
            self.largest = sealed
        self._last_frame_id, self._still_due_at = frame.frame_id, slices[-1].leaves_at + _ON_ITS_WAY_S
        return sealed

    def still(self, captured_at_us: int, now: float) -> Still | None:
        """What to tell its viewers while there is no other frame; None when they were told a moment ago."""
        if self._last_frame_at is None or now < self._still_due_at:
            return None
        self._still_due_at = now + _STILL_TOLD_EVERY_S
        sealer, bits = self._sealer, 0xFFFFFFFF
        return Still(sealer.stream_id, self._last_frame_id & bits, sealer.next_number, captured_at_us & bits)

    def _remember(self, first_number: int, packets: list[bytes], slices: list[Slice]) -> None:
        sent = self._sent
        for part in slices:
            for index in range(part.start, part.stop):
                sent[first_number + index] = part.leaves_at, packets[index]
                self._sent_bytes += len(packets[index])
        while len(sent) > _REMEMBERED_PACKETS or self._sent_bytes > _REMEMBERED_BYTES:
            self._sent_bytes -= len(sent.pop(next(iter(sent)))[1])

    def _measure(self, size_bytes: int, now: float, frame_interval_s: float) -> None:
        """A smoothed rate over about a second. A pause is no slow frame."""
        last, self._last_frame_at = self._last_frame_at, now
        elapsed = frame_interval_s if last is None else min(now - last, 4 * frame_interval_s)
        if elapsed <= 0:
            return
        rate = size_bytes * 8 / elapsed
        self.bits_per_s += (rate - self.bits_per_s) * min(1.0, elapsed / _AVERAGED_S)

    def sent_again(self, numbers: Iterable[int], now: float) -> list[bytes]:
        """The same sealed bytes: a number stands for one content, for ever. What has not left yet will come by itself;
        it carries the time at which it is to leave, and would be taken for quicker than anything is.
        """
        known = (self._sent[number] for number in numbers if number in self._sent)
        return [packet for leaves_at, packet in known if leaves_at <= now]
