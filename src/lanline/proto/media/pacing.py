"""When the packets of a frame leave: small frames at once, large ones in slices over half a frame interval.

A slice is what a path swallows at once without harm, and what one call of the kernel sends cheaply.
"""

from __future__ import annotations

import msgspec

SLICE_PACKETS = 16
_SHARE_OF_INTERVAL = 0.5


class Slice(msgspec.Struct, frozen=True, gc=False):
    start: int
    stop: int
    delay_s: float


def step_s(packets: int, frame_interval_s: float) -> float:
    """The time between two slices; none when there is one."""
    count = -(-packets // SLICE_PACKETS)
    return _SHARE_OF_INTERVAL * frame_interval_s / count if count > 1 else 0.0


def slices_of(packets: int, frame_interval_s: float) -> list[Slice]:
    count = max(1, -(-packets // SLICE_PACKETS))
    step = step_s(packets, frame_interval_s)
    return [Slice(packets * index // count, packets * (index + 1) // count, step * index) for index in range(count)]


def departures_us(slices: list[Slice], now_us: int) -> list[int]:
    """For each packet, when it leaves."""
    return [now_us + round(part.delay_s * 1e6) for part in slices for _ in range(part.start, part.stop)]
