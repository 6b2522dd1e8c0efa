"""The sending half of an established link: packs and seals what waits, at the pace of the path, until it has arrived.

It knows neither addresses nor the life of the link.
"""

from __future__ import annotations

from collections.abc import Callable

from lanline.crypto.sealing import TAG_BYTES, Sealer
from lanline.proto.channels import Channel
from lanline.proto.events import LinkEvent, MessagesDelivered, SendBufferDrained
from lanline.proto.link import frames
from lanline.proto.link.congestion import Congestion, Pacer, pacing_rate
from lanline.proto.link.frames import DATAGRAM_OVERHEAD_BYTES, STREAM_OVERHEAD_BYTES, AckFrame
from lanline.proto.link.mtu import PathMtu
from lanline.proto.link.newaddress import CHALLENGE_PACKET_BYTES
from lanline.proto.link.outbox import WORTHWHILE_ROOM, Outbox
from lanline.proto.link.preamble import CONNECTION_ID_BYTES
from lanline.proto.link.profile import LinkProfile
from lanline.proto.link.received import ReceivedPackets
from lanline.proto.link.recovery import Recovery, SentPacket
from lanline.proto.link.sendstream import Chunk

HEADER_BYTES = CONNECTION_ID_BYTES + 8
SEALED_OVERHEAD_BYTES = HEADER_BYTES + TAG_BYTES
_MIN_PAYLOAD_BYTES = CHALLENGE_PACKET_BYTES - SEALED_OVERHEAD_BYTES
"""A peer that finds us at another address may ask there only if as much came from there."""
_PERSISTENT_TIMEOUTS = 3
_MUCH_PACKETS = 8
"""So many in one turn are worth a search for larger ones."""


class Outgoing:
    __slots__ = (
        "_congestion",
        "_is_searching",
        "_limit_frames",
        "_mtu",
        "_next_number",
        "_paced_until",
        "_pacer",
        "_probes",
        "_profile",
        "_received",
        "_remote_id",
        "_sealer",
        "emit",
        "outbox",
        "recovery",
        "response",
    )

    def __init__(self, profile: LinkProfile, received: ReceivedPackets, emit: Callable[[LinkEvent], None]) -> None:
        self._profile = profile
        self._received = received
        self.emit = emit
        self.outbox = Outbox(profile)
        self.recovery = Recovery(profile, profile.initial_rtt_s)
        self._congestion = self._fresh_congestion()
        self._pacer = Pacer(profile.initial_window_packets * profile.mtu_bytes)
        self._paced_until: float | None = None
        self._mtu = self._fresh_mtu()
        self._is_searching = False
        self._limit_frames: dict[int, bytes] = {}
        self._next_number = 0
        self._probes = 0
        self.response: bytes | None = None
        """Goes out at once and is not repeated: who still wants to know asks again."""
        self._sealer: Sealer | None = None
        self._remote_id = b""

    def _fresh_congestion(self) -> Congestion:
        profile = self._profile
        return Congestion(profile.mtu_bytes, profile.initial_window_packets, profile.minimum_window_packets)

    def _fresh_mtu(self) -> PathMtu:
        return PathMtu(self._profile.mtu_bytes, self._profile.floor_mtu_bytes, self._profile.most_mtu_bytes)

    def start(self, remote_id: bytes, sealer: Sealer, round_trip_s: float, was_lossy: bool, now: float) -> None:
        self._remote_id = remote_id
        self._sealer = sealer
        self.recovery.start(round_trip_s, was_lossy, now)

    @property
    def largest_datagram_bytes(self) -> int:
        return self._mtu.current - SEALED_OVERHEAD_BYTES - DATAGRAM_OVERHEAD_BYTES

    def offer_limit(self, channel: Channel, limit: int) -> None:
        frame = frames.encode_max_data(channel, limit)
        self._limit_frames[channel] = frame
        self.outbox.write_control(frame)

    # Packing.

    def packets_to_send(self, now: float) -> list[bytes]:
        self._paced_until = None
        outbox = self.outbox
        packets: list[bytes] = []
        mtu = self._mtu
        room = mtu.current - SEALED_OVERHEAD_BYTES
        if outbox.has_long_write:
            self._is_searching = mtu.larger is not None
            if outbox.holds_more_than(room - STREAM_OVERHEAD_BYTES):
                self._pack_many(packets, now)
        full = mtu.current - WORTHWHILE_ROOM
        while self._may_send(now):
            packet = self._pack(room, now)
            if packet is None:
                break
            packets.append(packet)
            if len(packet) < full and not self._probes and not outbox.has_datagrams:
                # Whatever else waited would have found room.
                break
        is_searching = self._is_searching or len(packets) >= _MUCH_PACKETS
        if is_searching and not mtu.is_probing and self._has_room_for_probe:
            probe = self._pack_mtu_probe(now)
            if probe is not None:
                packets.append(probe)
        if self.response is not None:
            packets.append(self._seal(self.response))
            self.response = None
        if self._received.is_ack_due(now):
            packets.append(self._seal(self._received.take_ack(now, self._room())))
        return packets

    def _room(self) -> int:
        return self._mtu.current - SEALED_OVERHEAD_BYTES

    @property
    def _has_room_for_probe(self) -> bool:
        """A fixed window is a promise, also for probes."""
        return self._profile.window_packets is None or not self.recovery.in_flight

    def _may_send(self, now: float) -> bool:
        if self._probes:
            return True
        recovery = self.recovery
        if self._profile.window_packets is not None:
            return len(recovery.in_flight) < self._profile.window_packets
        if recovery.in_flight_bytes >= self._congestion.window_bytes:
            return False
        pacer = self._pacer
        if pacer.budget > 0:
            return True
        rate = pacing_rate(self._congestion, recovery.round_trip)
        if pacer.refill(now, rate):
            return True
        if self.outbox.is_pending:
            self._paced_until = pacer.ready_at(rate)
        return False

    @property
    def _is_plain(self) -> bool:
        """Nothing is lost, probed, limited or waiting for an acknowledgement: packets are all alike."""
        return not (
            self._probes
            or self.recovery.loss.rate
            or self._received.waiting
            or self._profile.window_packets is not None
        )

    def _pack_many(self, packets: list[bytes], now: float) -> None:
        """The first packet takes what else waits along; then the others are alike."""
        if (self._received.waiting or self.outbox.has_control) and self._may_send(now):
            packet = self._pack(self._room(), now)
            if packet is not None:
                packets.append(packet)
        if self._is_plain:
            packets += self._pack_run(now)

    def _pack_run(self, now: float) -> list[bytes]:
        """Equal full packets of one stream, as many as may leave now: the bulk of all work, so without detours."""
        recovery = self.recovery
        window = self._congestion.window_bytes
        mtu = self._mtu.current
        pacer = self._pacer
        if pacer.budget < 2 * mtu:
            pacer.refill(now, pacing_rate(self._congestion, recovery.round_trip))
        most = int(min(window - recovery.in_flight_bytes, pacer.budget)) // mtu
        if most <= 1:
            return []
        stream, offset, pieces = self.outbox.take_run(mtu - SEALED_OVERHEAD_BYTES - STREAM_OVERHEAD_BYTES, most)
        if stream is None or not pieces:
            return []
        payloads: list[bytes] = []
        number = self._next_number
        in_flight = recovery.in_flight
        is_limited = 2 * (recovery.in_flight_bytes + len(pieces) * mtu) >= window
        channel = stream.channel
        for piece in pieces:
            payloads.append(frames.encode_stream(channel, offset, piece))
            in_flight[number] = SentPacket(number, now, mtu, [Chunk(stream, offset, piece)], (), is_limited)
            offset += len(piece)
            number += 1
        assert self._sealer is not None
        packets = self._sealer.seal_run(self._remote_id, self._next_number, payloads)
        self._next_number = number
        recovery.on_run_sent(len(pieces) * mtu, now)
        pacer.budget -= len(pieces) * mtu
        return packets

    def _pack(self, room: int, now: float) -> bytes | None:
        """A packet of what waits, with an acknowledgement when there is one; None when nothing waits."""
        ack_bytes = self._received.ack_bytes if self._received.waiting else 0
        room -= ack_bytes
        parts: list[bytes] = []
        chunks: list[Chunk] = []
        outbox = self.outbox
        control: tuple[bytes, ...] = ()
        if outbox.has_control:
            control, room = outbox.take_control(parts, room)
        is_probe = self._probes > 0
        if is_probe:
            self._probes -= 1
            room = self._add_unacknowledged(parts, chunks, room, oldest_first=True)
        room = outbox.take_data(parts, chunks, room)
        if chunks and room > WORTHWHILE_ROOM and self.recovery.loss.rate and self._repeats_now:
            self._add_unacknowledged(parts, chunks, room, oldest_first=False)
        if not parts:
            if not is_probe:
                return None
            parts.append(frames.ENCODED_PING)
            room -= 1
        if ack_bytes:
            parts.append(self._received.take_ack(now, room + ack_bytes))
        payload = parts[0] if len(parts) == 1 else b"".join(parts)
        if len(payload) < _MIN_PAYLOAD_BYTES:
            payload = payload.ljust(_MIN_PAYLOAD_BYTES, bytes([frames.PADDING]))
        number = self._next_number
        sealed = self._seal(payload)
        size = len(sealed)
        recovery = self.recovery
        is_limited = 2 * (recovery.in_flight_bytes + size) >= self._congestion.window_bytes
        recovery.on_sent(SentPacket(number, now, size, chunks, control, is_limited))
        self._pacer.budget -= size
        return sealed

    def _add_unacknowledged(self, parts: list[bytes], chunks: list[Chunk], room: int, *, oldest_first: bool) -> int:
        """Say again what is in flight, as far as it fits: the oldest as a probe, the latest as insurance."""
        in_flight = self.recovery.in_flight.values()
        for packet in in_flight if oldest_first else reversed(in_flight):
            for chunk in packet.chunks:
                size = STREAM_OVERHEAD_BYTES + len(chunk.data)
                if size > room or chunk.stream.is_acked(chunk) or any(each is chunk for each in chunks):
                    continue
                if not oldest_first and chunk.stream.channel is Channel.BULK:
                    continue
                parts.append(frames.encode_stream(chunk.stream.channel, chunk.offset, chunk.data))
                chunks.append(chunk)
                room -= size
            if room <= WORTHWHILE_ROOM:
                break
        return room

    @property
    def _repeats_now(self) -> bool:
        recovery = self.recovery
        return self._profile.repeats_on_lossy_links and recovery.loss.is_lossy and recovery.is_thin

    def _pack_mtu_probe(self, now: float) -> bytes | None:
        """A padded packet of the next size. Its loss says nothing about congestion."""
        size = self._mtu.next_probe_bytes(now)
        if size is None:
            self._is_searching = self._mtu.is_lowered
            return None
        number = self._next_number
        self._mtu.on_probe_sent(number, size)
        sealed = self._seal(frames.ENCODED_PING.ljust(size - SEALED_OVERHEAD_BYTES, bytes([frames.PADDING])))
        self.recovery.on_sent(SentPacket(number, now, size, [], (), was_limited=False, is_mtu_probe=True))
        return sealed

    def _seal(self, payload: bytes) -> bytes:
        assert self._sealer is not None
        number = self._next_number
        self._next_number = number + 1
        return self._sealer.seal(self._remote_id, number, payload)

    def seal_challenge(self, challenge: bytes) -> bytes:
        return self._seal(frames.encode_challenge(challenge))

    def seal_close(self, code: int, reason: str) -> bytes:
        return self._seal(frames.encode_close(code, reason))

    @property
    def has_work(self) -> bool:
        """There may be something to send, or a timer to set."""
        return bool(
            self._received.waiting
            or self._probes
            or self.response is not None
            or self.outbox.is_pending
            or self._is_searching
            or self.recovery.suspects_loss
        )

    # What becomes of it.

    def on_ack(self, frame: AckFrame, now: float) -> None:
        arrived, lost = self.recovery.on_ack(frame.ranges, frame.delay_s, self._next_number, now)
        if not arrived:
            return
        self._probes = 0
        if self._mtu.is_doubtful:
            self._mtu.on_arrived(now)
            self._is_searching = True
        has_advanced = self._settle(arrived)
        limited_bytes = 0
        for packet in arrived:
            if packet.was_limited:
                limited_bytes += packet.size_bytes
        if limited_bytes:
            self._congestion.on_ack(limited_bytes, arrived[0].sent_at, now, self.recovery.round_trip)
        if lost:
            self._on_lost(lost, now)
        if has_advanced:
            self._report_progress()

    def _settle(self, arrived: list[SentPacket]) -> bool:
        has_advanced = False
        for packet in reversed(arrived):
            for chunk in packet.chunks:
                if chunk.stream.acknowledge(chunk):
                    has_advanced = True
            if packet.is_mtu_probe and self._mtu.is_probe(packet.number):
                self._mtu.on_probe_arrived()
        return has_advanced

    def _report_progress(self) -> None:
        for stream in self.outbox.streams:
            through = stream.take_delivered()
            if through is not None:
                self.emit(MessagesDelivered(stream.channel, through))
            if stream.was_full and stream.take_drained(self._profile.send_buffer_bytes):
                self.emit(SendBufferDrained(stream.channel))

    def _on_lost(self, lost: list[SentPacket], now: float) -> None:
        seen: set[int] = set()
        for packet in lost:
            for chunk in packet.chunks:
                # Probes say it again while it is in flight: what was lost many times is needed once.
                if id(chunk) not in seen and not chunk.stream.is_acked(chunk):
                    seen.add(id(chunk))
                    chunk.stream.resend(chunk)
            for frame in packet.control:
                if self._is_worth_repeating(frame):
                    self.outbox.write_control(frame)
            if self._mtu.is_probe(packet.number):
                self._mtu.on_probe_lost(now)
        recovery = self.recovery
        telling = [packet for packet in lost if not packet.is_mtu_probe]
        limited = [packet for packet in telling if packet.was_limited]
        if limited:
            self._congestion.on_loss(limited[-1].sent_at, now, recovery.round_trip, recovery.loss)
        elif telling:
            used_bytes = recovery.in_flight_bytes + sum(packet.size_bytes for packet in telling)
            self._congestion.on_loss_below(used_bytes, telling[-1].sent_at, now, recovery.round_trip, recovery.loss)

    def _is_worth_repeating(self, frame: bytes) -> bool:
        if frame[0] == frames.MAX_DATA:
            return self._limit_frames.get(frame[1]) == frame
        return frame[0] != frames.PING

    def handle_timer(self, now: float) -> None:
        recovery = self.recovery
        deadline = recovery.deadline
        if deadline is None or now < deadline:
            return
        lost, probes = recovery.on_deadline(now)
        self._probes = max(self._probes, probes)
        if lost:
            self._on_lost(lost, now)
        if probes and recovery.timeouts >= _PERSISTENT_TIMEOUTS:
            self._congestion.on_persistent_timeout()
            sizes = (packet.size_bytes for packet in recovery.in_flight.values() if not packet.is_mtu_probe)
            largest = max(sizes, default=0)
            if self._mtu.on_timeouts(recovery.timeouts, largest):
                self.outbox.drop_datagrams_over(self._mtu.current - SEALED_OVERHEAD_BYTES)
                self._on_lost(recovery.take_all_lost(), now)

    def next_deadline(self) -> float | None:
        """The soonest of the timers that packets have; None when the link is quiet."""
        soonest = self.recovery.deadline
        ack_at = self._received.deadline
        if ack_at is not None and (soonest is None or ack_at < soonest):
            soonest = ack_at
        paced = self._paced_until
        if paced is not None and (soonest is None or paced < soonest):
            soonest = paced
        return soonest

    # A new path.

    def path_changed(self, now: float) -> None:
        """The peer is at another address: what is in flight went to the old one, and nothing learned of that holds."""
        self._on_lost(self.recovery.take_all_lost(), now)
        self.recovery.path_changed()
        self._congestion = self._fresh_congestion()
        self._mtu = self._fresh_mtu()
        self.outbox.drop_datagrams_over(self._mtu.current - SEALED_OVERHEAD_BYTES)
        self._probes = max(self._probes, 1)
