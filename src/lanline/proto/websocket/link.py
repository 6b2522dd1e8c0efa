"""One WebSocket link: a `MessageLink` on one side, the bytes of a TCP connection on the other.

Owns the states, the channels and the order in which they go out. What the bytes mean is the stack's (`stack.py`). The
transport calls one of the `receive_` methods or `handle_timer`, then drains: `next_event` until None, `bytes_to_send`,
and, when `has_ended_output`, half-closes; when `is_closed`, closes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from lanline.crypto.openssl import SSL
from lanline.errors import CloseCode, LinkNotOpen, MessageTooLarge, ProtocolViolation
from lanline.proto.channels import RELIABLE_CHANNELS, Channel
from lanline.proto.events import (
    LinkClosed,
    LinkEstablished,
    LinkEvent,
    MessageReceived,
    MessagesDelivered,
    SendBufferDrained,
)
from lanline.proto.framing import MessageParser, frame_message
from lanline.proto.websocket.deadlines import Deadlines
from lanline.proto.websocket.incoming import ReliableIncoming
from lanline.proto.websocket.outgoing import ReliableOutgoing, UnreliableOutgoing
from lanline.proto.websocket.profile import WebSocketProfile
from lanline.proto.websocket.stack import StackEnded, StackOpened, StackOutput, StackSecured, Unit, WebSocketStack
from lanline.proto.websocket.states import ENDED_STATES, TRANSITIONS, LinkState
from lanline.proto.websocket.units import (
    DATA_HEADERS,
    MAX_BODY_BYTES,
    PIECE_BYTES,
    UNRELIABLE_HEADERS,
    WIRE_OVERHEAD_BYTES,
    UnitKind,
    decode_number,
    decode_unit,
    encode_credit,
    encode_delivered,
)

_BY_PRIORITY = tuple(Channel)
_DEFAULT_PROFILE = WebSocketProfile()


class WebSocketLink:
    __slots__ = (
        "_deadlines",
        "_events",
        "_incoming",
        "_media",
        "_outgoing",
        "_profile",
        "_stack",
        "_state",
        "is_trusted",
    )  # fmt: skip

    def __init__(self, stack: WebSocketStack, profile: WebSocketProfile, now: float) -> None:
        self._stack = stack
        self._profile = profile
        self._state = LinkState.SECURING
        self._deadlines = Deadlines(profile, now)
        self._events: deque[LinkEvent] = deque()
        self._outgoing = {
            channel: ReliableOutgoing(channel, profile.send_buffer_bytes) for channel in RELIABLE_CHANNELS
        }
        self._media = UnreliableOutgoing(profile.unreliable_buffer_bytes)
        strangers_bytes = profile.stranger_window_bytes
        self.is_trusted = strangers_bytes is None
        if self.is_trusted:
            stack.trust()
        window_bytes = strangers_bytes or profile.receive_window_bytes
        most_bytes = strangers_bytes or profile.max_message_bytes
        self._incoming = {channel: ReliableIncoming(channel, window_bytes, most_bytes) for channel in RELIABLE_CHANNELS}

    @classmethod
    def connect(
        cls,
        context: SSL.Context,
        address: tuple[str, int],
        now: float,
        *,
        expected_fingerprint: bytes | None = None,
        profile: WebSocketProfile = _DEFAULT_PROFILE,
    ) -> WebSocketLink:
        """The address is what the HTTP request names; connecting to it is the transport's work."""
        host, port = address
        return cls(WebSocketStack.client(context, host, port, expected_fingerprint), profile, now)

    @classmethod
    def accept(cls, context: SSL.Context, now: float, *, profile: WebSocketProfile = _DEFAULT_PROFILE) -> WebSocketLink:
        return cls(WebSocketStack.server(context), profile, now)

    # What the transport calls.

    @property
    def is_closed(self) -> bool:
        return self._state is LinkState.CLOSED

    @property
    def has_ended_output(self) -> bool:
        """After the next `bytes_to_send` there will be none."""
        return self._state in ENDED_STATES

    @property
    def has_more_to_send(self) -> bool:
        return self._state is LinkState.OPEN and (
            self._media.is_ready or any(outgoing.is_ready for outgoing in self._outgoing.values())
        )

    def receive_bytes(self, data: bytes, now: float) -> None:
        if self._state in ENDED_STATES or not data:
            return
        self._deadlines.heard(now)
        self._take_in(self._stack.receive_bytes(data), now)

    def receive_eof(self, now: float) -> None:
        if self._state not in ENDED_STATES:
            self._take_in(self._stack.receive_eof(), now)
        if self._state is not LinkState.CLOSED:
            self._enter(LinkState.CLOSED)

    def bytes_to_send(self, now: float, room: int | None = None) -> bytes:  # noqa: ARG002 - every machine is given the time
        """The room is `max_ahead_bytes` less what the transport still holds: beyond it nothing is sealed yet.

        Handshake and goodbye are small and ignore it.
        """
        if self._state is LinkState.OPEN:
            room_bytes = self._profile.max_ahead_bytes if room is None else room
            if room_bytes > 0:
                self._fill(room_bytes)
        elif self._state is LinkState.UPGRADING:
            self._stack.flush()
        return self._stack.bytes_to_send()

    def handle_timer(self, now: float) -> None:
        deadline = self._deadlines.next(self._state)
        if deadline is None or now < deadline:
            return
        if self._state is LinkState.CLOSING:
            self._enter(LinkState.CLOSED)
        elif self._state is not LinkState.OPEN:
            self._end(CloseCode.HANDSHAKE_FAILED, "The handshake took too long.", now)
        elif self._deadlines.is_dead(now):
            self._end(CloseCode.UNREACHABLE, "Nothing was heard from the peer for too long.", now)
        elif self._deadlines.ask(now):
            self._stack.send_ping()

    def next_deadline(self) -> float | None:
        return self._deadlines.next(self._state)

    # What the session calls.

    def next_event(self) -> LinkEvent | None:
        return self._events.popleft() if self._events else None

    def send_message(self, channel: Channel, payload: bytes) -> int:
        self._require_open()
        if channel is Channel.MEDIA:
            _require_unit_size(len(payload))
            self._media.append(payload)
            return 0
        if len(payload) > self._profile.max_message_bytes:
            raise MessageTooLarge(
                f"A message holds at most {self._profile.max_message_bytes} bytes; this one has {len(payload)}."
            )
        return self._outgoing[channel].append(frame_message(payload), 1)

    def send_framed(self, channel: Channel, framed: bytes, count: int) -> int:
        self._require_open()
        if channel is not Channel.MEDIA:
            return self._outgoing[channel].append(framed, count)
        payloads = MessageParser(len(framed)).feed(framed)
        _require_unit_size(max(map(len, payloads), default=0))
        for payload in payloads:
            self._media.append(payload)
        return 0

    def is_writable(self, channel: Channel) -> bool:
        if self._state in ENDED_STATES:
            return False
        return channel is Channel.MEDIA or self._outgoing[channel].has_room()

    @property
    def largest_datagram_bytes(self) -> int:
        return MAX_BODY_BYTES

    @property
    def queueing_s(self) -> float | None:
        """TCP's to know."""
        return None

    def trust(self) -> None:
        self.is_trusted = True
        self._stack.trust()
        for incoming in self._incoming.values():
            incoming.widen(self._profile.receive_window_bytes, self._profile.max_message_bytes)

    def release(self, channel: Channel, size_bytes: int) -> None:
        if channel is not Channel.MEDIA and self._state not in ENDED_STATES:
            self._incoming[channel].release(size_bytes)

    def close(self, code: CloseCode, reason: str, now: float) -> None:
        if self._state not in ENDED_STATES:
            self._end(code, reason, now)

    # Receiving.

    def _take_in(self, outputs: Iterable[StackOutput], now: float) -> None:
        try:
            for output in outputs:
                self._handle(output, now)
                if self._state in ENDED_STATES:
                    return
        except ProtocolViolation as violation:
            self._end(CloseCode.PROTOCOL_VIOLATION, f"The peer broke the protocol: {violation}.", now)

    def _handle(self, output: StackOutput, now: float) -> None:
        if isinstance(output, Unit):
            self._receive_unit(output)
        elif isinstance(output, StackEnded):
            self._end(output.code, output.reason, now, by_peer=output.by_peer)
        elif isinstance(output, StackSecured):
            self._enter(LinkState.UPGRADING)
        elif isinstance(output, StackOpened):
            self._enter(LinkState.OPEN)
            self._events.append(LinkEstablished(output.peer_fingerprint, output.binding))

    def _receive_unit(self, unit: Unit) -> None:
        kind, channel, body = decode_unit(unit)
        if kind is UnitKind.DATA:
            if not self.is_trusted and channel is not Channel.CHAT:
                raise ProtocolViolation(f"{channel.name} was used by somebody who has not signed in")
            for payload in self._incoming[channel].receive(body):
                self._events.append(MessageReceived(channel, payload))
        elif kind is UnitKind.DELIVERED:
            through = decode_number(body)
            self._outgoing[channel].confirm(through)
            self._events.append(MessagesDelivered(channel, through))
        elif kind is UnitKind.CREDIT:
            self._outgoing[channel].raise_credit(decode_number(body))
        else:
            self._events.append(MessageReceived(channel, body))

    # Sending.

    def _fill(self, room_bytes: int) -> None:
        for channel, incoming in self._incoming.items():
            if incoming.has_news:
                self._tell_news(channel, incoming)
        for channel in _BY_PRIORITY:
            room_bytes -= self._send_media(room_bytes) if channel is Channel.MEDIA else self._send(channel, room_bytes)
            self._stack.flush()

    def _tell_news(self, channel: Channel, incoming: ReliableIncoming) -> None:
        if (through := incoming.count_to_confirm()) is not None:
            self._stack.send_unit(encode_delivered(channel, through))
        if (limit := incoming.credit_to_grant()) is not None:
            self._stack.send_unit(encode_credit(channel, limit))

    def _send(self, channel: Channel, room_bytes: int) -> int:
        outgoing = self._outgoing[channel]
        spent = 0
        while spent < room_bytes and outgoing.is_ready:
            piece = outgoing.take(min(PIECE_BYTES, room_bytes - spent))
            self._stack.send_unit(DATA_HEADERS[channel] + piece)
            if channel is Channel.BULK:  # a record is opened when all of it is there: no message waits for the next one
                self._stack.flush()
            spent += len(piece) + WIRE_OVERHEAD_BYTES
        if outgoing.is_full and outgoing.take_drained():
            self._events.append(SendBufferDrained(channel))
        return spent

    def _send_media(self, room_bytes: int) -> int:
        spent = 0
        while spent < room_bytes and self._media.is_ready:
            payload = self._media.take()
            self._stack.send_unit(UNRELIABLE_HEADERS[Channel.MEDIA] + payload)
            spent += len(payload) + WIRE_OVERHEAD_BYTES
        return spent

    def _require_open(self) -> None:
        if self._state in ENDED_STATES:
            raise LinkNotOpen("The link is closed.")

    # Ending.

    def _end(self, code: CloseCode, reason: str, now: float, *, by_peer: bool = False) -> None:
        for outgoing in self._outgoing.values():
            outgoing.give_up()
        self._media.give_up()
        self._stack.say_goodbye(code, reason)
        self._events.append(LinkClosed(code, reason, by_peer))
        self._deadlines.closing(now)
        self._enter(LinkState.CLOSING)

    def _enter(self, state: LinkState) -> None:
        assert state in TRANSITIONS[self._state], f"{self._state} to {state}"
        self._state = state


def _require_unit_size(size_bytes: int) -> None:
    if size_bytes > MAX_BODY_BYTES:
        raise MessageTooLarge(f"A datagram holds at most {MAX_BODY_BYTES} bytes; this one has {size_bytes}.")
