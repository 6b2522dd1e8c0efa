"""Which packet numbers of a stream have been overtaken and are missing, since when, and how late such packets may be.

Only numbers that may be worth asking for are kept: data chunks of frames that are known, and whole gaps between frames.
Parity is not missed: each viewer is sent as much of it as its own loss calls for, and nobody asks for it.
What is too far behind is forgotten, so that no publisher makes this grow, whatever it claims.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum

import msgspec

from lanline.proto.media.packet import StreamPacket

_MOST_GAP = 4096
"""A jump that is longer is a new beginning: nothing before it could still be repaired."""
MOST_GAPS = 128
_MOST_NUMBERS = 3 * _MOST_GAP
"""So many are noted before those beyond reach are looked for: then there are far fewer again."""
_LEAST_WAIT_S = 0.002
_MOST_WAIT_S = 0.060
_LATENESS_MARGIN = 1.25
_FADING = 0.98
_MOST_ANSWERED = 256


class Arrival(Enum):
    IN_ORDER = "in order"
    LATE = "late"
    """Overtaken by others on its way."""
    REPAIR = "repair"
    """Asked for, and sent once more."""
    OTHER = "other"
    """There already, or given up, or parity that others overtook."""


class Gap(msgspec.Struct):
    """Numbers of frames of which nothing arrived: from `first` up to and without `end`."""

    first: int
    end: int
    frame_id: int
    """That of the first frame in it."""
    since: float


class Holes:
    def __init__(self) -> None:
        self.missing: dict[int, float] = {}
        """Number of a data chunk -> since when it was overtaken."""
        self.gaps: list[Gap] = []
        self.asked: dict[int, tuple[float, int]] = {}
        """Number -> when it was last asked for, and how often."""
        self.highest: int | None = None
        self._highest_frame: tuple[int, int, int] = (0, 0, 0)
        self._lateness_s = 0.0
        self._answered: OrderedDict[int, float] = OrderedDict()
        """Number of a packet that came after it was asked for -> how late it was."""
        self.round_trip_sample_s: float | None = None

    @property
    def wait_s(self) -> float:
        """How long an overtaken packet may still come by itself. Follows what the path has shown of reordering."""
        return min(_MOST_WAIT_S, max(_LEAST_WAIT_S, _LATENESS_MARGIN * self._lateness_s))

    def on_packet(self, number: int, packet: StreamPacket, now: float, *, round_trip_s: float) -> Arrival:
        first = number - packet.chunk_index
        data_end = first + packet.total_chunks
        if self.highest is not None and number < self.highest - _MOST_GAP:
            return Arrival.OTHER  # numbers never go back: somebody has kept it, and sends it again
        if self.highest is not None and number <= self.highest:
            return self._on_overtaken(number, first, data_end, packet, now, round_trip_s)
        if self.highest is None or number > self.highest + _MOST_GAP:
            self._forget_all()
            self.highest = first - 1
            self._highest_frame = (packet.frame_id - 1, first, first)
        self._on_next(number, first, data_end, packet, now)
        return Arrival.IN_ORDER

    def _on_next(self, number: int, first: int, data_end: int, packet: StreamPacket, now: float) -> None:
        assert self.highest is not None
        frame_id, highest_data_end, highest_end = self._highest_frame
        if packet.frame_id == frame_id:
            self._miss(self.highest + 1, min(number, data_end), now)
        else:
            self._miss(self.highest + 1, min(highest_data_end, first), now)
            if highest_end < first:
                self.gaps.append(Gap(highest_end, first, frame_id + 1, now))
            self._miss(first, min(number, data_end), now)
            self._lateness_s *= _FADING
        self.highest = number
        self._highest_frame = (packet.frame_id, data_end, data_end + packet.parity_chunks)
        self._keep_within_bounds()

    def note_end(self, end: int, frame_id: int, now: float) -> None:
        """Nothing follows for now on the frame that ends there: what is not here is missing."""
        if self.highest is None or not self.highest < end - 1 <= self.highest + _MOST_GAP:
            return
        highest_frame, data_end, highest_end = self._highest_frame
        self._miss(self.highest + 1, min(data_end, end), now)
        if highest_end < end:
            self.gaps.append(Gap(highest_end, end, highest_frame + 1, now))
        self.highest, self._highest_frame = end - 1, (frame_id, end, end)
        self._keep_within_bounds()

    def _miss(self, start: int, stop: int, since: float) -> None:
        for number in range(start, stop):
            self.missing[number] = since

    def _on_overtaken(
        self, number: int, first: int, data_end: int, packet: StreamPacket, now: float, round_trip_s: float
    ) -> Arrival:
        self._open_gap(number, first, data_end, data_end + packet.parity_chunks, packet.frame_id)
        since = self.missing.pop(number, None)
        asked = self.asked.pop(number, None)
        if since is None:
            self._on_second_copy(number)
            return Arrival.OTHER
        if asked is not None:
            self._note_answer(number, now - since)
        if asked is not None and now - asked[0] >= round_trip_s / 2:
            # Asked for twice, it is not known which of the two was answered.
            self.round_trip_sample_s = now - asked[0] if asked[1] == 1 else None
            return Arrival.REPAIR
        self._lateness_s = max(self._lateness_s, now - since)
        return Arrival.LATE

    def _note_answer(self, number: int, late_s: float) -> None:
        self._answered[number] = late_s
        if len(self._answered) > _MOST_ANSWERED:
            self._answered.popitem(last=False)

    def _on_second_copy(self, number: int) -> None:
        """What came first was not the repair but the packet itself: it was only late, and worth waiting for."""
        late_s = self._answered.pop(number, None)
        if late_s is not None:
            self._lateness_s = max(self._lateness_s, late_s)

    def _open_gap(self, number: int, first: int, data_end: int, end: int, frame_id: int) -> None:
        """A packet of a frame nothing was known of: now it is known which numbers it has."""
        for index, gap in enumerate(self.gaps):
            if gap.first <= number < gap.end:
                parts = [Gap(gap.first, first, gap.frame_id, gap.since), Gap(end, gap.end, frame_id + 1, gap.since)]
                self.gaps[index : index + 1] = [part for part in parts if part.first < part.end]
                self._miss(max(first, gap.first), min(data_end, gap.end), gap.since)
                self._keep_within_bounds()
                return

    def forget(self, first: int, end: int) -> None:
        """The frame with these numbers is complete, or given up."""
        for number in range(first, end):
            self.missing.pop(number, None)
            self.asked.pop(number, None)

    def forget_gap(self, gap: Gap) -> None:
        self.gaps.remove(gap)
        for number in range(gap.first, gap.end):
            self.asked.pop(number, None)

    def is_past(self, end_number: int) -> bool:
        """Whether something of a later frame than the one with this end has arrived."""
        return self.highest is not None and self.highest >= end_number

    @property
    def reach(self) -> int:
        """The oldest number that may still arrive: one further behind would be a new beginning."""
        return 0 if self.highest is None else self.highest - _MOST_GAP

    def _keep_within_bounds(self) -> None:
        if len(self.missing) <= _MOST_NUMBERS and len(self.asked) <= _MOST_NUMBERS:
            return
        reach = self.reach
        self.missing = {number: since for number, since in self.missing.items() if number >= reach}
        self.asked = {number: asked for number, asked in self.asked.items() if number >= reach}

    def begin_anew(self) -> None:
        """What was sent while nobody listened is not missing."""
        self.highest = None

    def _forget_all(self) -> None:
        self.missing.clear()
        self.gaps.clear()
        self.asked.clear()
