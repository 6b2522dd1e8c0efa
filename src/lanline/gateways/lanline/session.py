"""Owns one client's link: takes its messages apart, hands each to its handler, and ends with the link.

Whatever a client sends, and whatever goes wrong with it, stays with its session.

    CONNECTED   Hello -> GREETED
    GREETED     SignIn, Join -> SIGNING_IN
    SIGNING_IN  the core's answer -> SIGNED_IN, or back to GREETED
    ENDING      reads nothing more; the link closes once the last word has arrived
    CLOSED      the link is gone
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Protocol, TypeVar

from lanline.clock import Clock, Timer
from lanline.core.appends import Author
from lanline.core.changes import Actor
from lanline.core.refusals import as_refusal, slow_down
from lanline.core.signin import SignedIn
from lanline.errors import CloseCode, ProtocolViolation, RefusalCode, RequestRefused
from lanline.gateways.lanline.sendqueue import ClientLink, SendQueue
from lanline.model.accounts import AccountId
from lanline.model.logs import Appended, LogId
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEvent, MessageReceived, MessagesDelivered, PeerMoved, SendBufferDrained
from lanline.ticket import Ticket
from lanline.wire.chat.answers import Refused
from lanline.wire.chat.entries import Committed, Place
from lanline.wire.chat.limits import MAX_MESSAGE_BYTES
from lanline.wire.chat.messages import BULK_KINDS, ClientMessage, ServerMessage, decode_client_message, encode_message
from lanline.wire.chat.pieces import Listing, pieces
from lanline.wire.chat.signin import Hello, Join, SignIn

_LOG = logging.getLogger(__name__)
T = TypeVar("T")
Address = tuple[str, int]
Handler = Callable[["Session", Any], None]

_MAX_MESSAGES_BEFORE_SIGN_IN = 16
_MAX_REQUESTS_UNANSWERED = 64
_MAX_BLOB_BYTES_UNCOMMITTED = 2 * 1024 * 1024
_BUSY_S = 0.25
_UNREAD_WAIT_S = 1.0
"""For a client that asks faster than it reads the answers."""
_FAREWELL_S = 2.0


class State(Enum):
    CONNECTED = "connected"
    GREETED = "greeted"
    SIGNING_IN = "signing in"
    SIGNED_IN = "signed in"
    ENDING = "ending"
    CLOSED = "closed"


_NEXT: Mapping[State, frozenset[State]] = {
    State.CONNECTED: frozenset({State.GREETED, State.ENDING, State.CLOSED}),
    State.GREETED: frozenset({State.SIGNING_IN, State.ENDING, State.CLOSED}),
    State.SIGNING_IN: frozenset({State.GREETED, State.SIGNED_IN, State.ENDING, State.CLOSED}),
    State.SIGNED_IN: frozenset({State.ENDING, State.CLOSED}),
    State.ENDING: frozenset({State.ENDING, State.CLOSED}),
    State.CLOSED: frozenset(),
}
_FIRST_MESSAGES = {Hello, SignIn, Join}
_DEAF = {State.ENDING, State.CLOSED}
_NOBODY = Actor(AccountId(-1))


class SessionHost(Protocol):
    """Whoever keeps the sessions hears of each what concerns all."""

    def came(self, session: Session, signed_in: SignedIn, request: int) -> None:
        """Somebody has signed in on it."""

    def fall_behind(self, session: Session) -> None:
        """Its link is full."""

    def go_on(self, session: Session) -> None:
        """There is room for more of what it has missed."""

    def count_excess(self, session: Session) -> None:
        """One more message of those that no program sends for long: to be told to slow down costs the server, too."""

    def moved(self, session: Session) -> None: ...

    def left(self, session: Session) -> None:
        """Nobody is signed in on it any more, though its link may live on."""

    def ended(self, session: Session) -> None: ...


class Session:
    __slots__ = (
        "_blob_bytes",
        "_entering",
        "_farewell",
        "_handlers",
        "_host",
        "_messages_before_sign_in",
        "_questions",
        "_requests",
        "_state",
        "_timer",
        "actor",
        "address",
        "author",
        "behind",
        "is_away",
        "link",
        "queue",
    )

    def __init__(self, link: ClientLink, address: Address, handlers: Mapping[type, Handler], host: SessionHost) -> None:
        self.link = link
        self.address = address
        self.queue = SendQueue(link)
        self.actor = _NOBODY
        self.author: Author | None = None
        """Of its appends, from the first one on."""
        self.behind: dict[LogId, int] = {}
        """The logs that it still reads, and how far it has been sent them."""
        self.is_away = False
        """Nobody sits there: its account is not online by it."""
        self._state = State.CONNECTED
        self._handlers = handlers
        self._host = host
        self._entering: Ticket[SignedIn] | None = None
        self._messages_before_sign_in = 0
        self._requests = 0
        self._questions: deque[tuple[Ticket[Any], Callable[[Ticket[Any]], None]]] | None = None
        """Those that the store has not answered yet, and those asked after them."""
        self._blob_bytes = 0
        self._timer: Timer | None = None
        self._farewell: tuple[CloseCode, str] | None = None

    @property
    def is_signed_in(self) -> bool:
        return self._state is State.SIGNED_IN

    def _move(self, state: State) -> None:
        assert state in _NEXT[self._state], f"{self._state} -> {state}"
        self._state = state

    # What comes.

    def handle_event(self, event: LinkEvent) -> None:
        kind = type(event)
        if kind is MessageReceived:
            self._receive(event)  # type: ignore[arg-type]
        elif kind is MessagesDelivered:
            if self.queue.unconfirmed is not None or self._farewell is not None:
                self._note_delivered(event)  # type: ignore[arg-type]
        elif isinstance(event, SendBufferDrained):
            self._resume(event.channel)
        elif isinstance(event, PeerMoved):
            self.address = event.address
            self._host.moved(self)
        elif isinstance(event, LinkClosed) and self._state is not State.CLOSED:
            self._move(State.CLOSED)
            self._stop_waiting()
            self._host.ended(self)

    def _receive(self, event: MessageReceived) -> None:
        if self._state in _DEAF:
            return
        message: ClientMessage | None = None
        try:
            message = decode_client_message(event.payload)
            kind = type(message)
            if event.channel is not Channel.CHAT or kind in BULK_KINDS:
                _check_channel(event.channel, kind)
            if self._state is not State.SIGNED_IN:
                self._check_before_sign_in(event.channel, message)
            elif kind in _FIRST_MESSAGES:
                _refuse_second_greeting()
            self._handlers[kind](self, message)
        except ProtocolViolation as violation:
            self.close(CloseCode.PROTOCOL_VIOLATION, str(violation))
        except Exception as problem:  # noqa: BLE001 -- whatever it is, it is this session's alone
            self._fail(message, problem)

    def _check_before_sign_in(self, channel: Channel, message: ClientMessage) -> None:
        if channel is not Channel.CHAT:
            raise ProtocolViolation("files and keys come after signing in")
        self._messages_before_sign_in += 1
        if self._messages_before_sign_in > _MAX_MESSAGES_BEFORE_SIGN_IN:
            raise ProtocolViolation("too much was said before signing in")
        if isinstance(message, Hello) != (self._state is State.CONNECTED):
            raise ProtocolViolation("a client says hello, first and once")
        if not isinstance(message, Hello | SignIn | Join):
            if not hasattr(message, "request"):
                raise ProtocolViolation("a client signs in first")
            raise RequestRefused(RefusalCode.NOT_SIGNED_IN, "Sign in first.")
        if self._state is State.SIGNING_IN:
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
        if self.queue.confirm(event.through) and self.behind:
            self._host.go_on(self)
        if self._farewell is not None and not self.queue.is_stopped and event.through >= self.queue.last_number:
            self.close(*self._farewell)

    def _resume(self, channel: Channel) -> None:
        if channel is Channel.CHAT:
            self.queue.resume()
            if self.behind:
                self._host.go_on(self)

    # Signing in.

    def greet(self) -> None:
        self._move(State.GREETED)

    def sign_in(self, request: int, entering: Ticket[SignedIn]) -> None:
        self._move(State.SIGNING_IN)
        self._entering = entering
        entering.when_settled(lambda ticket: self._entered(request, ticket))

    def _entered(self, request: int, ticket: Ticket[SignedIn]) -> None:
        self._entering = None
        if ticket.problem is not None:
            self._move(State.GREETED)
            self.refuse(request, ticket.problem)
            return
        self._move(State.SIGNED_IN)
        self._stop_waiting()
        self.actor = ticket.result().actor
        self._attempt(request, lambda: self._host.came(self, ticket.result(), request))

    # Requests.

    def ask(self, request: int, begin: Callable[[], Ticket[T]], answer: Callable[[T], None]) -> None:
        """Something that only the store knows. Such answers go out in the order of the requests."""
        self.check_reads()
        if self._questions is not None and len(self._questions) >= _MAX_REQUESTS_UNANSWERED:
            raise slow_down(_BUSY_S)
        ticket = begin()

        def give(settled: Ticket[T]) -> None:
            self._attempt(request, lambda: answer(settled.result()))

        if ticket.is_settled and self._questions is None:
            give(ticket)
            return
        self._questions = self._questions or deque()
        self._questions.append((ticket, give))
        ticket.when_settled(lambda _: self._give_answers())

    def _give_answers(self) -> None:
        while self._questions and self._questions[0][0].is_settled:
            ticket, give = self._questions.popleft()
            give(ticket)
        if not self._questions:
            self._questions = None

    def command(self, request: int, begin: Callable[[], Ticket[T]], answer: Callable[[T], None]) -> None:
        """Something that is to be on the disk before it is answered."""
        self.check_reads()
        if self._requests >= _MAX_REQUESTS_UNANSWERED:
            raise slow_down(_BUSY_S)
        ticket = begin()  # what it raises is answered by who called this, and nothing is open
        self._requests += 1

        def give(settled: Ticket[T]) -> None:
            self._requests -= 1
            self._attempt(request, lambda: answer(settled.result()))

        ticket.when_settled(give)

    def put_blob(
        self, request: int, size_bytes: int, begin: Callable[[], Ticket[T]], answer: Callable[[T], None]
    ) -> None:
        if self._blob_bytes + size_bytes > _MAX_BLOB_BYTES_UNCOMMITTED:
            raise slow_down(_BUSY_S)

        def counted() -> Ticket[T]:
            ticket = begin()
            self._blob_bytes += size_bytes
            ticket.when_settled(lambda _: self._release_blob(size_bytes))
            return ticket

        self.command(request, counted, answer)

    def _release_blob(self, size_bytes: int) -> None:
        self._blob_bytes -= size_bytes

    def check_reads(self) -> None:
        if self.queue.is_stopped:
            raise slow_down(_UNREAD_WAIT_S)

    def _attempt(self, request: int, step: Callable[[], None]) -> None:
        """What is done later than the message came that asked for it: a failure is answered all the same."""
        try:
            step()
        except Exception as problem:  # noqa: BLE001 -- answered, and logged where it is ours
            self.refuse(request, problem)

    def count_excess(self) -> None:
        self._host.count_excess(self)

    def append_author(self) -> Author:
        if self.author is None:
            self.author = Author(self.actor, self._committed, self.refuse)
        return self.author

    def _committed(self, places: list[tuple[int, Appended]]) -> None:
        self.send(Committed(tuple([Place(request, at.sequence, at.time_ms) for request, at in places])))

    # What goes.

    def send(self, message: ServerMessage) -> None:
        payload = encode_message(message)
        if len(payload) > MAX_MESSAGE_BYTES:
            raise RequestRefused(RefusalCode.TOO_LARGE, "The answer is larger than a message may be.")
        if not self.queue.send(payload):
            self._host.fall_behind(self)

    def send_listing(self, listing: Listing) -> None:
        """All of it, and nothing else large before the client has read it: see `check_reads`."""
        self.queue.is_greeting = True
        try:
            for piece in pieces(listing):
                self.send(piece)
        finally:
            self.queue.is_greeting = False

    def send_framed(self, framed: bytes) -> None:
        """One message that goes to many."""
        if not self.queue.send_framed(framed):
            self._host.fall_behind(self)

    def send_bulk(self, message: ServerMessage) -> None:
        """Nothing of this waits here: who fetches faster than the link carries asks again."""
        if not self.link.is_writable(Channel.BULK):
            raise slow_down(_BUSY_S)
        self.link.send_nowait(Channel.BULK, encode_message(message))

    def refuse(self, request: int, problem: BaseException) -> None:
        refusal = as_refusal(problem)
        retry_after_ms = max(1, round(refusal.retry_after_s * 1000)) if refusal.retry_after_s else 0
        self.send(Refused(request, refusal.code, str(refusal), retry_after_ms))
        if refusal.code is RefusalCode.SLOW_DOWN and self.is_signed_in:
            self._host.count_excess(self)

    # The end.

    def end_unless_signed_in(self, clock: Clock, limit_s: float) -> None:
        self._timer = clock.call_later(limit_s, lambda: self.close(CloseCode.UNREACHABLE, "You did not sign in."))

    def _stop_waiting(self) -> None:
        """For whatever the timer was set, and for the core's answer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._entering is not None:
            self._entering.cancel()
            self._entering = None

    def close(self, code: CloseCode, reason: str) -> None:
        if self._state is not State.CLOSED:
            self._move(State.ENDING)
            self._stop_waiting()
            self.link.close(code, reason)

    def close_after_this(self, code: CloseCode, reason: str, clock: Clock) -> None:
        """A link that closes gives up what is under way; hence only when the last word has arrived, or time is up."""
        self._move(State.ENDING)
        self._farewell = (code, reason)
        self._host.left(self)
        self._stop_waiting()
        self._timer = clock.call_later(_FAREWELL_S, lambda: self.close(code, reason))


def _check_channel(channel: Channel, kind: type) -> None:
    if (channel is Channel.BULK) != (kind in BULK_KINDS) or channel not in {Channel.CHAT, Channel.BULK}:
        raise ProtocolViolation("a message came on a channel that is not its own")


def _refuse_second_greeting() -> None:
    raise ProtocolViolation("a client signs in once")
