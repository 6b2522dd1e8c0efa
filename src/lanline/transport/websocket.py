"""TCP under a WebSocket link: moves bytes between one connection and one state machine, and calls hosts.

What is TCP's own: the socket options, how much still waits in the connection, the end of the stream in each direction.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from collections.abc import Callable
from typing import cast

from lanline.crypto.identity import Identity
from lanline.crypto.tls import client_context
from lanline.errors import AddressUnavailable, LinkError
from lanline.proto.websocket.link import WebSocketLink
from lanline.proto.websocket.profile import WebSocketProfile
from lanline.transport.connection import Connection, EventHandler
from lanline.transport.datagrams import Address
from lanline.transport.driver import Driver

_TCP_INFO_BYTES = 152
DEFAULT_PROFILE = WebSocketProfile()


class WebSocketTransport(asyncio.Protocol):
    """After any call to `link` from outside an event handler, call `turn`."""

    def __init__(self, link: WebSocketLink, max_ahead_bytes: int) -> None:
        self.link = link
        self.driver = Driver(link, deliver=self._report_events, transmit=self._write)
        self.connection = Connection(link, self.driver)
        self.on_event: EventHandler = self.connection.handle_event
        self.on_lost: Callable[[WebSocketTransport], None] = _ignore
        self.is_connected = False
        self.disconnected = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._max_ahead_bytes = max_ahead_bytes
        self._transport: asyncio.Transport | None = None
        self._has_written_eof = False
        self._is_turn_due = False

    @classmethod
    async def call(
        cls, address: Address, identity: Identity, expected_fingerprint: bytes | None, profile: WebSocketProfile
    ) -> WebSocketTransport:
        """Connect to a host; the handshake has begun and its outcome will be an event of the connection."""
        host, port = address
        context = client_context(identity)
        called_at = Driver.now()

        def make() -> WebSocketTransport:
            link = WebSocketLink.connect(
                context, address, called_at, expected_fingerprint=expected_fingerprint, profile=profile
            )
            return cls(link, profile.max_ahead_bytes)

        try:
            async with asyncio.timeout(profile.handshake_timeout_s):
                _, transport = await asyncio.get_running_loop().create_connection(make, host, port)
        except (socket.gaierror, UnicodeError) as cause:
            raise AddressUnavailable(
                f"The host '{host}' is not known here. Check the name, or give its address."
            ) from cause
        except OSError as cause:
            raise LinkError(f"Nothing answers at {host} port {port} over TCP.") from cause
        return transport

    def turn(self) -> None:
        self.driver.turn(_nothing)

    @property
    def peer_address(self) -> Address:
        assert self._transport is not None
        name = self._transport.get_extra_info("peername") or ("", 0)
        return name[0], name[1]

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self.is_connected = True
        tcp: socket.socket = transport.get_extra_info("socket")
        _tune(tcp, self._max_ahead_bytes)
        self.connection.measure_queueing = lambda: _queueing_s(tcp)
        transport.set_write_buffer_limits(high=self._max_ahead_bytes // 2, low=self._max_ahead_bytes // 4)
        self.turn()

    def data_received(self, data: bytes) -> None:
        self.driver.turn(lambda now: self.link.receive_bytes(data, now))

    def eof_received(self) -> None:
        self.driver.turn(self.link.receive_eof)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name; the link knows the reason
        self.is_connected = False
        self.driver.turn(self.link.receive_eof)
        self.driver.let_go()
        self.disconnected.set()
        self.on_lost(self)
        self._transport, self.on_lost = None, _ignore

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

    def _write(self, now: float) -> None:
        if self._transport is None or not self.is_connected:
            return
        data = self.link.bytes_to_send(now, self._room())
        if data and not self._has_written_eof:
            self._transport.write(data)
        if self.link.is_closed:
            self._close_connection(self._transport)
        elif self.link.has_ended_output and not self._has_written_eof:
            # A half-close lets the goodbye arrive: closing with bytes unread would reset the connection under it.
            self._has_written_eof = True
            if not self._transport.is_closing():  # as after a write that failed
                with contextlib.suppress(OSError):
                    self._transport.write_eof()
        if not self._is_turn_due and self.link.has_more_to_send and self._room() > 0:
            # The kernel took everything: let the other connections have their turn before the next piece.
            self._is_turn_due = True
            self._loop.call_soon(self._take_due_turn)

    def _close_connection(self, transport: asyncio.Transport) -> None:
        # What still waits at the end waits for a peer that has stopped reading, or has left.
        if transport.get_write_buffer_size():
            transport.abort()
        else:
            transport.close()


def _queueing_s(tcp: socket.socket) -> float | None:
    """By the round trips that the kernel measures: tcpi_rtt, tcpi_rttvar and tcpi_min_rtt of tcp_info, linux/tcp.h.

    What they vary by is no queue, nor twice that: the other end answers now at once and now with what it says next.
    """
    if sys.platform != "linux":
        return None
    try:
        told = tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
    except OSError:  # it is closed
        return None
    if len(told) < _TCP_INFO_BYTES:
        return None
    round_trip_us: int
    least_us: int
    varies_us: int
    (round_trip_us, varies_us), (least_us,) = struct.unpack_from("=II", told, 68), struct.unpack_from("=I", told, 148)
    return max(0, round_trip_us - 2 * varies_us - least_us) / 1e6


def _nothing(_now: float) -> None:
    pass


def _ignore(_transport: WebSocketTransport) -> None:
    pass


async def connect(
    address: Address,
    identity: Identity,
    *,
    expected_fingerprint: bytes | None = None,
    profile: WebSocketProfile = DEFAULT_PROFILE,
) -> Connection:
    """Call a host; a connection or a handshake that fails raises AddressUnavailable or LinkError with the reason."""
    transport = await WebSocketTransport.call(address, identity, expected_fingerprint, profile)
    return await transport.connection.wait_established()


def _tune(tcp: socket.socket, max_ahead_bytes: int) -> None:
    # Without a limit the kernel swallows megabytes of bulk that no chat message can overtake (tcp(7); Linux and macOS).
    unsent_limit = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    # macOS refuses options of a connection that the peer has already broken off.
    with contextlib.suppress(OSError):
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if unsent_limit is not None:
            tcp.setsockopt(socket.IPPROTO_TCP, unsent_limit, max_ahead_bytes)
