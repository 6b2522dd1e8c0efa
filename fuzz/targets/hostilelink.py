"""A peer that has finished the handshake and sends legal frames in illegal orders, over many steps of virtual time.

It is judged by what it costs: bytes that go out, function calls, what is held in queues, for each byte that came in.
"""

from __future__ import annotations

from lanline.errors import LinkError
from lanline.proto.channels import RELIABLE_CHANNELS, UNRELIABLE_CHANNELS, Channel
from lanline.proto.link import frames
from lanline.proto.link.link import Address, Link, LinkState
from lanline.proto.link.profile import LinkProfile
from targets._cost import Decisions, Work
from targets._peers import CLIENT, Peers

PLACES = (CLIENT, CLIENT, CLIENT, ("10.0.0.8", 8), ("10.0.0.9", 9))
STRANGERS_WINDOW_BYTES = 16 * 1024
PROFILE = LinkProfile(send_buffer_bytes=64 * 1024, stranger_window_bytes=STRANGERS_WINDOW_BYTES)
MOST_CONTROL_FRAMES = 64
MOST_CALLS_A_BYTE = 6
MOST_CALLS_A_PACKET = 150
MOST_CALLS_A_STEP = 400
MOST_ANSWERED_A_BYTE = 12
"""A packet of 33 bytes may bring an acknowledgement of 32 ranges."""
MOST_SENT_A_STEP = 4 * 1452
MOST_TO_UNPROVEN = 3
_RELIABLE, _UNRELIABLE = tuple(RELIABLE_CHANNELS), tuple(UNRELIABLE_CHANNELS)


class HostilePeer:
    def __init__(self, data: bytes) -> None:
        self.decisions = Decisions(data)
        self.peers = Peers(PROFILE)
        self.link: Link = self.peers.server_link
        self.work = Work()
        self.came: dict[Address, int] = {}
        self.went: dict[Address, int] = {}
        self.said_bytes = 0
        self.packets = 0
        self.steps = 0
        self._challenges = 0
        self._kept: list[bytes] = [b""]
        self.is_trusted = bool(self.decisions.below(2))
        if self.is_trusted:
            self.link.trust()

    def run(self) -> None:
        acts = (self._send, self._send, self._send, self._send, self._wait, self._skip, self._replay, self._hear)
        while not self.decisions.is_over and self.link.state is LinkState.ESTABLISHED:
            self.steps += 1
            self.decisions.one_of(acts)()
            self.work.of(self._drain)
            self.check()

    def _wait(self) -> None:
        seconds = (0.001, 0.03, 0.5, 3.0, 20.0)[self.decisions.below(5)]
        self.work.of(lambda: self.peers.pass_time(seconds))

    def _skip(self) -> None:
        self.peers.link._outgoing._next_number += 1 + self.decisions.below(40)  # noqa: SLF001 -- as a faulty peer would

    def _replay(self) -> None:
        for _ in range(1 + self.decisions.below(20)):
            self._give(self.decisions.one_of(self._kept))

    def _hear(self) -> None:
        """The server has something to say."""
        size = (1, 200, 5000, 60_000)[self.decisions.below(4)]
        try:
            self.link.send_message(self.decisions.one_of(_RELIABLE), bytes(size))
        except LinkError:
            return
        self.said_bytes += size

    def _send(self) -> None:
        """Mostly no more frames than a packet may hold, and one ACK."""
        decisions = self.decisions
        parts: list[bytes] = []
        room, others, acks = 1100, frames.MAX_OTHER_FRAMES - 1, 1
        if decisions.below(200) == 0:
            others = acks = 1000
        for _ in range(1 + decisions.below(8)):
            kind = decisions.below(10)
            for _ in range(1 + decisions.below(60) if decisions.below(3) == 0 else 1):
                frame = self._frame(kind)
                acks -= frame[0] == frames.ACK
                others -= frame[0] not in {frames.ACK, frames.STREAM}
                if len(frame) > room or acks < 0 or others < 0:
                    break
                parts.append(frame)
                room -= len(frame)
        packet = self.peers.link._outgoing._seal(b"".join(parts))  # noqa: SLF001 -- as a faulty peer would
        self._kept = [*self._kept[-10:], packet]
        self._give(packet)

    def _give(self, packet: bytes) -> None:
        place = self.decisions.one_of(PLACES)
        self.came[place] = self.came.get(place, 0) + len(packet)
        self.packets += 1
        self.work.of(lambda: self.peers.server.receive_datagram(packet, place, self.peers.now))

    def _frame(self, kind: int) -> bytes:  # noqa: PLR0911 -- one for each kind
        decisions = self.decisions
        if kind == 0:
            return frames.ENCODED_PING
        if kind <= 2:
            return self._ack()
        if kind <= 4:
            channel = decisions.one_of(_RELIABLE) if self.is_trusted else Channel.CHAT
            return frames.encode_stream(channel, self._offset(), bytes(1 + decisions.below(300)))
        if kind == 5:
            return frames.encode_datagram(decisions.one_of(_UNRELIABLE), bytes(decisions.below(300)))
        if kind == 6:
            return frames.encode_max_data(decisions.one_of(_RELIABLE), decisions.near(PROFILE.receive_window_bytes))
        if kind == 7:
            self._challenges += 1
            return frames.encode_challenge(self._challenges.to_bytes(8, "big"))
        if kind == 8:
            return frames.encode_response(decisions.below(65_536).to_bytes(8, "big"))
        return frames.encode_reset_token(bytes([decisions.below(256)]) * 16)

    def _offset(self) -> int:
        how = self.decisions.below(4)
        if how == 0:
            return self.decisions.below(64)
        return self.decisions.below(STRANGERS_WINDOW_BYTES - 300)

    def _ack(self) -> bytes:
        """Of packets that were sent, mostly; in as many ranges as there is room for."""
        decisions = self.decisions
        highest = self.link._outgoing._next_number - 1  # noqa: SLF001 -- the best that a hostile peer could know
        high = highest if decisions.below(100) else highest + 1 + decisions.below(3)
        ranges: list[tuple[int, int]] = []
        for _ in range(1 + decisions.below(32)):
            low = high - decisions.below(3)
            if low < 0:
                break
            ranges.append((low, high))
            high = low - 2 - decisions.below(4)
        return frames.encode_ack(ranges, decisions.below(1000) / 1000) if ranges else frames.ENCODED_PING

    def _drain(self) -> None:
        endpoint = self.peers.server
        while True:
            while (happened := endpoint.next_event()) is not None:
                self.peers.note(*happened)
            bursts = endpoint.datagrams_to_send(self.peers.now)
            if not bursts:
                return
            for address, datagrams in bursts:
                self.went[address] = self.went.get(address, 0) + sum(map(len, datagrams))

    # The judgement.

    def check(self) -> None:
        came, went = sum(self.came.values()), sum(self.went.values())
        calls = self.work.calls
        said = 8 * self.said_bytes
        assert calls <= (
            MOST_CALLS_A_BYTE * came
            + MOST_CALLS_A_PACKET * self.packets
            + MOST_CALLS_A_STEP * self.steps
            + self.said_bytes
        ), f"{calls} calls for {came} bytes in {self.packets} packets and {self.steps} steps"
        assert went <= MOST_ANSWERED_A_BYTE * came + MOST_SENT_A_STEP * self.steps + said, f"{went} bytes for {came}"
        for place in set(self.went) - {CLIENT}:
            # Nobody there has answered a challenge, nor could: what is in one is drawn anew for each.
            assert self.went[place] <= MOST_TO_UNPROVEN * self.came.get(place, 0), f"{self.went[place]} to {place}"
        self._check_queues()

    def _check_queues(self) -> None:
        outgoing, incoming = self.link._outgoing, self.link._incoming  # noqa: SLF001 -- what it holds is judged
        outbox = outgoing.outbox
        assert len(outbox._control) <= MOST_CONTROL_FRAMES, f"{len(outbox._control)} control frames wait"  # noqa: SLF001
        assert outbox._datagram_bytes <= PROFILE.datagram_buffer_bytes  # noqa: SLF001
        assert len(incoming._received._numbers) <= 64  # noqa: SLF001
        for stream in incoming._streams.values():  # noqa: SLF001
            assert stream._pending_cost <= 2 * PROFILE.bulk_receive_window_bytes  # noqa: SLF001
        assert outgoing.recovery.in_flight_bytes >= 0
        assert sum(packet.size_bytes for packet in outgoing.recovery.in_flight.values()) == (
            outgoing.recovery.in_flight_bytes
        )


def fuzz_one(data: bytes) -> None:
    HostilePeer(data).run()


def seeds() -> list[bytes]:
    return [bytes(range(256)), bytes(range(255, -1, -1)), bytes(range(0, 256, 7)) * 12]
