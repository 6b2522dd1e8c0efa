"""Owns one link's way from Hello to signed in, the requests under way on it, and what waits to be written to it.

Not what the messages mean: that is the node's. A server that breaks the protocol loses the link here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec

from lanline.client.view.values import NodeState
from lanline.errors import (
    CloseCode,
    HistoryProblem,
    InvalidInput,
    LinkError,
    LinkLost,
    LinkNotOpen,
    ProtocolViolation,
    RequestRefused,
)
from lanline.model.text import safe_line, safe_text
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEvent, MessageReceived, MessagesDelivered, SendBufferDrained
from lanline.wire.chat.answers import Refused
from lanline.wire.chat.messages import BULK_KINDS, ClientMessage, ServerMessage, decode_server_message, encode_message
from lanline.wire.chat.pieces import MAX_PIECES, Listing, joined
from lanline.wire.chat.signin import VERSIONS, Hello, Join, NoCommonVersion, SetAway, SignedIn, SignIn, Welcome

Answer = ServerMessage | RequestRefused | LinkNotOpen
OnAnswer = Callable[[Answer], None]
NO_CONNECTION = "There is no connection to the server."


class ChatLink(Protocol):
    """The few calls that `transport.connection.Connection` and a simulation's link share."""

    def set_handler(self, handler: Callable[[LinkEvent], None]) -> None: ...

    def send_nowait(self, channel: Channel, payload: bytes) -> int:
        """Raises LinkNotOpen, SendBufferFull or MessageTooLarge, and then nothing was sent."""

    def is_writable(self, channel: Channel) -> bool:
        """After a False, `SendBufferDrained` or `LinkClosed` will come."""

    def close(self, code: CloseCode = CloseCode.DONE, reason: str = "") -> None: ...


TRANSITIONS = {
    NodeState.GREETING: {NodeState.SIGNING_IN, NodeState.OFFLINE},
    NodeState.SIGNING_IN: {NodeState.SIGNED_IN, NodeState.OFFLINE},
    NodeState.SIGNED_IN: {NodeState.SYNCHRONIZED, NodeState.OFFLINE},
    NodeState.SYNCHRONIZED: {NodeState.SYNCHRONIZED, NodeState.OFFLINE},
    NodeState.OFFLINE: set[NodeState](),
}


class AsDevice(msgspec.Struct, frozen=True):
    """By the key of the link: a device that joined before, or the operator."""

    is_away: bool = False
    """Nobody sits there: others are not told that this account comes."""


class AsNewcomer(msgspec.Struct, frozen=True):
    """Make an account or add this device to one; after it has worked, later links sign in as the device."""

    name: str
    password: str
    token: bytes | None = None

    def __repr__(self) -> str:
        return f"AsNewcomer({self.name!r}, ***)"


SignInWay = AsDevice | AsNewcomer


def refusal(message: Refused) -> RequestRefused:
    """Its text is shown as it is, so nothing of it may steer a terminal."""
    return RequestRefused(message.known_code, safe_text(message.text), message.retry_after_ms / 1000)


class SessionOwner(Protocol):
    """What the node does at each turn of its session. Calls of a session that is not its current one it ignores."""

    def on_signed_in(self, session: ClientSession, welcome: Welcome, signed_in: SignedIn) -> None: ...

    def on_sign_in_refused(self, _session: ClientSession, refused: RequestRefused) -> None: ...

    def on_version_refused(self, _session: ClientSession, versions: tuple[int, ...]) -> None: ...

    def on_server_message(self, session: ClientSession, message: ServerMessage) -> None: ...

    def on_room_to_send(self, session: ClientSession) -> None: ...

    def on_history_problem(self, _session: ClientSession, problem: HistoryProblem) -> None: ...

    def on_ended(self, session: ClientSession, reason: str, by_server: CloseCode | None) -> None: ...


class ClientSession:
    def __init__(self, link: ChatLink, way: SignInWay, owner: SessionOwner) -> None:
        self._state = NodeState.GREETING
        self._last_request = 0
        self._asked: dict[int, OnAnswer] = {}
        self._parts: dict[int, list[Listing]] = {}
        """Of answers that come in pieces."""
        self._link = link
        self._way = way
        self._is_away: bool | None = isinstance(way, AsDevice) and way.is_away
        """As the server was told; None when it takes no word of it."""
        self._owner = owner
        self._welcome: Welcome | None = None
        self._unsent: deque[tuple[Channel, bytes]] = deque()
        self._sent = self._delivered = 0
        self._when_delivered: list[Callable[[], None]] = []

    @property
    def state(self) -> NodeState:
        return self._state

    def _become(self, state: NodeState) -> None:
        assert state in TRANSITIONS[self._state], f"{self._state} -> {state}"
        self._state = state

    def begin(self) -> None:
        self._link.set_handler(self._on_link_event)
        if self._state is NodeState.GREETING:
            self.send(Hello(VERSIONS, "lanline"))

    def note_synchronized(self) -> None:
        """The tables of people and conversations are whole."""
        self._become(NodeState.SYNCHRONIZED)

    # Out.

    def send(self, message: ClientMessage) -> None:
        """In order, also when the link does not take it just now."""
        channel = Channel.BULK if isinstance(message, BULK_KINDS) else Channel.CHAT
        self._unsent.append((channel, encode_message(message)))
        self._send_unsent()

    @property
    def has_room(self) -> bool:
        """More may be sent without keeping it in memory."""
        return not self._unsent and self._link.is_writable(Channel.CHAT)

    def next_request(self) -> int:
        """A number that no other request on this link has."""
        self._last_request += 1
        return self._last_request

    def request(self, message: ClientMessage, on_answer: OnAnswer) -> None:
        if self._state not in {NodeState.SIGNED_IN, NodeState.SYNCHRONIZED}:
            on_answer(LinkNotOpen(NO_CONNECTION))
            return
        self._request(message, on_answer)

    def _request(self, message: ClientMessage, on_answer: OnAnswer) -> None:
        number = self.next_request()
        self._asked[number] = on_answer
        try:
            self.send(msgspec.structs.replace(message, request=number))
        except InvalidInput:
            del self._asked[number]
            raise

    def set_away(self, *, is_away: bool) -> None:
        """Whether nobody sits here, once it is signed in."""
        if self._is_away not in {None, is_away}:
            self._is_away = is_away
            self.request(SetAway(0, is_away), lambda _: None)

    def _answer(self, number: int, message: ServerMessage) -> bool:
        """False when nobody waits for it, or not any more."""
        if number not in self._asked:
            return False
        if isinstance(message, Listing):
            parts = self._parts.setdefault(number, [])
            parts.append(message)
            if not message.is_last and len(parts) < MAX_PIECES:
                return True
            message = joined(parts)
        self._parts.pop(number, None)
        on_answer = self._asked.pop(number)
        on_answer(refusal(message) if isinstance(message, Refused) else message)
        return True

    def _fail_requests(self, reason: str) -> None:
        asked, self._asked = self._asked, {}
        for on_answer in asked.values():
            on_answer(LinkLost(reason))

    def when_delivered(self, callback: Callable[[], None]) -> None:
        """Once the server's end of the link holds all that was sent until now; also when the link ends before."""
        self._when_delivered.append(callback)
        self._check_delivered()

    def _check_delivered(self) -> None:
        if self._state is NodeState.OFFLINE or (self._delivered >= self._sent and not self._unsent):
            callbacks, self._when_delivered = self._when_delivered, []
            for callback in callbacks:
                callback()

    def _send_unsent(self) -> None:
        try:
            while self._unsent:
                channel, data = self._unsent[0]
                if not self._link.is_writable(channel):
                    return
                number = self._link.send_nowait(channel, data)
                if channel is Channel.CHAT:
                    self._sent = number
                self._unsent.popleft()
        except LinkError:
            # Closed, and the event that says so is on its way.
            self._unsent.clear()

    # In.

    def _on_link_event(self, event: LinkEvent) -> None:
        if self._state is NodeState.OFFLINE:
            return
        match event:
            case MessageReceived(_, payload):
                self._on_payload(payload)
            case LinkClosed(code, reason, by_peer):
                self._end(safe_line(reason), by_server=code if by_peer else None)
            case MessagesDelivered(Channel.CHAT, through):
                self._delivered = through
                self._check_delivered()
            case SendBufferDrained():
                self._send_unsent()
                if self.has_room:
                    self._owner.on_room_to_send(self)
            case _:
                pass

    def _on_payload(self, payload: bytes) -> None:
        try:
            self._on_message(decode_server_message(payload))
        except (ProtocolViolation, OverflowError, HistoryProblem) as problem:
            self.end_by(problem)

    def end_by(self, problem: Exception) -> None:
        """What came cannot be taken in."""
        match problem:
            case ProtocolViolation():
                self._end(f"The server broke the protocol: {problem}.", CloseCode.PROTOCOL_VIOLATION)
            case OverflowError():
                self._end("The server broke the protocol: it named a number too large.", CloseCode.PROTOCOL_VIOLATION)
            case HistoryProblem():
                self._owner.on_history_problem(self, problem)
                # Where this device keeps its files is nobody else's business.
                self._end(str(problem), CloseCode.GOING_AWAY, told="")
            case _:
                raise problem

    def _on_message(self, message: ServerMessage) -> None:
        if self._state is NodeState.GREETING:
            self._on_greeting(message)
        elif self._state is NodeState.SIGNING_IN and not isinstance(message, SignedIn | Refused):
            raise ProtocolViolation("it spoke before the sign-in was answered")
        elif isinstance(message, Welcome | NoCommonVersion):
            raise ProtocolViolation("it greeted twice")
        else:
            number = getattr(message, "request", 0)
            if not (number and self._answer(number, message)):
                self._owner.on_server_message(self, message)

    def _on_greeting(self, message: ServerMessage) -> None:
        match message:
            case Welcome(version) if version in VERSIONS:
                self._welcome = message
                self._become(NodeState.SIGNING_IN)
                self._request(self._sign_in(), self._on_sign_in_answered)
            case NoCommonVersion(versions):
                self._owner.on_version_refused(self, versions)
                self._end("The server speaks another version.", CloseCode.INCOMPATIBLE_VERSION)
            case _:
                raise ProtocolViolation("its first message is no greeting")

    def _sign_in(self) -> SignIn | Join:
        match self._way:
            case AsNewcomer(name, password, token):
                return Join(0, name, password, token=token)
            case AsDevice(is_away):
                return SignIn(0, is_away)

    def _on_sign_in_answered(self, answer: Answer) -> None:
        match answer:
            case SignedIn():
                assert self._welcome is not None
                self._become(NodeState.SIGNED_IN)
                self._is_away = self._is_away if answer.knows_away else None
                self._owner.on_signed_in(self, self._welcome, answer)
            case RequestRefused():
                self._owner.on_sign_in_refused(self, answer)
                self._end(str(answer), CloseCode.DONE)
            case LinkNotOpen():
                pass
            case _:
                raise ProtocolViolation("it answered the sign-in with something else")

    # The end.

    def leave(self, code: CloseCode, reason: str) -> None:
        """Close without a word to the owner: it knows, or another session has taken over."""
        if self._stop():
            self._link.close(code, reason)
            self._fail_requests("The connection was closed.")

    def _end(
        self,
        reason: str,
        code: CloseCode | None = None,
        told: str | None = None,
        *,
        by_server: CloseCode | None = None,
    ) -> None:
        """The link has ended or, with a code, is ended here; `told` goes to the server in place of the reason."""
        if not self._stop():
            return
        if code is not None:
            self._link.close(code, reason if told is None else told)
        self._fail_requests(reason or "The connection was lost.")
        self._owner.on_ended(self, reason, by_server)

    def _stop(self) -> bool:
        """First of all, since closing reports events of its own."""
        was_running = self._state is not NodeState.OFFLINE
        if was_running:
            self._become(NodeState.OFFLINE)
        self._unsent.clear()
        self._check_delivered()
        return was_running
