"""One link's way from Hello to signed in, and what it carries after that: messages in, and out as far as it takes them.

What the messages mean is the node's; a server that breaks the protocol loses the link here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Protocol

import msgspec

from lanline.client.chat.link import ChatLink
from lanline.client.chat.requests import Answer, OnAnswer, Requests
from lanline.errors import (
    CloseCode,
    HistoryProblem,
    InvalidInput,
    LinkError,
    LinkNotOpen,
    ProtocolViolation,
    RequestRefused,
)
from lanline.model.text import safe_line
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEvent, MessageReceived, MessagesDelivered, SendBufferDrained
from lanline.wire.chat.answers import Refused
from lanline.wire.chat.blobs import GetBlob, PutBlob
from lanline.wire.chat.messages import ClientMessage, ServerMessage, decode_server_message, encode_message
from lanline.wire.chat.signin import VERSIONS, Hello, Join, NoCommonVersion, SignedIn, SignIn, Welcome


class NodeState(Enum):
    OFFLINE = "offline"
    GREETING = "greeting"
    SIGNING_IN = "signing in"
    SIGNED_IN = "signed in"
    """Requests are answered; the tables of people and conversations are on their way."""
    SYNCHRONIZED = "synchronized"


class AsDevice(msgspec.Struct, frozen=True):
    """By the key of the link: a device that joined before, or the operator."""


class AsNewcomer(msgspec.Struct, frozen=True):
    """Make an account or add this device to one; after it has worked, later links sign in as the device."""

    name: str
    password: str
    label: str
    token: bytes | None = None

    def __repr__(self) -> str:
        return f"AsNewcomer({self.name!r}, ***)"


SignInWay = AsDevice | AsNewcomer


class SessionOwner(Protocol):
    """What the node does at each turn of its session. Calls of a session that is not its current one it ignores."""

    def on_signed_in(self, session: Session, welcome: Welcome, signed_in: SignedIn) -> None: ...

    def on_sign_in_refused(self, _session: Session, refused: RequestRefused) -> None: ...

    def on_version_refused(self, _session: Session, versions: tuple[int, ...]) -> None: ...

    def on_server_message(self, session: Session, message: ServerMessage) -> None: ...

    def on_room_to_send(self, session: Session) -> None: ...

    def on_history_problem(self, _session: Session, problem: HistoryProblem) -> None: ...

    def on_ended(self, session: Session, reason: str, *, is_for_good: bool) -> None: ...


class Session:
    def __init__(self, link: ChatLink, way: SignInWay, software: str, owner: SessionOwner) -> None:
        self.state = NodeState.GREETING
        self.requests = Requests()
        self._link = link
        self._way = way
        self._owner = owner
        self._welcome: Welcome | None = None
        self._unsent: deque[tuple[Channel, bytes]] = deque()
        self._sent = self._delivered = 0
        self._when_delivered: list[Callable[[], None]] = []
        self._hello = Hello(VERSIONS, software)

    def begin(self) -> None:
        self._link.set_handler(self._on_link_event)
        if self.state is NodeState.GREETING:
            self.send(self._hello)

    # Out.

    def send(self, message: ClientMessage) -> None:
        """In order, also when the link does not take it just now."""
        channel = Channel.BULK if isinstance(message, PutBlob | GetBlob) else Channel.CHAT
        self._unsent.append((channel, encode_message(message)))
        self._send_unsent()

    @property
    def has_room(self) -> bool:
        """More may be sent without keeping it in memory."""
        return not self._unsent and self._link.is_writable(Channel.CHAT)

    def request(self, message: ClientMessage, on_answer: OnAnswer) -> None:
        if self.state not in {NodeState.SIGNED_IN, NodeState.SYNCHRONIZED}:
            on_answer(LinkNotOpen("There is no connection to the server."))
            return
        self._request(message, on_answer)

    def _request(self, message: ClientMessage, on_answer: OnAnswer) -> None:
        number = self.requests.expect(on_answer)
        try:
            self.send(msgspec.structs.replace(message, request=number))
        except InvalidInput:
            self.requests.forget(number)
            raise

    def when_delivered(self, callback: Callable[[], None]) -> None:
        """Once the server's end of the link holds all that was sent until now; also when the link ends before."""
        self._when_delivered.append(callback)
        self._check_delivered()

    def _check_delivered(self) -> None:
        if self.state is NodeState.OFFLINE or (self._delivered >= self._sent and not self._unsent):
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
        if self.state is NodeState.OFFLINE:
            return
        match event:
            case MessageReceived(_, payload):
                self._on_payload(payload)
            case LinkClosed(code, reason, by_peer):
                self._end(safe_line(reason), is_for_good=by_peer and code is CloseCode.DONE)
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
        except ProtocolViolation as violation:
            self._end(f"The server broke the protocol: {violation}.", CloseCode.PROTOCOL_VIOLATION)
        except OverflowError:
            self._end("The server broke the protocol: it named a number too large.", CloseCode.PROTOCOL_VIOLATION)
        except HistoryProblem as problem:
            self._owner.on_history_problem(self, problem)
            # Where this device keeps its files is nobody else's business.
            self._end(str(problem), CloseCode.GOING_AWAY, told="")

    def _on_message(self, message: ServerMessage) -> None:
        if self.state is NodeState.GREETING:
            self._on_greeting(message)
        elif self.state is NodeState.SIGNING_IN and not isinstance(message, SignedIn | Refused):
            raise ProtocolViolation("it spoke before the sign-in was answered")
        elif isinstance(message, Welcome | NoCommonVersion):
            raise ProtocolViolation("it greeted twice")
        else:
            number = getattr(message, "request", 0)
            if not (number and self.requests.answer(number, message)):
                self._owner.on_server_message(self, message)

    def _on_greeting(self, message: ServerMessage) -> None:
        match message:
            case Welcome(version) if version in VERSIONS:
                self._welcome = message
                self.state = NodeState.SIGNING_IN
                self._request(self._sign_in(), self._on_sign_in_answered)
            case NoCommonVersion(versions):
                self._owner.on_version_refused(self, versions)
                self._end("The server speaks another version.", CloseCode.INCOMPATIBLE_VERSION)
            case _:
                raise ProtocolViolation("its first message is no greeting")

    def _sign_in(self) -> SignIn | Join:
        match self._way:
            case AsNewcomer(name, password, label, token):
                return Join(0, name, password, label, token)
            case _:
                return SignIn(0)

    def _on_sign_in_answered(self, answer: Answer) -> None:
        match answer:
            case SignedIn():
                assert self._welcome is not None
                self.state = NodeState.SIGNED_IN
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
            self.requests.fail_all("The connection was closed.")

    def _end(
        self, reason: str, code: CloseCode | None = None, told: str | None = None, *, is_for_good: bool = False
    ) -> None:
        """The link has ended or, with a code, is ended here; `told` goes to the server in place of the reason.

        For good: chat.md, section 13.
        """
        if not self._stop():
            return
        if code is not None:
            self._link.close(code, reason if told is None else told)
        self.requests.fail_all(reason or "The connection was lost.")
        self._owner.on_ended(self, reason, is_for_good=is_for_good)

    def _stop(self) -> bool:
        """First of all, since closing reports events of its own."""
        was_running = self.state is not NodeState.OFFLINE
        self.state = NodeState.OFFLINE
        self._unsent.clear()
        self._check_delivered()
        return was_running
