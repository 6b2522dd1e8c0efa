"""One stream as a viewer receives it: opens packets, puts frames together, finds what is missing and asks for it."""

from __future__ import annotations

import math
from typing import NamedTuple

from lanline.crypto.streams import StreamOpener
from lanline.errors import MalformedPacket
from lanline.proto.media.frame import ReceivedFrame
from lanline.proto.media.holes import MOST_GAPS, Arrival, Gap, Holes
from lanline.proto.media.nack import NackPlanner
from lanline.proto.media.pacing import UsualSize, expected_packets
from lanline.proto.media.packet import StreamPacket, decode_stream_packet
from lanline.proto.media.reassembler import ClosedFrame, OpenFrame, Reassembler
from lanline.proto.media.reports import LossLedger
from lanline.proto.media.transit import TransitTimes
from lanline.wire.video import StreamOffer

_STILL_ASKED_FOR_S = 1.0


class Turns:
    """Which rung brought the newest frame. One that takes over from another has not lost what it sent meanwhile."""

    def __init__(self) -> None:
        self.newest_frame_id = -1
        self._stream_id = b""

    def begins_anew(self, stream_id: bytes, frame_id: int) -> bool:
        if frame_id < self.newest_frame_id:
            return False
        took_over = stream_id != self._stream_id
        self.newest_frame_id, self._stream_id = frame_id, stream_id
        return took_over


class Awaited(NamedTuple):
    """What may still become complete, each with its deadline; found once for all that is decided at one time."""

    frames: list[tuple[OpenFrame, float]]
    gaps: list[tuple[Gap, float]]

    @property
    def oldest_id(self) -> float:
        """That of the oldest frame of it; infinity when nothing is missing."""
        frames, gaps = self
        return min(
            [*(partial.head.frame_id for partial, _ in frames), *(gap.frame_id for gap, _ in gaps)], default=math.inf
        )


class IncomingStream:
    def __init__(self, offer: StreamOffer, fps: float, transit: TransitTimes, ledger: LossLedger, turns: Turns) -> None:
        self.offer = offer
        self._is_intra_only = offer.codec.is_intra_only
        self._opener = StreamOpener(offer.secret, offer.epoch)
        self._transit = transit
        self._ledger = ledger
        self._turns = turns
        self._reassembler = Reassembler(offer.stream_id)
        self._holes = Holes()
        self._planner = NackPlanner(self._holes, 1.0 / fps, UsualSize(expected_packets(offer.bits_per_s, fps)))
        self._newest_frame_id = -1
        self.is_repeat = False
        """Whether the latest packet was of a frame that was done with."""
        self._previous: tuple[int, int, float] = (-1, -1, 0.0)
        self._still_end = -1
        """The number after the newest frame, while no other follows."""
        self._still_heard_at = 0.0

    def renew(self, offer: StreamOffer) -> None:
        """The same stream in a later epoch."""
        if offer.epoch > self.offer.epoch:
            self.offer, self._is_intra_only = offer, offer.codec.is_intra_only
            self._opener = StreamOpener(offer.secret, offer.epoch)

    def receive(self, data: bytes, now: float, round_trip_s: float) -> tuple[ReceivedFrame | None, float | None]:
        """A frame that is complete now, and how much slower than the quickest the packet was, where that says
        something. Raises MalformedPacket.
        """
        number, payload = self._opener.open(data)
        packet = decode_stream_packet(payload)
        if packet.codec is not self.offer.codec or number < packet.chunk_index:
            raise MalformedPacket("a stream packet is not of its stream")
        if packet.frame_id > self._newest_frame_id:
            self._newest_frame_id = packet.frame_id
            if self._turns.begins_anew(self.offer.stream_id, packet.frame_id):
                self._holes.begin_anew()
        arrival = self._holes.on_packet(number, packet, now, round_trip_s=round_trip_s)
        excess_s = self._learn(number, packet, arrival, now)
        received = self._reassembler.receive(number, packet, now)
        self._settle_closed(now)
        return received, excess_s

    def note_end(self, frame_id: int, end_number: int, now: float) -> None:
        """No frame follows on this one for now."""
        self._holes.note_end(end_number, frame_id, now)
        self._still_end, self._still_heard_at = end_number, now

    def _learn(self, number: int, packet: StreamPacket, arrival: Arrival, now: float) -> float | None:
        if arrival is Arrival.REPAIR:
            self._ledger.on_repair(number)
            return None
        self.is_repeat = arrival is Arrival.OTHER and self._reassembler.is_closed(packet.frame_id)
        if arrival is Arrival.OTHER:
            self._ledger.on_straggler(number)
            return None
        previous_number, frame_id, at = self._previous
        if number == previous_number + 1 and packet.frame_id == frame_id:
            self._planner.on_spacing(now - at)
        self._previous = (number, packet.frame_id, now)
        return self._transit.measure(packet.sent_at_us, now)

    def _settle_closed(self, now: float) -> None:
        for closed in self._reassembler.take_closed():
            self._holes.forget(closed.first_number, closed.first_number + closed.total_chunks)
            self._planner.on_closed(closed)
            self._ledger.on_closed(closed, now)

    def take_round_trip_sample(self) -> float | None:
        sample, self._holes.round_trip_sample_s = self._holes.round_trip_sample_s, None
        return sample

    # What is not complete.

    @property
    def awaits_something(self) -> bool:
        """Most rungs of a broadcast stand still: only those that do not have deadlines, and something to ask for."""
        return bool(self._reassembler.open_frames or self._holes.gaps)

    def awaited(self, patience_s: float) -> Awaited:
        frames, still_end = [], self._still_end
        for _, partial in sorted(self._reassembler.open_frames.items()):
            begun_at = self._expected_at(partial)
            if partial.end_number == still_end:
                begun_at = self._begun_when_still(begun_at)
            frames.append((partial, begun_at + patience_s))
        gaps = [
            (gap, (self._begun_when_still(gap.since) if gap.end == still_end else gap.since) + patience_s)
            for gap in self._holes.gaps
        ]
        return Awaited(frames, gaps)

    def _begun_when_still(self, begun_at: float) -> float:
        """The newest frame, on which no other follows, is worth asking for longer: as long as that is said."""
        stands = self._still_heard_at - begun_at < _STILL_ASKED_FOR_S
        return max(begun_at, self._still_heard_at) if stands else begun_at

    def _expected_at(self, partial: OpenFrame) -> float:
        """When it would have been here, had no queue been on the way. What later frames depend on is given the time of
        the queue besides: a repair of it is sooner here than the key frame that would have to stand in.
        """
        if self._is_intra_only:
            return self._transit.quickest_arrival(partial.head.sent_at_us)
        return partial.first_arrival

    def give_up_late(self, patience_s: float, shown_id: int, now: float) -> Awaited:
        """What is past its deadline, or older than what is shown already, will not be waited for. Returns the rest.

        A frame that is still arriving is not late, however long it stood in a queue: there is nothing newer to show.
        """
        frames, gaps = awaited = self.awaited(patience_s)
        given_up = [
            partial.head.frame_id
            for partial, deadline in frames
            if (now >= deadline and self._is_overtaken(partial)) or partial.head.frame_id < shown_id
        ]
        for frame_id in given_up:
            self._reassembler.give_up(frame_id)
        is_any_forgotten = bool(gaps) and self._forget_late(gaps, shown_id, now)
        self._settle_closed(now)
        return self.awaited(patience_s) if given_up or is_any_forgotten else awaited

    def _forget_late(self, gaps: list[tuple[Gap, float]], shown_id: int, now: float) -> bool:
        surplus, before = len(gaps) - MOST_GAPS, len(gaps)
        for place, (gap, deadline) in enumerate(gaps):
            is_out_of_reach = place < surplus or gap.end <= self._holes.reach
            if is_out_of_reach or now >= deadline or gap.frame_id < shown_id:
                self._holes.forget_gap(gap)
                size = gap.end - gap.first
                numbers = list(range(gap.first, gap.end))
                self._ledger.on_closed(ClosedFrame(False, gap.first, size, 0, numbers), now)
        return len(self._holes.gaps) < before

    def _is_overtaken(self, partial: OpenFrame) -> bool:
        """By a later frame, of this stream or of the rung that took over, or by the word that none follows."""
        if partial.end_number == self._still_end:
            return True
        return self._holes.is_past(partial.end_number) or partial.head.frame_id < self._turns.newest_frame_id

    def next_deadline(self, awaited: Awaited) -> float:
        times = [deadline for partial, deadline in awaited.frames if self._is_overtaken(partial)]
        times += [deadline for _, deadline in awaited.gaps]
        return min([self._planner.next_look, *times])

    @property
    def asks_again(self) -> bool:
        return self._planner.is_again

    def numbers_to_ask_for(self, awaited: Awaited, round_trip_s: float, now: float) -> list[int]:
        return self._planner.plan(awaited.frames, awaited.gaps, now, round_trip_s)
