"""Who may watch: lets in whoever proves the secret of the watch link, and bounds those who have not done so yet.

Owns strangers: their number, their time, the one message that each may send. Not viewers: they are the publisher's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from lanline.crypto.watchproof import is_watch_proof
from lanline.errors import CloseCode, MalformedPacket
from lanline.model.addresses import is_this_machine
from lanline.model.networks import NetworkShares
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEvent, MessageReceived
from lanline.proto.link.profile import LinkProfile
from lanline.proto.websocket.profile import WebSocketProfile
from lanline.transport.connection import Connection
from lanline.transport.datagrams import Address
from lanline.wire.video import Subscribe, decode_request

MAX_STRANGERS = 256
MAX_STRANGERS_OF_NETWORK = 32
SIGN_IN_TIMEOUT_S = 15.0
_STRANGER_WINDOW_BYTES = 1024
"""A Subscribe is less than 200 bytes, and a stranger has nothing else to say."""
_MAX_MESSAGE_BYTES = 128 * 1024
"""Of a viewer. Requests are small; stream packets over a WebSocket are messages too."""
_SEND_BUFFER_BYTES = 64 * 1024
"""For answers: pictures do not wait in it."""
_WINDOW_BYTES = 256 * 1024
UDP_PROFILE = LinkProfile(
    max_message_bytes=_MAX_MESSAGE_BYTES,
    receive_window_bytes=_WINDOW_BYTES,
    bulk_receive_window_bytes=_WINDOW_BYTES,
    send_buffer_bytes=_SEND_BUFFER_BYTES,
    stranger_window_bytes=_STRANGER_WINDOW_BYTES,
)
WEBSOCKET_PROFILE = WebSocketProfile(
    max_message_bytes=_MAX_MESSAGE_BYTES,
    receive_window_bytes=_WINDOW_BYTES,
    send_buffer_bytes=_SEND_BUFFER_BYTES,
    stranger_window_bytes=_STRANGER_WINDOW_BYTES,
)

LetIn = Callable[[Connection, bytes], None]


class ViewerAdmission:
    """`let_in` is given the link of whoever has proven the secret, with the Subscribe that proved it."""

    def __init__(self, secret: bytes, let_in: LetIn) -> None:
        self._secret = secret
        self._let_in = let_in
        self._strangers: NetworkShares[Connection] = NetworkShares()
        self._timers: dict[Connection, asyncio.TimerHandle] = {}

    def accept(self, connection: Connection, address: Address) -> None:
        """An `on_accept` of a listener."""
        if not self._has_room(address[0]):
            connection.close(CloseCode.BUSY, "Too many are asking to watch now. Try again later.")
            return
        timer = asyncio.get_running_loop().call_later(SIGN_IN_TIMEOUT_S, self._give_up, connection)
        self._timers[connection] = timer
        self._strangers.add(connection, address[0])
        connection.set_handler(partial(self._on_event, connection))

    def _has_room(self, host: str) -> bool:
        if len(self._strangers) >= MAX_STRANGERS:
            return False
        return is_this_machine(host) or self._strangers.held_near(host) < MAX_STRANGERS_OF_NETWORK

    def _on_event(self, connection: Connection, event: LinkEvent) -> None:
        if isinstance(event, LinkClosed):
            self._drop(connection)
        elif isinstance(event, MessageReceived) and connection in self._strangers:
            self._on_message(connection, event)

    def _on_message(self, connection: Connection, message: MessageReceived) -> None:
        """The first one decides."""
        self._drop(connection)
        try:
            request = decode_request(message.payload)
        except MalformedPacket as problem:
            connection.close(CloseCode.PROTOCOL_VIOLATION, str(problem))
            return
        if message.channel is not Channel.CHAT or not isinstance(request, Subscribe):
            connection.close(CloseCode.PROTOCOL_VIOLATION, "a viewer begins with subscribe")
        elif not is_watch_proof(request.proof, self._secret, connection.binding):
            connection.close(
                CloseCode.IDENTITY_REJECTED, "This watch link is not valid, or not any more: ask for the new one."
            )
        else:
            connection.trust()
            self._let_in(connection, message.payload)

    def _give_up(self, connection: Connection) -> None:
        self._drop(connection)
        connection.close(CloseCode.UNREACHABLE, "You did not say what you want to watch.")

    def _drop(self, connection: Connection) -> None:
        """It is let in, or gone."""
        self._strangers.drop(connection)
        if (timer := self._timers.pop(connection, None)) is not None:
            timer.cancel()
