"""Packets in flight: which arrived, which are lost, when to probe. RFC 9002, sections 5 and 6."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from lanline.errors import ProtocolViolation
from lanline.proto.link.path import TIMER_GRANULARITY_S, LossRate, RoundTrip
from lanline.proto.link.profile import LinkProfile
from lanline.proto.link.sendstream import Chunk

_PACKET_THRESHOLD = 3
_MAX_PACKET_THRESHOLD = 64
_TIME_THRESHOLD = 9 / 8
_MAX_TIME_THRESHOLD = 2.0
_MAX_PROBE_INTERVAL_S = 2.0
_LOST_REMEMBERED = 256
_THIN_PACKETS = 8
_EARLY_PROBES = 2
_WIDE_RANGE = 1024
_MIN_EARLY_PROBE_S = 0.005


class SentPacket(msgspec.Struct, gc=False):
    """An ack-eliciting packet. `control` holds the frames beside the chunks that must not get lost."""

    number: int
    sent_at: float
    size_bytes: int
    chunks: list[Chunk]
    control: tuple[bytes, ...]
    was_limited: bool
    is_mtu_probe: bool = False


class Recovery:
    __slots__ = (
        "_declared_lost",
        "_early_probes",
        "_is_steady",
        "_largest_acked",
        "_loss_at",
        "_packet_threshold",
        "_profile",
        "_time_threshold",
        "_timer_from",
        "in_flight",
        "in_flight_bytes",
        "loss",
        "round_trip",
        "timeouts",
    )

    def __init__(self, profile: LinkProfile, initial_rtt_s: float) -> None:
        self._profile = profile
        self._is_steady = profile.fixed_timeout_s is None
        self.in_flight: dict[int, SentPacket] = {}
        self.in_flight_bytes = 0
        self.round_trip = RoundTrip(initial_rtt_s, profile.ack_delay_s)
        self.loss = LossRate()
        self.timeouts = 0
        self._largest_acked = -1
        self._timer_from = 0.0
        self._loss_at: float | None = None
        self._packet_threshold = _PACKET_THRESHOLD
        self._time_threshold = _TIME_THRESHOLD
        self._early_probes = 0
        self._declared_lost: dict[int, float] | None = None

    def on_sent(self, packet: SentPacket) -> None:
        self.in_flight[packet.number] = packet
        self.in_flight_bytes += packet.size_bytes
        self._timer_from = packet.sent_at

    def on_run_sent(self, size_bytes: int, now: float) -> None:
        """Packets that stand in `in_flight` already."""
        self.in_flight_bytes += size_bytes
        self._timer_from = now

    def on_ack(
        self, ranges: list[tuple[int, int]], delay_s: float, next_number: int, now: float
    ) -> tuple[list[SentPacket], list[SentPacket]]:
        """What arrived, and what is now known to be lost."""
        largest = ranges[0][1]
        if largest >= next_number:
            raise ProtocolViolation("a packet was acknowledged that was never sent")
        if self._declared_lost:
            self._notice_spurious_losses(ranges, now)
        arrived = self._take_arrived(ranges)
        if not arrived:
            return arrived, []
        newest = arrived[0]
        for packet in arrived:
            self.in_flight_bytes -= packet.size_bytes
        if newest.number == largest:
            self.round_trip.update(max(0.0, now - newest.sent_at), min(delay_s, self._profile.ack_delay_s), now)
        self._largest_acked = max(self._largest_acked, largest)
        self.timeouts = 0
        self._early_probes = 0
        if self.in_flight:
            lost = self._take_lost(now)
        else:
            lost = []
            self._loss_at = None
        if lost or self.loss.rate:
            self._count(len(arrived), lost, now)
        return arrived, lost

    def _count(self, arrived: int, lost: list[SentPacket], now: float) -> None:
        """A large probe that did not pass says nothing about the others."""
        self.loss.update(arrived, sum(not packet.is_mtu_probe for packet in lost) if lost else 0, now)

    def _take_arrived(self, ranges: list[tuple[int, int]]) -> list[SentPacket]:
        in_flight = self.in_flight
        if not in_flight:
            return []
        oldest = next(iter(in_flight))
        if oldest == ranges[0][1]:
            return [in_flight.pop(oldest)]
        arrived: list[SentPacket] = []
        for first, last in ranges:
            if last < oldest:
                break
            numbers: Iterable[int] = range(last, max(first, oldest) - 1, -1)
            if last - first > _WIDE_RANGE:
                # The most of it are packets that were not in flight: a peer shall not make us count through them.
                numbers = [number for number in reversed(in_flight) if first <= number <= last]
            for number in numbers:
                packet = in_flight.pop(number, None)
                if packet is not None:
                    arrived.append(packet)
        return arrived

    def _take_lost(self, now: float) -> list[SentPacket]:
        round_trip = self.round_trip
        delay = max(self._time_threshold * max(round_trip.smoothed_s, round_trip.latest_s), TIMER_GRANULARITY_S)
        # With a fixed window nothing is sent ahead, so what was overtaken at all is a repeat that is settled.
        threshold = self._packet_threshold if self._profile.fixed_timeout_s is None else 1
        overtaken = self._largest_acked - threshold
        self._loss_at = None
        lost: list[SentPacket] = []
        for number, packet in self.in_flight.items():
            if number > self._largest_acked:
                break
            if number <= overtaken or packet.sent_at + delay <= now:
                lost.append(packet)
            else:
                self._loss_at = packet.sent_at + delay
                break
        for packet in lost:
            self._forget(packet)
        return lost

    def _forget(self, packet: SentPacket) -> None:
        del self.in_flight[packet.number]
        self.in_flight_bytes -= packet.size_bytes
        if self._declared_lost is None:
            self._declared_lost = {}
        self._declared_lost[packet.number] = packet.sent_at
        if len(self._declared_lost) > _LOST_REMEMBERED:
            del self._declared_lost[next(iter(self._declared_lost))]

    def _notice_spurious_losses(self, ranges: list[tuple[int, int]], now: float) -> None:
        """A packet given up has arrived after all: this path reorders, so wait longer (RFC 9002, 6.1.1)."""
        declared = self._declared_lost
        assert declared is not None
        forgotten_before = now - 4 * self.round_trip.smoothed_s
        for number, sent_at in list(declared.items()):
            if any(first <= number <= last for first, last in ranges):
                del declared[number]
                self._packet_threshold = min(self._packet_threshold * 2, _MAX_PACKET_THRESHOLD)
                self._time_threshold = min(self._time_threshold + 1 / 8, _MAX_TIME_THRESHOLD)
            elif sent_at < forgotten_before:
                del declared[number]

    @property
    def suspects_loss(self) -> bool:
        return self._loss_at is not None

    def take_all_lost(self) -> list[SentPacket]:
        """Give up everything in flight at once: the datagrams were too large for the path."""
        lost = list(self.in_flight.values())
        for packet in lost:
            self._forget(packet)
        self._loss_at = None
        return lost

    @property
    def deadline(self) -> float | None:
        if not self.in_flight:
            return None
        if self._loss_at is not None:
            return self._loss_at
        if self._is_steady and not self.timeouts and not self.loss.rate:
            return self._timer_from + self.round_trip.probe_timeout_s
        return self._timer_from + self._probe_interval_s()

    def _probe_interval_s(self) -> float:
        if self._profile.fixed_timeout_s is not None:
            return self._profile.fixed_timeout_s
        round_trip = self.round_trip
        if self._probes_early:
            return max(_MIN_EARLY_PROBE_S, round_trip.smoothed_s / 2)
        interval = round_trip.probe_timeout_s * 2.0 ** min(self.timeouts, 16)
        return min(interval, max(_MAX_PROBE_INTERVAL_S, 2 * round_trip.smoothed_s))

    @property
    def _probes_early(self) -> bool:
        """The last words before a silence have no successor that could reveal their loss."""
        return (
            self._early_probes < _EARLY_PROBES
            and self.loss.is_lossy
            and self.is_thin
            and self._profile.repeats_on_lossy_links
        )

    @property
    def is_thin(self) -> bool:
        return len(self.in_flight) <= _THIN_PACKETS

    def on_deadline(self, now: float) -> tuple[list[SentPacket], int]:
        """What is lost by now, and how many probes to send."""
        if self._loss_at is not None:
            lost = self._take_lost(now)
            if lost:
                self._count(0, lost, now)
            return lost, 0
        self._timer_from = now
        if self._probes_early:
            self._early_probes += 1
            return [], 1
        self.timeouts += 1
        return [], 1 if self.timeouts == 1 or self._profile.window_packets == 1 else 2

    def start(self, round_trip_s: float, was_lossy: bool, now: float) -> None:
        """What the handshake has shown of the path."""
        self.round_trip = RoundTrip(round_trip_s, self._profile.ack_delay_s)
        if was_lossy:
            self.loss.update(63, 1, now)

    def path_changed(self) -> None:
        """After `take_all_lost`. What arrives of it after all says nothing about the new path."""
        self._declared_lost = None
        self.timeouts = 0
        self.round_trip = RoundTrip(self.round_trip.smoothed_s, self._profile.ack_delay_s)
        self.loss = LossRate()
