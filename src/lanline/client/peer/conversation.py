"""Owns a conversation of two hosts without a server: who is talked to, and texts until they are shown. Not the sockets.

The link may break, and either side may start again: what is not yet known to be shown is sent again on the next link,
and the receiver knows it by its number. Links, time and entropy are handed in; after each step `on_step` is called.

Longer than other files: each of its states says what every call, message and timer does, and that is read together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Protocol

from lanline.client.peer.backlog import Backlog
from lanline.client.peer.events import (
    CallerRefused,
    Ended,
    Joined,
    Left,
    NotReached,
    PeerEvent,
    TextDelivered,
    TextReceived,
    Waiting,
)
from lanline.client.peer.knownpeers import KnownPeers, changed_key
from lanline.client.peer.lives import Life, Lives
from lanline.clock import Clock, Timer
from lanline.crypto.words import fingerprint_words
from lanline.errors import CloseCode, LanlineError, LinkError, MalformedPacket
from lanline.ids import Entropy
from lanline.model.addresses import address_text
from lanline.model.text import display_name, safe_line, safe_text
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEstablished, LinkEvent, MessageReceived, MessagesDelivered, PeerMoved
from lanline.transport.datagrams import Address
from lanline.wire.peer import (
    INSTANCE_BYTES,
    Introduction,
    PeerMessage,
    Receipt,
    Text,
    decode_peer_message,
    encode_peer_message,
)

_INTRODUCED_WITHIN_S = 10.0
_CALL_AGAIN_S = (0.5, 1.5)
"""Drawn anew each time, so that two hosts that keep missing each other fall out of step."""


class PeerLink(Protocol):
    """What `transport.connection.Connection` is used for here."""

    @property
    def peer_fingerprint(self) -> bytes: ...

    def set_handler(self, handler: Callable[[LinkEvent], None]) -> None: ...

    def send_nowait(self, channel: Channel, payload: bytes) -> int: ...

    def is_writable(self, channel: Channel) -> bool: ...

    def trust(self) -> None: ...

    def close(self, code: CloseCode = CloseCode.DONE, reason: str = "") -> None: ...


class PeerState(Enum):
    ALONE = "alone"
    GREETING = "greeting"
    """There is a link, and the other side has not said yet who it is."""
    TALKING = "talking"


TRANSITIONS = {
    PeerState.ALONE: {PeerState.GREETING},
    PeerState.GREETING: {PeerState.TALKING, PeerState.ALONE},
    PeerState.TALKING: {PeerState.TALKING, PeerState.ALONE},
}


class PeerConversation:
    def __init__(
        self,
        name: str,
        peers: KnownPeers,
        clock: Clock,
        entropy: Entropy,
        *,
        accepts_new_key: bool = False,
        on_step: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = display_name(name)
        self._peers = peers
        self._clock = clock
        self._entropy = entropy
        self._accepts_new_key = accepts_new_key
        self._on_step = on_step
        self._state = PeerState.ALONE
        self._instance = entropy(INSTANCE_BYTES)
        self._connect: Callable[[], PeerLink] | None = None
        """Calls the peer, whose address is known."""
        self._label: str | None = None
        self._peer_address: Address | None = None
        self._call: PeerLink | None = None
        self._connection: PeerLink | None = None
        self._was_called = False
        self._address = ""
        self._peer_name = ""
        self._partner = (b"", "")
        self._lives = Lives()
        self._life = Life()
        self._backlog = Backlog()
        self._events: deque[tuple[PeerEvent, Life, int]] = deque()
        self._being_shown: tuple[PeerEvent, Life, int] | None = None
        self._sent = self._arrived = 0
        self._recall: Timer | None = None
        self._has_told_silence = False
        self._last_refusal = ""

    @property
    def state(self) -> PeerState:
        return self._state

    def _become(self, state: PeerState) -> None:
        assert state in TRANSITIONS[self._state], f"{self._state} -> {state}"
        self._state = state

    @property
    def undelivered(self) -> list[str]:
        return self._backlog.texts

    @property
    def has_under_way(self) -> bool:
        """The link holds something that has not arrived."""
        return self._connection is not None and self._arrived < self._sent

    def start(self, connect: Callable[[], PeerLink], peer_address: Address | None, label: str | None) -> None:
        """`label` is what the person calls the peer's address, and under which its key is remembered."""
        self._connect, self._peer_address, self._label = connect, peer_address, label
        self._emit(Waiting(label))
        self._call_peer()

    def close(self) -> None:
        if self._recall is not None:
            self._recall.cancel()
        self._connect = None
        if self._connection is not None:
            self._connection.close(CloseCode.DONE, "left")

    # Events.

    def _emit(self, event: PeerEvent, number: int = 0) -> None:
        self._events.append((event, self._life, number))

    def next_event(self) -> PeerEvent | None:
        """Asking again says that the event before was shown: only then does the other side learn of its delivery."""
        self.finish_event()
        if not self._events:
            return None
        self._being_shown = self._events.popleft()
        return self._being_shown[0]

    def finish_event(self) -> None:
        """The event that was given out last was shown; for whoever does not ask for another one."""
        if self._being_shown is None:
            return
        (event, life, number), self._being_shown = self._being_shown, None
        if isinstance(event, TextReceived):
            life.on_shown(number, event.text)
            if life is self._life:
                self._send_receipt()

    # Texts.

    def say(self, text: str) -> int:
        """Keep a text until it was shown at the other side; return its number."""
        number = self._backlog.add(text)
        self._send_waiting()
        return number

    def _send_waiting(self) -> None:
        """Hand the link what it has not had yet, as far as it takes it; the rest follows when it has room.

        Nothing before the introduction: until then nobody knows who would read it.
        """
        connection = self._connection
        if connection is None or self._state is not PeerState.TALKING:
            return
        while self._backlog.has_sendable() and connection.is_writable(Channel.CHAT):
            self._send(connection, self._backlog.take_sendable())

    def _send_receipt(self) -> None:
        if self._connection is not None and self._state is PeerState.TALKING:
            self._send(self._connection, Receipt(self._life.shown))

    def _send(self, connection: PeerLink, message: PeerMessage) -> None:
        """A link that has just closed takes nothing any more; the event that says so is on its way."""
        if connection.is_writable(Channel.CHAT):
            self._sent = connection.send_nowait(Channel.CHAT, encode_peer_message(message))

    # Links.

    def _call_peer(self) -> None:
        if self._connect is None or self._peer_address is None or self._connection or self._call is not None:
            return
        self._call = call = self._connect()
        call.set_handler(partial(self._step, self._on_call_event, call))

    def _step(self, take: Callable[[PeerLink, LinkEvent], None], link: PeerLink, event: LinkEvent) -> None:
        take(link, event)
        self._on_step()

    def _on_call_event(self, call: PeerLink, event: LinkEvent) -> None:
        if isinstance(event, LinkEstablished):
            self._call = None
            assert self._peer_address is not None
            self._adopt(call, self._peer_address, was_called=False)
        elif isinstance(event, LinkClosed):
            self._call = None
            if event.code is not CloseCode.REPLACED and self._label is not None and not self._has_told_silence:
                self._has_told_silence = True
                self._emit(NotReached(self._label, safe_line(event.reason)))
            self._call_again()

    def _call_again(self) -> None:
        if self._recall is not None:
            self._recall.cancel()
        least_s, most_s = _CALL_AGAIN_S
        share = int.from_bytes(self._entropy(4), "big") / 2**32
        self._recall = self._clock.call_later(least_s + (most_s - least_s) * share, self._call_peer)

    def on_accept(self, connection: PeerLink, address: Address) -> None:
        """Somebody has called."""
        self._adopt(connection, address, was_called=True)
        self._on_step()

    def _adopt(self, connection: PeerLink, address: Address, *, was_called: bool) -> None:
        """Make this the link of the conversation, if it is with the right one."""
        connection.set_handler(partial(self._step, self._on_link_event, connection))
        try:
            if self._is_engaged(connection, address) or not self._is_trusted(connection, address, was_called):
                return
        except LanlineError as problem:
            self._emit(Ended(problem))
            return
        self._put_aside("The peer has called anew.")
        self._become(PeerState.GREETING)
        self._connection, self._was_called = connection, was_called
        self._address = address_text(address)
        self._backlog.begin_link()
        self._sent = self._arrived = 0
        self._send(connection, Introduction(self.name, self._instance))
        self._clock.call_later(_INTRODUCED_WITHIN_S, lambda: self._expect_introduction(connection))

    def _put_aside(self, reason: str) -> None:
        """The link that there was. Its host tells of its end in the middle of this, or once all is done."""
        if (before := self._connection) is not None:
            before.close(CloseCode.REPLACED, reason)
            if self._connection is before:
                self._on_lost(LinkClosed(CloseCode.REPLACED, reason, by_peer=False))

    def _expect_introduction(self, connection: PeerLink) -> None:
        if connection is self._connection and self._state is PeerState.GREETING:
            self._tell_stranger(f"has not said who it is within {_INTRODUCED_WITHIN_S:.0f} s")
            connection.close(CloseCode.UNREACHABLE, "The introduction is missing.")

    def _tell_stranger(self, what: str) -> None:
        """Of the other end of a link that did not become a conversation."""
        if self._was_called or self._label is None:
            self._refuse(f"Somebody at {self._address} called and {what}.")
        elif not self._has_told_silence:
            self._has_told_silence = True
            self._emit(NotReached(self._label, f"{self._address} answers, but {what}: is that lanline peer?"))

    def _is_engaged(self, connection: PeerLink, address: Address) -> bool:
        """Two are talking, or one of them is away and texts wait for that one: nobody else may have those."""
        caller = connection.peer_fingerprint
        if self._connection is not None:
            # Who has not said a name yet keeps nobody out.
            engaged = self._state is PeerState.TALKING and self._connection.peer_fingerprint != caller
        else:
            partner, name = self._partner
            engaged = bool(self._backlog) and partner not in {b"", caller} and not self._accepts_new_key
            if engaged:
                self._refuse(f"Somebody else called from {_host_text(address)}, but messages for {name} wait here.")
        if engaged:
            connection.close(CloseCode.BUSY, "Two are talking here already.")
        return engaged

    def _is_trusted(self, connection: PeerLink, address: Address, was_called: bool) -> bool:
        """With a peer's address given: the key that was met there before, or the first one."""
        label = self._label
        if label is None:
            return True
        known = self._peers.known_peer(label)
        fingerprint = connection.peer_fingerprint
        if known is None or self._accepts_new_key:
            if was_called and self._peer_address is not None and address[0] != self._peer_address[0]:
                connection.close(CloseCode.BUSY, "Somebody else is awaited here.")
                self._refuse(f"Somebody called from {_host_text(address)}, but {label} is awaited.")
                return False
            return True
        if known.fingerprint == fingerprint.hex():
            return True
        connection.close(CloseCode.IDENTITY_REJECTED, "This is not the key that is known here.")
        if was_called:
            self._refuse(f"Somebody called from {_host_text(address)} with another key than that of {label}.")
        else:
            self._emit(Ended(changed_key(label, known, fingerprint)))
        return False

    def _refuse(self, reason: str) -> None:
        if reason != self._last_refusal:
            self._last_refusal = reason
            self._emit(CallerRefused(reason))

    def _on_link_event(self, connection: PeerLink, event: LinkEvent) -> None:
        if connection is not self._connection:
            return
        match event:
            case MessageReceived(_, payload):
                self._on_message(connection, payload)
            case MessagesDelivered(_, through):
                self._arrived = through
                self._send_waiting()
            case PeerMoved(address):
                self._address = address_text(address)
            case LinkClosed():
                self._on_lost(event)
            case _:
                self._send_waiting()

    # What the peer says.

    def _on_message(self, connection: PeerLink, payload: bytes) -> None:
        try:
            message = decode_peer_message(payload)
        except MalformedPacket:
            connection.close(CloseCode.PROTOCOL_VIOLATION, "A message cannot be read.")
            return
        match message:
            case Introduction():
                self._on_introduction(connection, message)
            case _ if self._state is PeerState.GREETING:
                connection.close(CloseCode.PROTOCOL_VIOLATION, "The introduction is missing.")
            case Text():
                self._on_text(connection, message)
            case Receipt(through):
                for text in self._backlog.settle(through):
                    self._emit(TextDelivered(text.number, text.text))
                self._send_waiting()

    def _on_text(self, connection: PeerLink, message: Text) -> None:
        life = self._life
        if life.has(message.number):
            return
        text = safe_text(message.text)
        if not life.has_room(text):
            connection.close(CloseCode.PROTOCOL_VIOLATION, "More was sent than may wait here to be shown.")
            return
        life.on_received(message.number, text)
        self._emit(TextReceived(self._peer_name, text), message.number)

    def _on_introduction(self, connection: PeerLink, message: Introduction) -> None:
        name = display_name(message.name)
        label = self._label or f"name {name}"
        fingerprint = connection.peer_fingerprint
        try:
            known = self._peers.known_peer(label)
            if known is not None and known.fingerprint != fingerprint.hex() and not self._accepts_new_key:
                # Only a name was claimed: anybody can do that, so it must not end our waiting.
                connection.close(CloseCode.IDENTITY_REJECTED, f"The name {name} belongs to another key here.")
                self._refuse(str(changed_key(name, known, fingerprint)))
                return
            self._peers.remember_peer(label, fingerprint, name)
        except LanlineError as problem:
            self._emit(Ended(problem))
            return
        connection.trust()
        self._life = self._lives.life_of(fingerprint, message.instance)
        self._become(PeerState.TALKING)
        self._peer_name = name
        self._partner = (fingerprint, name)
        self._has_told_silence = False
        is_known = known is not None and known.fingerprint == fingerprint.hex()
        first_met = known.first_met if known is not None and is_known else ""
        self._emit(Joined(name, self._address, fingerprint_words(fingerprint), first_met))
        self._send_receipt()
        self._send_waiting()

    def _on_lost(self, event: LinkClosed) -> None:
        was_talking = self._state is PeerState.TALKING
        self._become(PeerState.ALONE)
        self._connection = None
        self._backlog.begin_link()
        is_refusal = event.by_peer and event.code in {CloseCode.BUSY, CloseCode.IDENTITY_REJECTED}
        if is_refusal and not self._was_called:
            self._emit(Ended(LinkError(f"The other side refuses to talk: {safe_line(event.reason)}")))
            return
        if was_talking:
            has_left = event.by_peer and event.code in {CloseCode.DONE, CloseCode.GOING_AWAY}
            reason = "left" if has_left else safe_line(event.reason)
            self._emit(Left(self._peer_name, reason, event.code is not CloseCode.DONE))
        elif event.by_peer and event.code is not CloseCode.REPLACED:
            self._tell_stranger(f"hung up ({safe_line(event.reason).rstrip('.')})")
        self._call_again()


def _host_text(address: Address) -> str:
    return address_text(address).rpartition(":")[0]
