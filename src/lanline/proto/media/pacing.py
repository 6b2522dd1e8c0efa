"""When the packets of a frame leave: small frames at once, large ones in slices over half a frame interval.

A slice is what a path swallows at once without harm, and what one call of the kernel sends cheaply. A frame that is
larger than usual, as key frames are, takes longer in proportion: the path never sees more than twice the usual rate.
"""

from __future__ import annotations

import msgspec

SLICE_PACKETS = 16
CALM_SLICE_PACKETS = 32
"""Where nobody has lost anything of late."""
THIN_SLICE_PACKETS = 2
"""On a link that is too slow for more than a thin rung, where a whole frame at once is more than its queue holds."""
_SHARE_OF_INTERVAL = 0.5
_LONGEST_INTERVALS = 3.0
_AVERAGED_FRAMES = 30
_SOUND_REPEATED_S = 0.015
"""Before the next frame, so that packets leave in the order of their numbers."""

_PACKET_BYTES = 1100


def expected_packets(bits_per_s: float, fps: float) -> float:
    """Of a frame, before any was seen."""
    return bits_per_s / 8 / fps / _PACKET_BYTES


class UsualSize:
    """In packets, parity among them. Both ends keep it: the viewer, to know how long a frame may be under way."""

    __slots__ = ("_packets",)

    def __init__(self, expected_packets: float) -> None:
        self._packets = expected_packets

    def on_frame(self, packets: int) -> None:
        self._packets += (packets - self._packets) / _AVERAGED_FRAMES

    def step_s(self, packets: int, frame_interval_s: float, slice_packets: int = SLICE_PACKETS) -> float:
        """The time between two slices of a frame; none when there is one."""
        count = -(-packets // slice_packets)
        if count <= 1:
            return 0.0
        times_usual = packets / max(1.0, self._packets)
        intervals = min(_LONGEST_INTERVALS, _SHARE_OF_INTERVAL * max(1.0, times_usual))
        return intervals * frame_interval_s / count


class Slice(msgspec.Struct, frozen=True, gc=False):
    start: int
    stop: int
    leaves_at: float


class Pacing:
    """Of one stream. Frames leave in order: the next one waits until the last slice of a large one is out."""

    def __init__(self, expected_packets: float, *, is_thin: bool = False) -> None:
        self._usual = UsualSize(expected_packets)
        self._is_thin = is_thin
        self._free_at = 0.0

    def slices_of(self, packets: int, frame_interval_s: float, now: float, *, is_calm: bool = False) -> list[Slice]:
        slice_packets = THIN_SLICE_PACKETS if self._is_thin else CALM_SLICE_PACKETS if is_calm else SLICE_PACKETS
        count = max(1, -(-packets // slice_packets))
        step = self._usual.step_s(packets, frame_interval_s, slice_packets)
        begin = max(now, self._free_at)
        self._usual.on_frame(packets)
        self._free_at = begin + step * (count - 1)
        return [
            Slice(packets * index // count, packets * (index + 1) // count, begin + step * index)
            for index in range(count)
        ]


def repeated_later(total_chunks: int, parity_chunks: int, now: float) -> list[Slice]:
    """Sound: its parity, a copy of its one chunk, leaves after a pause that a burst of losses does not last."""
    slices = [Slice(0, total_chunks, now), Slice(total_chunks, total_chunks + parity_chunks, now + _SOUND_REPEATED_S)]
    return slices if parity_chunks else slices[:1]


def departures_us(slices: list[Slice]) -> list[int]:
    """For each packet, when it leaves."""
    return [round(part.leaves_at * 1e6) for part in slices for _ in range(part.start, part.stop)]
