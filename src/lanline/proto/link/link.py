"""One UDP link: its life from the handshake to the close, and the address its peer has now.

Longer than other files: each of its states says what every packet, call and timer does, and that is read together.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from enum import Enum, auto
from functools import partial

from lanline.crypto.sealing import Opener, Sealer
from lanline.errors import CloseCode, LinkNotOpen, MalformedPacket, MessageTooLarge, ProtocolViolation
from lanline.proto.channels import UNRELIABLE_CHANNELS, Channel
from lanline.proto.events import LinkClosed, LinkEstablished, LinkEvent, PeerMoved
from lanline.proto.framing import MessageParser, frame_message
from lanline.proto.link.clienthandshake import ClientHandshake
from lanline.proto.link.frames import ENCODED_PING, CloseFrame, encode_reset_token
from lanline.proto.link.handshake import Agreement, HandshakeState
from lanline.proto.link.incoming import Incoming
from lanline.proto.link.newaddress import RANDOM_BYTES, NewAddress
from lanline.proto.link.outgoing import Outgoing
from lanline.proto.link.preamble import ClientRecords, Refused, Retry, ServerRecords, Versions
from lanline.proto.link.profile import LinkProfile
from lanline.proto.link.received import ReceivedPackets
from lanline.proto.link.serverhandshake import ServerHandshake

Address = tuple[str, int]
Handshake = ClientHandshake | ServerHandshake
_LINGER_PROBE_TIMEOUTS = 3
_MAX_LINGER_S = 3.0
_PATIENCE_OF_SERVER = 1.2


class LinkState(Enum):
    HANDSHAKING = auto()
    ESTABLISHED = auto()
    CLOSING = auto()
    CLOSED = auto()


_MAY_FOLLOW = {
    LinkState.HANDSHAKING: {LinkState.ESTABLISHED, LinkState.CLOSED},
    LinkState.ESTABLISHED: {LinkState.CLOSING, LinkState.CLOSED},
    LinkState.CLOSING: {LinkState.CLOSED},
    LinkState.CLOSED: set(),
}


class Link:
    """Made by an `Endpoint`, which brings it datagrams and the time, and takes away what it has to send."""

    __slots__ = (
        "_asked_at",
        "_close_due",
        "_close_text",
        "_emit_own",
        "_entropy",
        "_expected_fingerprint",
        "_goodbyes_missed",
        "_handshake",
        "_incoming",
        "_is_trusted",
        "_keepalive_s",
        "_last_received_at",
        "_linger_until",
        "_outgoing",
        "_profile",
        "_remember",
        "_reset_token",
        "_silent_since",
        "_wake",
        "address",
        "binding",
        "is_client",
        "local_id",
        "new_address",
        "peer_fingerprint",
        "remote_id",
        "scheduled",
        "state",
    )

    def __init__(  # noqa: PLR0913 -- all of it is the endpoint's, which alone makes links
        self,
        *,
        local_id: bytes,
        remote_id: bytes,
        address: Address,
        handshake: Handshake,
        profile: LinkProfile,
        reset_token: bytes,
        expected_fingerprint: bytes | None,
        entropy: Callable[[int], bytes],
        emit: Callable[[Link, LinkEvent], None],
        wake: Callable[[Link], object],
        remember: Callable[[str], None],
    ) -> None:
        """`remember` is told where somebody is who is trusted."""
        self.local_id = local_id
        self.remote_id = remote_id
        self.address = address
        """Where the peer has shown that it receives: by the token of the handshake, or the answer to a challenge."""
        self.new_address: NewAddress | None = None
        self.state = LinkState.HANDSHAKING
        self.is_client = isinstance(handshake, ClientHandshake)
        self.peer_fingerprint = b""
        self.binding = b""
        self.scheduled: list[float] = []
        self._handshake: Handshake | None = handshake
        self._profile = profile
        self._reset_token = reset_token
        self._expected_fingerprint = expected_fingerprint
        self._entropy = entropy
        self._emit_own: Callable[[LinkEvent], None] = partial(emit, self)
        self._wake = wake
        self._remember = remember
        self._is_trusted = False
        received = ReceivedPackets(profile.ack_every, profile.ack_delay_s)
        self._outgoing = Outgoing(profile, received, self._emit_own)
        self._incoming = Incoming(profile, received, self._outgoing, self._emit_own)
        self._last_received_at = 0.0
        self._asked_at = 0.0
        # One ping is enough for both; the client's also keeps the way through its NAT open.
        self._keepalive_s = profile.keepalive_s * (1.0 if self.is_client else _PATIENCE_OF_SERVER)
        self._silent_since: float | None = None
        self._close_text: tuple[int, str] = (0, "")
        self._close_due = False
        self._goodbyes_missed = 0
        self._linger_until = 0.0

    def let_go(self) -> None:
        """It is over, and its endpoint has forgotten it. Its parts hold it no longer: its memory is free at once."""
        self._emit_own = self._outgoing.emit = self._incoming.emit = _tell_nobody

    def _enter(self, state: LinkState) -> None:
        assert state in _MAY_FOLLOW[self.state], f"{self.state} -> {state}"
        self.state = state

    # What a session asks for: the calls of MessageLink.

    def send_message(self, channel: Channel, payload: bytes) -> int:
        self._check_open()
        if len(payload) > self._profile.max_message_bytes:
            raise MessageTooLarge(
                f"A message holds at most {self._profile.max_message_bytes} bytes; this one has {len(payload)}."
            )
        if channel in UNRELIABLE_CHANNELS:
            return self._send_datagram(channel, payload)
        number = self._outgoing.outbox.write(channel, frame_message(payload), 1)
        self._wake(self)
        return number

    def send_framed(self, channel: Channel, framed: bytes, count: int) -> int:
        if self.state is not LinkState.ESTABLISHED:
            self._check_open()
        if channel in UNRELIABLE_CHANNELS:
            for payload in MessageParser(len(framed)).feed(framed):
                self._send_datagram(channel, payload)
            return 0
        number = self._outgoing.outbox.write(channel, framed, count)
        self._wake(self)
        return number

    def _send_datagram(self, channel: Channel, payload: bytes) -> int:
        most = self._outgoing.largest_datagram_bytes
        if len(payload) > most:
            raise MessageTooLarge(f"A datagram holds at most {most} bytes on this path; this one has {len(payload)}.")
        self._outgoing.outbox.write_datagram(channel, payload)
        self._wake(self)
        return 0

    def _check_open(self) -> None:
        state = self.state
        if state is LinkState.CLOSING or state is LinkState.CLOSED:
            raise LinkNotOpen("The link is closed.")

    def is_writable(self, channel: Channel) -> bool:
        state = self.state
        if state is LinkState.CLOSING or state is LinkState.CLOSED:
            return False
        if channel in UNRELIABLE_CHANNELS:
            return True
        return self._outgoing.outbox.stream(channel).has_room(self._profile.send_buffer_bytes)

    def may_be_with(self, fingerprint: bytes) -> bool:
        return self._expected_fingerprint is None or self._expected_fingerprint == fingerprint

    @property
    def is_confirmed(self) -> bool:
        """The peer has shown that it has keys too."""
        return self._handshake is None

    @property
    def is_all_delivered(self) -> bool:
        return self._outgoing.outbox.is_all_delivered

    @property
    def proven_address(self) -> Address | None:
        """Where packets go that are not of the link's own; none when the link is not open."""
        return self.address if self.state is LinkState.ESTABLISHED else None

    @property
    def largest_datagram_bytes(self) -> int:
        return self._outgoing.largest_datagram_bytes

    @property
    def round_trip_s(self) -> float:
        return self._outgoing.recovery.round_trip.smoothed_s

    @property
    def queueing_s(self) -> float | None:
        return self._outgoing.recovery.round_trip.queueing_s

    def trust(self) -> None:
        self._is_trusted = True
        self._incoming.trust()
        self._remember(self.address[0])

    def release(self, channel: Channel, size_bytes: int) -> None:
        if self.state is LinkState.ESTABLISHED and self._incoming.release(channel, size_bytes):
            self._wake(self)

    def close(self, code: CloseCode, reason: str, now: float) -> None:
        if self.state is LinkState.CLOSING or self.state is LinkState.CLOSED:
            return
        if self.state is LinkState.HANDSHAKING:
            self._finish(code, reason, by_peer=False)
            return
        self._enter(LinkState.CLOSING)
        self._close_text = (code, reason)
        self._close_due = True
        recovery = self._outgoing.recovery
        linger_s = _LINGER_PROBE_TIMEOUTS * recovery.round_trip.probe_timeout_s
        self._linger_until = now + min(linger_s, _MAX_LINGER_S)
        self._incoming.drop_unfinished()
        self._emit_own(LinkClosed(code, reason, by_peer=False))
        self._wake(self)

    def _finish(self, code: CloseCode, reason: str, *, by_peer: bool) -> None:
        self._enter(LinkState.CLOSED)
        self._handshake = None
        self._emit_own(LinkClosed(code, reason, by_peer=by_peer))
        self._wake(self)

    # The handshake.

    def receive_preamble(
        self, packet: Retry | ServerRecords | Versions | Refused | ClientRecords, address: Address, now: float
    ) -> None:
        handshake = self._handshake
        if handshake is None:
            return
        if isinstance(handshake, ClientHandshake):
            if not isinstance(packet, ClientRecords):
                handshake.receive(packet, now)
        elif isinstance(packet, ClientRecords):
            self._move_by_token(address, now)
            handshake.receive(packet, now)
        self._follow_handshake(handshake, now)
        self._wake(self)

    def _follow_handshake(self, handshake: Handshake, now: float) -> None:
        if self.state is not LinkState.HANDSHAKING:
            return
        if handshake.state is HandshakeState.FAILED:
            assert handshake.failure is not None
            self._finish(*handshake.failure, by_peer=False)
        elif handshake.state is HandshakeState.COMPLETE:
            assert handshake.agreement is not None
            self._establish(handshake.agreement, now)

    def _establish(self, agreement: Agreement, now: float) -> None:
        self.remote_id = agreement.remote_id
        self.peer_fingerprint = agreement.peer_fingerprint
        self.binding = agreement.binding
        self._last_received_at = now
        sealer = Sealer(agreement.suite, agreement.sending_secret)
        self._outgoing.start(self.remote_id, sealer, agreement.round_trip_s, agreement.was_lossy, now)
        self._incoming.start(Opener(agreement.suite, agreement.receiving_secret))
        self._enter(LinkState.ESTABLISHED)
        if self.is_client:
            # A server keeps its last flight until the client is heard to have keys.
            self._handshake = None
        if not self.may_be_with(self.peer_fingerprint):
            self.close(CloseCode.IDENTITY_REJECTED, "The other side has another key than the one that is known.", now)
            return
        self._outgoing.outbox.write_control(encode_reset_token(self._reset_token))
        self._emit_own(LinkEstablished(self.peer_fingerprint, self.binding))

    # Packets.

    def receive_sealed(self, packet: bytes, address: Address, now: float) -> None:
        if self.state is not LinkState.ESTABLISHED:
            self._repeat_goodbye(packet)
            return
        is_elsewhere = address != self.address
        if is_elsewhere and self.is_client:
            # A server does not move (RFC 9000, 9): this is somebody who sends copies on.
            return
        may_move = is_elsewhere or self.new_address is not None
        largest = self._incoming.largest_received if may_move else 0
        try:
            number = self._incoming.receive(packet, now)
        except MalformedPacket:
            return
        except ProtocolViolation as violation:
            self.close(CloseCode.PROTOCOL_VIOLATION, str(violation), now)
            return
        if may_move:
            self._consider_move(packet, address, now, is_copy=number is None, is_latest=(number or 0) > largest)
        if number is not None:
            self._on_heard(now)

    def _repeat_goodbye(self, packet: bytes) -> None:
        """The peer has not heard it yet. Once for its 1st, 2nd, 4th, 8th … packet: it may not want to hear."""
        if self.state is LinkState.CLOSING and self._incoming.is_genuine(packet):
            self._goodbyes_missed += 1
            if self._goodbyes_missed & (self._goodbyes_missed - 1) == 0:
                self._close_due = True
                self._wake(self)

    def _on_heard(self, now: float) -> None:
        self._handshake = None
        self._last_received_at = now
        self._silent_since = now if self._outgoing.recovery.in_flight else None
        if self._incoming.close_frame is not None:
            self._on_close(self._incoming.close_frame)
        if self._outgoing.has_work:
            self._wake(self)

    # Moves. Until one is proven, everything but the questions goes where it went before.

    def _consider_move(self, packet: bytes, address: Address, now: float, *, is_copy: bool, is_latest: bool) -> None:
        new = self.new_address
        if address == self.address:
            # An onlooker's copy may have been faster than the answer itself, which still says where the peer is.
            is_answer = (
                is_copy and new is not None and any(map(new.is_answer, self._incoming.responses_in_copy(packet)))
            )
            if is_latest or is_answer:
                self.new_address = None
            return
        if new is None or new.address != address:
            if not is_latest:
                return
            probe_timeout_s = self._outgoing.recovery.round_trip.probe_timeout_s
            new = self.new_address = NewAddress(address, self._entropy(RANDOM_BYTES), probe_timeout_s, now)
        if is_copy:
            return
        new.credit(len(packet))
        new.answer_from_here(self._incoming.response)
        self._settle_move(new, now)
        self._wake(self)

    def _settle_move(self, new: NewAddress, now: float) -> None:
        if new.has_moved(now):
            self._move(new.address, now)
        elif new.is_over(now):
            self.new_address = None

    def _move_by_token(self, address: Address, now: float) -> None:
        """The records came with a token that only who receives at this address can have."""
        if address != self.address and self.state is LinkState.ESTABLISHED:
            self._move(address, now)
        self.address = address

    def _move(self, address: Address, now: float) -> None:
        self.new_address = None
        self.address = address
        self._outgoing.path_changed(now)
        if self._is_trusted:
            self._remember(address[0])
        self._emit_own(PeerMoved(address))

    def questions(self, now: float) -> list[tuple[Address, list[bytes]]]:
        """Whether the peer has moved."""
        new = self.new_address
        if new is None or self.state is not LinkState.ESTABLISHED:
            return []
        asked = zip((self.address, new.address), new.questions(now), strict=True)
        return [(address, [self._outgoing.seal_challenge(each)]) for address, each in asked if each is not None]

    def _on_close(self, frame: CloseFrame) -> None:
        if self.state is LinkState.ESTABLISHED:
            code = CloseCode(frame.code) if frame.code in set(CloseCode) else CloseCode.RESET
            self._finish(code, frame.reason, by_peer=True)

    def receive_reset(self, token: bytes) -> None:
        known = self._incoming.peer_reset_token
        if self.state is LinkState.ESTABLISHED and known is not None and hmac.compare_digest(token, known):
            why = "The other side no longer knows this link: it was restarted, or has not heard of this one for long."
            self._finish(CloseCode.RESET, why, by_peer=True)

    def datagrams_to_send(self, now: float) -> list[bytes]:
        handshake = self._handshake
        datagrams = handshake.datagrams_to_send(now) if handshake is not None else []
        if self.state is LinkState.ESTABLISHED:
            outgoing = self._outgoing
            packets = outgoing.packets_to_send(now)
            if self._silent_since is None and outgoing.recovery.in_flight:
                self._silent_since = now
            return datagrams + packets if datagrams else packets
        if self._close_due and self.state is LinkState.CLOSING:
            self._close_due = False
            datagrams.append(self._outgoing.seal_close(*self._close_text))
        return datagrams

    # Time.

    def handle_timer(self, now: float) -> None:
        handshake = self._handshake
        if handshake is not None:
            handshake.handle_timer(now)
            self._follow_handshake(handshake, now)
        if self.state is LinkState.ESTABLISHED:
            self._handle_established_timer(now)
        elif self.state is LinkState.CLOSING and now >= self._linger_until:
            self._enter(LinkState.CLOSED)

    def _handle_established_timer(self, now: float) -> None:
        profile = self._profile
        self._outgoing.handle_timer(now)
        if self.new_address is not None:
            self._settle_move(self.new_address, now)
        tries = self._outgoing.recovery.timeouts
        if now >= self._dead_at() or (profile.max_tries is not None and tries >= profile.max_tries):
            self._finish(CloseCode.UNREACHABLE, "The other side does not answer any more.", by_peer=False)
        elif now >= self._ask_at() and not self._outgoing.recovery.in_flight:
            self._asked_at = now
            self._outgoing.outbox.write_control(ENCODED_PING)

    def _ask_at(self) -> float:
        """A ping that may not leave, to an address that is not proven, is no reason to try at once again."""
        return max(self._last_received_at, self._asked_at) + self._keepalive_s

    def _dead_at(self) -> float:
        """Something waits for an answer for too long; or, whatever we could not send, nothing came for very long."""
        profile = self._profile
        last_resort = self._last_received_at + 2 * profile.keepalive_s + profile.dead_after_s
        if self._silent_since is None:
            return last_resort
        return min(last_resort, self._silent_since + profile.dead_after_s)

    def next_deadline(self) -> float | None:
        if self.state is LinkState.ESTABLISHED:
            packets_at = self._outgoing.next_deadline()
            new = self.new_address
            if new is not None:
                packets_at = new.due_at if packets_at is None else min(packets_at, new.due_at)
            if packets_at is None:
                return min(self._dead_at(), self._ask_at())
            # Who keeps writing moves the timers of packets on, and still has to learn that nobody answers.
            if self._silent_since is not None:
                dead_at = self._silent_since + self._profile.dead_after_s
                return min(packets_at, dead_at)
            return packets_at
        if self.state is LinkState.HANDSHAKING:
            assert self._handshake is not None
            return self._handshake.next_deadline()
        return self._linger_until if self.state is LinkState.CLOSING else None


def _tell_nobody(_event: LinkEvent) -> None:
    pass
