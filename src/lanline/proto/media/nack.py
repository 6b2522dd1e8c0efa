"""Which packets to ask for now: exactly as many as are wanted to complete a frame, and only while a repair can be in
time. Parity that is still on its way is waited for, because it costs nobody a round trip.
"""

from __future__ import annotations

import math
from collections import deque

from lanline.proto.media.fec import block_count
from lanline.proto.media.holes import Gap, Holes
from lanline.proto.media.pacing import UsualSize
from lanline.proto.media.reassembler import ClosedFrame, OpenFrame

_RETRY_AFTER_ROUND_TRIPS = 1.25
_RETRY_MARGIN_S = 0.003
_FRAMES_REMEMBERED = 8
_FADING = 0.95
_MOST_SPACING_S = 0.050
_VAIN_TRIES = 2


class NackPlanner:
    def __init__(self, holes: Holes, frame_interval_s: float, usual: UsualSize) -> None:
        self._holes = holes
        self._frame_interval_s = frame_interval_s
        self._usual = usual
        self._parity_shares: deque[float] = deque([0.0], maxlen=_FRAMES_REMEMBERED)
        self._spacing_s = 0.0
        self._next_look = math.inf
        self.is_again = False
        """Whether something of what is to be asked for was asked for several times, in vain."""

    def on_spacing(self, spacing_s: float) -> None:
        """The time between two packets of one frame that came one after the other: pacing, and the line's own rate."""
        self._spacing_s = max(self._spacing_s * _FADING, min(_MOST_SPACING_S, spacing_s))

    def on_closed(self, closed: ClosedFrame) -> None:
        """How large frames are, and how much parity this viewer is sent, judged by what came."""
        self._usual.on_frame(closed.total_chunks + closed.parity_received)
        self._parity_shares.append(closed.parity_received / closed.total_chunks)

    @property
    def next_look(self) -> float:
        """When `plan` may have something new to ask for, if nothing arrives before."""
        return self._next_look

    def plan(
        self, frames: list[tuple[OpenFrame, float]], gaps: list[tuple[Gap, float]], now: float, rtt: float
    ) -> list[int]:
        """Frames and gaps come with their deadlines. Returns numbers to ask for, and notes that they are asked for."""
        self._next_look = math.inf
        numbers: list[int] = []
        for gap, deadline in gaps:
            if now + rtt <= deadline:
                numbers += self._of_gap(gap, now, rtt)
        for partial, deadline in frames:
            if now + rtt <= deadline and partial.end_number > self._holes.reach:
                numbers += self._of_frame(partial, now, rtt)
        self.is_again = any(self._holes.asked.get(number, (0.0, 0))[1] >= _VAIN_TRIES for number in numbers)
        for number in numbers:
            _, tries = self._holes.asked.get(number, (0.0, 0))
            self._holes.asked[number] = (now, tries + 1)
        return numbers

    def _of_gap(self, gap: Gap, now: float, rtt: float) -> list[int]:
        """How much of it is parity is not known; as much as there was of late is taken off."""
        if not self._is_due(gap.since + self._holes.wait_s, now):
            return []
        size = gap.end - gap.first
        data = math.ceil(size / (1.0 + self._parity_shares[-1]))
        return [number for number in range(gap.first, gap.first + data) if not self._is_asked(number, now, rtt)]

    def _of_frame(self, partial: OpenFrame, now: float, rtt: float) -> list[int]:
        tail_due = partial.last_arrival + self._holes.wait_s + self._longest_pause_s(partial)
        is_over = self._is_due(tail_due, now) or self._holes.is_past(partial.end_number)
        if now < tail_due and not self._holes.missing:
            return []  # as with most packets: all that was sent before it is here
        total, reach, wait_s = partial.head.total_chunks, self._holes.reach, self._holes.wait_s
        wanted, blocks = list(partial.wanted), block_count(total)
        due: list[list[int]] = [[] for _ in wanted]
        missing = self._holes.missing.get
        for index in partial.missing_indexes():
            number, block = partial.first_number + index, index % blocks
            since = missing(number)
            is_missing = since is not None and number >= reach and self._is_due(since + wait_s, now)
            if (is_missing or (now >= tail_due and number >= reach)) and not self._is_asked(number, now, rtt):
                due[block].append(number)
            else:
                # It is on its way, by itself or as a repair, or nothing can bring it any more.
                wanted[block] -= 1
        parity_to_come = 0 if is_over else self._parity_to_come(partial)
        return [
            number for block, numbers in enumerate(due) for number in numbers[: max(0, wanted[block] - parity_to_come)]
        ]

    def _longest_pause_s(self, partial: OpenFrame) -> float:
        """Between two packets of this frame: the line's own, or that between two slices of a paced frame."""
        packets = partial.head.total_chunks + partial.head.parity_chunks
        return max(2 * self._spacing_s, self._usual.step_s(packets, self._frame_interval_s))

    def _parity_to_come(self, partial: OpenFrame) -> int:
        """For each block."""
        total = partial.head.total_chunks
        sent = min(partial.head.parity_chunks, round(max(self._parity_shares) * total))
        seen = max(0, partial.highest_index + 1 - total)
        return max(0, sent - seen) // block_count(total)

    def _is_asked(self, number: int, now: float, rtt: float) -> bool:
        asked = self._holes.asked.get(number)
        if asked is None:
            return False
        return not self._is_due(asked[0] + _RETRY_AFTER_ROUND_TRIPS * rtt + _RETRY_MARGIN_S + self._holes.wait_s, now)

    def _is_due(self, at: float, now: float) -> bool:
        if now >= at:
            return True
        self._next_look = min(self._next_look, at)
        return False
