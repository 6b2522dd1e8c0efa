"""TCP under a WebSocket link: moves bytes between one connection and one state machine.

What is TCP's own: the socket options, how much still waits in the connection, the end of the stream in each direction.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import cast

from OpenSSL import SSL

from lanline.errors import AddressUnavailable, LinkError
from lanline.proto.events import LinkEvent
from lanline.proto.websocket.link import WebSocketLink
from lanline.proto.websocket.profile import WebSocketProfile

EventHandler = Callable[[LinkEvent], None]
_DEFAULT_PROFILE = WebSocketProfile()


class WebSocketTransport(asyncio.Protocol):
    """After any call to `link` from outside an event handler, call `turn`."""

    def __init__(self, link: WebSocketLink, max_ahead_bytes: int) -> None:
        self.link = link
        self.on_event: EventHandler = lambda _event: None
        self.is_connected = False
        self.disconnected = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._max_ahead_bytes = max_ahead_bytes
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._has_written_eof = False
        self._is_in_turn = False
        self._is_turn_due = False

    def turn(self) -> None:
        """One full drain. Inside an event handler there is no need for it: the drain goes on after the handler."""
        if self._is_in_turn:
            return
        self._is_in_turn = True
        try:
            self._report_events()
            self._write()
            while self._report_events():  # writing makes room, and who waited for it may say more
                self._write()
            self._set_timer()
        finally:
            self._is_in_turn = False
        if not self._is_turn_due and self.is_connected and self.link.has_more_to_send and self._room() > 0:
            # The kernel took everything: let the other connections have their turn before the next piece.
            self._is_turn_due = True
            self._loop.call_soon(self._take_due_turn)

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self.is_connected = True
        _tune(transport.get_extra_info("socket"), self._max_ahead_bytes)
        transport.set_write_buffer_limits(high=self._max_ahead_bytes // 2, low=self._max_ahead_bytes // 4)
        self.turn()

    def data_received(self, data: bytes) -> None:
        self.link.receive_bytes(data, self._loop.time())
        self.turn()

    def eof_received(self) -> None:
        self.link.receive_eof(self._loop.time())
        self.turn()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name; the link knows the reason
        self.is_connected = False
        self.link.receive_eof(self._loop.time())
        self.turn()
        self.disconnected.set()

    def resume_writing(self) -> None:
        self.turn()

    # The drain.

    def _take_due_turn(self) -> None:
        self._is_turn_due = False
        self.turn()

    def _report_events(self) -> bool:
        had_any = False
        while (event := self.link.next_event()) is not None:
            had_any = True
            self.on_event(event)
        return had_any

    def _room(self) -> int:
        assert self._transport is not None
        return self._max_ahead_bytes - self._transport.get_write_buffer_size()

    def _write(self) -> None:
        if self._transport is None or not self.is_connected:
            return
        data = self.link.bytes_to_send(self._loop.time(), self._room())
        if data and not self._has_written_eof:
            self._transport.write(data)
        if self.link.is_closed:
            self._close_connection(self._transport)
        elif self.link.has_ended_output and not self._has_written_eof:
            # A half-close lets the goodbye arrive: closing with bytes unread would reset the connection under it.
            self._has_written_eof = True
            with contextlib.suppress(OSError):
                self._transport.write_eof()

    def _close_connection(self, transport: asyncio.Transport) -> None:
        # What still waits at the end waits for a peer that has stopped reading, or has left.
        if transport.get_write_buffer_size():
            transport.abort()
        else:
            transport.close()

    def _set_timer(self) -> None:
        """A timer that is early is left alone: it finds nothing to do and is set again. Deadlines mostly move away."""
        deadline = self.link.next_deadline()
        if deadline is None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        elif self._timer is None or self._timer.when() > deadline:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.link.handle_timer(self._loop.time())
        self.turn()


async def connect(
    host: str,
    port: int,
    context: SSL.Context,
    on_event: EventHandler,
    *,
    expected_fingerprint: bytes | None = None,
    profile: WebSocketProfile = _DEFAULT_PROFILE,
) -> WebSocketTransport:
    """Returns when TCP is connected; the link reports by events how it goes on."""
    loop = asyncio.get_running_loop()

    def make() -> WebSocketTransport:
        link = WebSocketLink.connect(
            context, (host, port), loop.time(), expected_fingerprint=expected_fingerprint, profile=profile
        )
        transport = WebSocketTransport(link, profile.max_ahead_bytes)
        transport.on_event = on_event
        return transport

    try:
        async with asyncio.timeout(profile.handshake_timeout_s):
            _, transport = await loop.create_connection(make, host, port)
    except socket.gaierror as cause:
        raise AddressUnavailable(f"The host name {host!r} is unknown.") from cause
    except OSError as cause:
        raise LinkError(f"Nothing answers at {host} port {port} over TCP.") from cause
    return transport


async def listen(
    host: str,
    port: int,
    context: SSL.Context,
    on_connection: Callable[[WebSocketTransport], EventHandler],
    *,
    profile: WebSocketProfile = _DEFAULT_PROFILE,
) -> asyncio.Server:
    """`on_connection` is told of every caller, also of those that turn out to be no link."""
    loop = asyncio.get_running_loop()

    def make() -> WebSocketTransport:
        transport = WebSocketTransport(
            WebSocketLink.accept(context, loop.time(), profile=profile), profile.max_ahead_bytes
        )
        transport.on_event = on_connection(transport)
        return transport

    try:
        return await loop.create_server(make, host, port)
    except socket.gaierror as cause:
        raise AddressUnavailable(f"The host name {host!r} is unknown.") from cause
    except OSError as cause:
        raise AddressUnavailable(f"TCP port {port} at {host} cannot be used: {cause.strerror or cause}.") from cause


def _tune(tcp: socket.socket, max_ahead_bytes: int) -> None:
    tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # Without it the kernel swallows megabytes of bulk that no chat message can overtake (tcp(7); Linux and macOS).
    unsent_limit = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if unsent_limit is not None:
        tcp.setsockopt(socket.IPPROTO_TCP, unsent_limit, max_ahead_bytes)
