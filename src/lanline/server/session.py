"""One client's link: takes its messages apart, hands each to whom it concerns, and ends with the link.

Whatever a client sends, and whatever goes wrong with it, stays with its session.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Protocol

from lanline.clock import Clock, Timer
from lanline.errors import CloseCode, ProtocolViolation, RefusalCode, RequestRefused
from lanline.model.accounts import AccountId, DeviceId
from lanline.model.logs import LogId
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEvent, MessageReceived, MessagesDelivered, PeerMoved, SendBufferDrained
from lanline.server.outlet import Outlet
from lanline.server.ports import ClientLink
from lanline.server.refusals import as_refusal, refused, slow_down
from lanline.services.rooms import Actor
from lanline.wire.chat.blobs import GetBlob, PutBlob
from lanline.wire.chat.limits import MAX_MESSAGE_BYTES
from lanline.wire.chat.messages import ClientMessage, ServerMessage, decode_client_message, encode_message
from lanline.wire.chat.signin import Hello, Join, SignIn

_LOG = logging.getLogger(__name__)
Address = tuple[str, int]
Handler = Callable[["Session", Any], None]

_BULK_MESSAGES = (PutBlob, GetBlob)
_MOST_MESSAGES_BEFORE_SIGN_IN = 16
_MOST_REQUESTS_UNANSWERED = 64
_MOST_BLOB_BYTES_UNCOMMITTED = 2 * 1024 * 1024
_BUSY_S = 0.25
_FAREWELL_S = 2.0


class State(Enum):
    CONNECTED = "connected"
    GREETED = "greeted"
    JOINING = "joining"
    """A password is being looked at."""
    SIGNED_IN = "signed in"
    ENDING = "ending"
    """Reads nothing more; the link closes once the last word has arrived."""
    CLOSED = "closed"


_DEAF = {State.ENDING, State.CLOSED}


class SessionHost(Protocol):
    """Whoever keeps the sessions hears of each what concerns all."""

    def fall_behind(self, session: Session) -> None:
        """Its link is full."""

    def go_on(self, session: Session) -> None:
        """There is room for more of what it has missed."""

    def moved(self, session: Session) -> None: ...

    def left(self, session: Session) -> None:
        """Nobody is signed in on it any more, though its link may live on."""

    def ended(self, session: Session) -> None: ...


class Session:
    __slots__ = (
        "_blob_bytes",
        "_farewell",
        "_handlers",
        "_host",
        "_messages_before_sign_in",
        "_requests",
        "account",
        "address",
        "behind",
        "device",
        "following",
        "held",
        "is_admin",
        "link",
        "outlet",
        "state",
        "timer",
        "uncommitted",
        "uncommitted_bytes",
    )

    def __init__(self, link: ClientLink, address: Address, handlers: Mapping[type, Handler], host: SessionHost) -> None:
        self.link = link
        self.address = address
        self.outlet = Outlet(link)
        self.state = State.CONNECTED
        self.account = AccountId(0)
        self.device = DeviceId(0)
        self.is_admin = False
        self.timer: Timer | None = None
        self.following: set[LogId] = set()
        """The logs in which it is live."""
        self.behind: dict[LogId, int] = {}
        """The logs that it still reads, and how far it has been sent them."""
        self.held: bytes | None = None
        """The append that was refused for now: it comes first, or the order would break."""
        self.uncommitted = 0
        self.uncommitted_bytes = 0
        self._handlers = handlers
        self._host = host
        self._messages_before_sign_in = 0
        self._requests = 0
        self._blob_bytes = 0
        self._farewell: tuple[CloseCode, str] | None = None

    @property
    def actor(self) -> Actor:
        return Actor(self.account, self.is_admin)

    @property
    def is_operator(self) -> bool:
        return self.state is State.SIGNED_IN and self.account == 0

    # What comes.

    def handle_event(self, event: LinkEvent) -> None:
        kind = type(event)
        if kind is MessageReceived:
            self._receive(event)  # type: ignore[arg-type]
        elif kind is MessagesDelivered:
            self._note_delivered(event)  # type: ignore[arg-type]
        elif isinstance(event, SendBufferDrained):
            self._resume(event.channel)
        elif isinstance(event, PeerMoved):
            self.address = event.address
            self._host.moved(self)
        elif isinstance(event, LinkClosed):
            self.state = State.CLOSED
            self._host.ended(self)

    def _receive(self, event: MessageReceived) -> None:
        if self.state in _DEAF:
            return
        message: ClientMessage | None = None
        try:
            message = decode_client_message(event.payload)
            kind = type(message)
            if event.channel is not Channel.CHAT or kind in _BULK_MESSAGES:
                _check_channel(event.channel, kind)
            if self.state is not State.SIGNED_IN:
                self._check_before_sign_in(event.channel, message)
            self._handlers[kind](self, message)
        except ProtocolViolation as violation:
            self.close(CloseCode.PROTOCOL_VIOLATION, str(violation))
        except Exception as problem:  # noqa: BLE001 -- whatever it is, it is this session's alone
            self._fail(message, problem)

    def _check_before_sign_in(self, channel: Channel, message: ClientMessage) -> None:
        if channel is not Channel.CHAT:
            raise ProtocolViolation("files come after signing in")
        self._messages_before_sign_in += 1
        if self._messages_before_sign_in > _MOST_MESSAGES_BEFORE_SIGN_IN:
            raise ProtocolViolation("too much was said before signing in")
        if isinstance(message, Hello) != (self.state is State.CONNECTED):
            raise ProtocolViolation("a client says hello, first and once")
        if not isinstance(message, Hello | SignIn | Join):
            if not hasattr(message, "request"):
                raise ProtocolViolation("a client signs in first")
            raise RequestRefused(RefusalCode.NOT_SIGNED_IN, "Sign in first.")
        if self.state is State.JOINING:
            raise slow_down(_BUSY_S)

    def _fail(self, message: ClientMessage | None, problem: Exception) -> None:
        request: int | None = getattr(message, "request", None)
        if request is not None:
            self.refuse(request, problem)
            return
        # Nobody waits for an answer, and what the client believes from here on would be wrong.
        _LOG.error("A message could not be dealt with.", exc_info=problem)
        self.close(CloseCode.RESET, "The server failed at a message. Connect again.")

    def _note_delivered(self, event: MessagesDelivered) -> None:
        if event.channel is not Channel.CHAT:
            return
        if self.outlet.confirm(event.through) and self.behind:
            self._host.go_on(self)
        if self._farewell is not None and not self.outlet.is_stopped and event.through >= self.outlet.last_number:
            self.close(*self._farewell)

    def _resume(self, channel: Channel) -> None:
        if channel is Channel.CHAT:
            self.outlet.resume()
            if self.behind:
                self._host.go_on(self)

    # What goes.

    def send(self, message: ServerMessage) -> None:
        payload = encode_message(message)
        if len(payload) > MAX_MESSAGE_BYTES:
            raise RequestRefused(RefusalCode.TOO_LARGE, "The answer is larger than a message may be.")
        if not self.outlet.send(payload):
            self._host.fall_behind(self)

    def send_framed(self, framed: bytes) -> None:
        """One message that goes to many."""
        if not self.outlet.send_framed(framed):
            self._host.fall_behind(self)

    def send_bulk(self, message: ServerMessage) -> None:
        """Nothing of this waits here: who fetches faster than the link carries asks again."""
        if not self.link.is_writable(Channel.BULK):
            raise slow_down(_BUSY_S)
        self.link.send_nowait(Channel.BULK, encode_message(message))

    def refuse(self, request: int, problem: BaseException) -> None:
        self.send(refused(request, as_refusal(problem)))

    def attempt(self, request: int, step: Callable[[], None]) -> None:
        """What is done later than the message came that asked for it: a failure is answered all the same."""
        try:
            step()
        except Exception as problem:  # noqa: BLE001 -- answered, and logged where it is ours
            self.refuse(request, problem)

    def begin_request(self) -> None:
        """One that waits for the disk."""
        if self._requests >= _MOST_REQUESTS_UNANSWERED:
            raise slow_down(_BUSY_S)
        self._requests += 1

    def end_request(self) -> None:
        self._requests -= 1

    def begin_blob(self, size_bytes: int) -> None:
        if self._blob_bytes + size_bytes > _MOST_BLOB_BYTES_UNCOMMITTED:
            raise slow_down(_BUSY_S)
        self._blob_bytes += size_bytes

    def end_blob(self, size_bytes: int) -> None:
        self._blob_bytes -= size_bytes

    # The end.

    def close(self, code: CloseCode, reason: str) -> None:
        if self.state is not State.CLOSED:
            self.state = State.ENDING
            self.link.close(code, reason)

    def close_after_this(self, code: CloseCode, reason: str, clock: Clock) -> None:
        """A link that closes gives up what is under way; hence only when the last word has arrived, or time is up."""
        self.state = State.ENDING
        self._farewell = (code, reason)
        self._host.left(self)
        if self.timer is not None:
            self.timer.cancel()
        self.timer = clock.call_later(_FAREWELL_S, lambda: self.close(code, reason))


def _check_channel(channel: Channel, kind: type) -> None:
    if (channel is Channel.BULK) != (kind in _BULK_MESSAGES) or channel not in {Channel.CHAT, Channel.BULK}:
        raise ProtocolViolation("a message came on a channel that is not its own")
