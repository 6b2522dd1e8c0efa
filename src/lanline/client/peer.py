"""A conversation of two hosts without a server: calls or waits, introduces itself, and keeps texts until they arrived.

The link may break, and either side may start again: what is not yet known to have arrived is sent again on the next
link, and the receiver knows it by its number.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import deque

import msgspec

from lanline.client.home import Home
from lanline.crypto.words import fingerprint_words
from lanline.errors import CloseCode, InvalidInput, LanlineError, LinkError, MalformedPacket
from lanline.model.text import MAX_TEXT_BYTES, display_name, safe_text
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEstablished, LinkEvent, MessageReceived, MessagesDelivered, PeerMoved
from lanline.proto.link.profile import LinkProfile
from lanline.transport.addresses import resolve
from lanline.transport.connection import Connection
from lanline.transport.linkhost import LinkHost
from lanline.transport.udp import UdpSocket
from lanline.wire.peer import Introduction, Text, decode_peer_message, encode_peer_message

PROFILE = LinkProfile(keepalive_s=5.0, dead_after_s=15.0)
_CALL_AGAIN_S = (0.5, 1.5)
"""Drawn anew each time, so that two hosts that keep missing each other fall out of step."""
_MAX_WAITING_TEXTS = 10_000


class Waiting(msgspec.Struct, frozen=True):
    """Nobody is there yet."""

    calls: str | None


class Joined(msgspec.Struct, frozen=True):
    """`first_met` is empty when this key was never seen before: then the words are to be compared."""

    name: str
    address: str
    words: list[str]
    first_met: str


class Left(msgspec.Struct, frozen=True):
    name: str
    reason: str
    will_return: bool


class TextReceived(msgspec.Struct, frozen=True):
    name: str
    text: str


class TextDelivered(msgspec.Struct, frozen=True):
    number: int
    text: str


class Refused(msgspec.Struct, frozen=True):
    """Somebody called who is not let in."""

    reason: str


class Ended(msgspec.Struct, frozen=True):
    """It cannot go on; the error says why."""

    error: LanlineError


PeerEvent = Waiting | Joined | Left | TextReceived | TextDelivered | Refused | Ended


class PeerChat:
    def __init__(self, home: Home, name: str, *, accepts_new_key: bool = False) -> None:
        self.name = display_name(name)
        self._home = home
        self._identity = home.identity()
        self._accepts_new_key = accepts_new_key
        self._instance = os.urandom(8)
        self._host: LinkHost | None = None
        self._peer_host: str | None = None
        self._peer_port = 0
        self._peer_address: tuple[str, int] | None = None
        self._peer_family = 0
        self._call: Connection | None = None
        self._connection: Connection | None = None
        self._connection_address = ""
        self._peer_name = ""
        self._peer_instance = b""
        self._last_received = 0
        self._last_number = 0
        self._undelivered: deque[Text] = deque()
        self._on_link: deque[tuple[int, Text]] = deque()
        self._events: asyncio.Queue[PeerEvent] = asyncio.Queue()
        self._has_progressed = asyncio.Event()
        self._recall: asyncio.TimerHandle | None = None

    @property
    def words(self) -> list[str]:
        return fingerprint_words(self._identity.fingerprint)

    @property
    def undelivered(self) -> list[str]:
        return [text.text for text in self._undelivered]

    async def wait_undelivered_below(self, count: int) -> None:
        while len(self._undelivered) >= count:
            self._has_progressed.clear()
            await self._has_progressed.wait()

    @property
    def is_connected(self) -> bool:
        return self._connection is not None and bool(self._peer_name)

    @property
    def port(self) -> int:
        assert self._host is not None
        return self._host.address[1]

    async def next_event(self) -> PeerEvent:
        return await self._events.get()

    async def start(self, listen_host: str, listen_port: int, peer_host: str | None, peer_port: int) -> None:
        sock = await UdpSocket.bind(listen_host, listen_port)
        try:
            if peer_host is not None:
                _, self._peer_address = await resolve(peer_host, peer_port, sock.family)
                self._peer_host, self._peer_port = peer_host, peer_port
        except LanlineError:
            sock.close()
            raise
        self._host = LinkHost(sock, self._identity, profile=PROFILE, on_accept=self._on_accept)
        self._emit(Waiting(self._label_by_address()))
        self._call_peer()

    def _label_by_address(self) -> str | None:
        return f"{self._peer_host}:{self._peer_port}" if self._peer_host is not None else None

    def _emit(self, event: PeerEvent) -> None:
        self._events.put_nowait(event)

    # Texts.

    def say(self, text: str) -> int:
        """Keep a text until it has arrived; return its number."""
        size = len(text.encode("utf-8", "replace"))
        if size > MAX_TEXT_BYTES:
            raise InvalidInput(f"Not sent: the text has {size:,} bytes, and one message holds {MAX_TEXT_BYTES:,}.")
        if len(self._undelivered) >= _MAX_WAITING_TEXTS:
            raise InvalidInput(f"Not sent: {_MAX_WAITING_TEXTS:,} messages wait to be delivered already.")
        self._last_number += 1
        message = Text(self._last_number, text.encode("utf-8", "replace").decode())
        self._undelivered.append(message)
        self._send_waiting()
        return message.number

    def _send_waiting(self) -> None:
        """Hand the link what it has not had yet, as far as it takes it; the rest follows when it has room."""
        connection = self._connection
        if connection is None:
            return
        sent = len(self._on_link)
        while sent < len(self._undelivered) and connection.is_writable(Channel.CHAT):
            text = self._undelivered[sent]
            number = connection.send_nowait(Channel.CHAT, encode_peer_message(text))
            self._on_link.append((number, text))
            sent += 1

    def _on_delivered(self, through: int) -> None:
        while self._on_link and self._on_link[0][0] <= through:
            _, text = self._on_link.popleft()
            self._undelivered.popleft()
            self._emit(TextDelivered(text.number, text.text))
        self._has_progressed.set()

    # Links.

    def _call_peer(self) -> None:
        if self._host is None or self._peer_address is None or self._connection is not None or self._call is not None:
            return
        self._call = call = self._host.connect_nowait(self._peer_address)
        call.set_handler(lambda event: self._on_call_event(call, event))

    def _on_call_event(self, call: Connection, event: LinkEvent) -> None:
        if isinstance(event, LinkEstablished):
            self._call = None
            assert self._peer_address is not None
            self._adopt(call, self._peer_address, was_called=False)
        elif isinstance(event, LinkClosed):
            self._call = None
            if event.code in {CloseCode.INCOMPATIBLE_VERSION, CloseCode.IDENTITY_REJECTED}:
                self._emit(Ended(LinkError(event.reason)))
            else:
                self._call_again()

    def _call_again(self) -> None:
        if self._recall is not None:
            self._recall.cancel()
        delay = random.uniform(*_CALL_AGAIN_S)  # noqa: S311 -- not a secret
        self._recall = asyncio.get_running_loop().call_later(delay, self._call_peer)

    def _on_accept(self, connection: Connection, address: tuple[str, int]) -> None:
        self._adopt(connection, address, was_called=True)

    def _adopt(self, connection: Connection, address: tuple[str, int], *, was_called: bool) -> None:
        """Make this the link of the conversation, if it is with the right one."""
        connection.set_handler(lambda event: self._on_link_event(connection, event))
        current = self._connection
        if current is not None and current.peer_fingerprint != connection.peer_fingerprint:
            connection.close(CloseCode.BUSY, "Two are talking here already.")
            return
        if not self._is_trusted(connection, address, was_called):
            return
        if current is not None:
            current.close(CloseCode.REPLACED, "The peer has called anew.")
        self._connection = connection
        self._connection_address = f"{address[0]}:{address[1]}"
        self._on_link.clear()
        introduction = Introduction(self.name, self._instance)
        connection.send_nowait(Channel.CHAT, encode_peer_message(introduction))
        self._send_waiting()

    def _is_trusted(self, connection: Connection, address: tuple[str, int], was_called: bool) -> bool:
        """With a peer's address given: the key that was met there before, or the first one."""
        label = self._label_by_address()
        if label is None:
            return True
        known = self._home.known_peer(label)
        fingerprint = connection.peer_fingerprint
        if known is None or self._accepts_new_key:
            if was_called and self._peer_address is not None and address[0] != self._peer_address[0]:
                connection.close(CloseCode.BUSY, "Somebody else is awaited here.")
                self._emit(Refused(f"Somebody called from {address[0]}, but {label} is awaited."))
                return False
            return True
        if known.fingerprint == fingerprint.hex():
            return True
        connection.close(CloseCode.IDENTITY_REJECTED, "This is not the key that is known here.")
        if was_called:
            self._emit(Refused(f"Somebody called from {address[0]} with another key than that of {label}."))
        else:
            self._emit(Ended(_changed_key(label, known.name, known.fingerprint, fingerprint)))
        return False

    def _on_link_event(self, connection: Connection, event: LinkEvent) -> None:
        if connection is not self._connection:
            return
        match event:
            case MessageReceived(_, payload):
                self._on_message(connection, payload)
            case MessagesDelivered(_, through):
                self._on_delivered(through)
                self._send_waiting()
            case PeerMoved(address):
                self._connection_address = f"{address[0]}:{address[1]}"
            case LinkClosed():
                self._on_lost(event)
            case _:
                self._send_waiting()

    def _on_message(self, connection: Connection, payload: bytes) -> None:
        try:
            message = decode_peer_message(payload)
        except MalformedPacket:
            connection.close(CloseCode.PROTOCOL_VIOLATION, "A message cannot be read.")
            return
        if isinstance(message, Introduction):
            self._on_introduction(connection, message)
        elif message.number > self._last_received and self._peer_name:
            self._last_received = message.number
            self._emit(TextReceived(self._peer_name, safe_text(message.text)))

    def _on_introduction(self, connection: Connection, message: Introduction) -> None:
        name = display_name(message.name)
        label = self._label_by_address() or f"name {name}"
        fingerprint = connection.peer_fingerprint
        try:
            known = self._home.known_peer(label)
            if known is not None and known.fingerprint != fingerprint.hex() and not self._accepts_new_key:
                # Only a name was claimed: anybody can do that, so it must not end our waiting.
                connection.close(CloseCode.IDENTITY_REJECTED, f"The name {name} belongs to another key here.")
                self._emit(Refused(str(_changed_key(name, known.name, known.fingerprint, fingerprint))))
                return
            self._home.remember_peer(label, fingerprint, name)
        except LanlineError as problem:
            self._emit(Ended(problem))
            return
        if message.instance != self._peer_instance:
            self._peer_instance = message.instance
            self._last_received = 0
        self._peer_name = name
        is_known = known is not None and known.fingerprint == fingerprint.hex()
        first_met = known.first_met if known is not None and is_known else ""
        self._emit(Joined(name, self._connection_address, fingerprint_words(fingerprint), first_met))

    def _on_lost(self, event: LinkClosed) -> None:
        self._connection = None
        self._on_link.clear()
        name, self._peer_name = self._peer_name, ""
        if name:
            self._emit(Left(name, _why_left(event), event.code is not CloseCode.DONE))
        elif event.code in {CloseCode.BUSY, CloseCode.IDENTITY_REJECTED} and event.by_peer:
            self._emit(Ended(LinkError(f"The other side refuses to talk: {safe_text(event.reason)}")))
            return
        self._call_again()

    async def close(self) -> None:
        if self._recall is not None:
            self._recall.cancel()
        if self._connection is not None:
            self._connection.close(CloseCode.DONE, "left")
        if self._host is not None:
            self._host.close()


def _why_left(event: LinkClosed) -> str:
    if event.by_peer and event.code in {CloseCode.DONE, CloseCode.GOING_AWAY}:
        return "left"
    return safe_text(event.reason)


def _changed_key(label: str, name: str, known: str, shown: bytes) -> LinkError:
    return LinkError(
        f"The key of {label} has changed: it was '{' '.join(fingerprint_words(bytes.fromhex(known)))}' "
        f"(met as {name}), and is '{' '.join(fingerprint_words(shown))}' now. Somebody may be listening in. "
        "Ask them by another way; if they did make a new key, start again with --accept-new-key."
    )
