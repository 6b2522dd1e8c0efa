"""A TCP port that is called: accepts connections, holds them cheaply until they are links, and hands the links in.

Owns how many connections there are, and what happens when files run out. Not what is said on them.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from functools import partial
from typing import cast

from lanline.crypto.identity import Identity
from lanline.crypto.tls import server_context
from lanline.errors import CloseCode
from lanline.proto.events import LinkEstablished, LinkEvent
from lanline.proto.websocket.callers import Callers
from lanline.proto.websocket.link import WebSocketLink
from lanline.proto.websocket.profile import WebSocketProfile
from lanline.transport.addresses import port_unavailable, resolve
from lanline.transport.connection import AcceptHandler
from lanline.transport.datagrams import Address
from lanline.transport.driver import Driver
from lanline.transport.websocket import DEFAULT_PROFILE, WebSocketTransport

_LOG = logging.getLogger(__name__)

_BACKLOG = 1024
"""Callers the kernel lets wait. When a host comes back, all its clients call at once."""
_LOOK_EVERY_S = 0.5
_NEXT_HANDSHAKES_S = 0.01
_SPARE_FILES = 64
"""For the store and the commands of the operator, however many call."""
_QUIET_S = 60.0
"""So long nothing must have been short before a shortage is told again."""


class _Caller(asyncio.Protocol):
    """A connection that is no link yet. Until it sends something, it costs a socket and nothing else."""

    def __init__(self, host: WebSocketHost) -> None:
        self.since = Driver.now()
        self.address: Address = ("", 0)
        self.connection: asyncio.Transport
        self.transport: WebSocketTransport | None = None
        self.first_bytes = b""
        self._host = host

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.connection = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        name = transport.get_extra_info("peername") or ("", 0)
        self.address = name[0], name[1]
        self._host.admit(self)

    def data_received(self, data: bytes) -> None:
        self.first_bytes += data
        if len(self.first_bytes) == len(data):
            self._host.want_handshake(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's name
        self._host.lose_caller(self)


class WebSocketHost:
    """All links that callers have opened to one TCP port."""

    def __init__(self, identity: Identity, on_accept: AcceptHandler, profile: WebSocketProfile) -> None:
        self._context = server_context(identity)
        self._on_accept = on_accept
        self._profile = profile
        self._loop = asyncio.get_running_loop()
        self._callers: Callers[_Caller] = Callers()
        self._transports: set[WebSocketTransport] = set()
        self._server: asyncio.Server | None = None
        self._most_files = 0
        self._files = 0
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._was_short_at = -_QUIET_S
        self.address: Address = ("", 0)

    async def open(self, host: str, port: int) -> None:
        family, address = await resolve(host, port)
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            self._server = await self._loop.create_server(lambda: _Caller(self), sock=sock, backlog=_BACKLOG)
        except OSError as cause:
            sock.close()
            raise port_unavailable("TCP", host, port, cause) from cause
        self._most_files = _most_files() - _SPARE_FILES
        self.address = sock.getsockname()[:2]

    # Callers.

    def admit(self, caller: _Caller) -> None:
        self._files += 1
        yields = self._callers.admit(caller, caller.address[0])
        if yields is not None:
            yields.connection.abort()
        if self._files > self._most_files:
            self._spare_files()
        if "look" not in self._timers:
            self._call_later("look", self._look_every_s, self._hang_up_on_the_silent)

    def _spare_files(self) -> None:
        """Somebody comes in the place of another, or not at all; links and the store go on as they were."""
        now = Driver.now()
        if now - self._was_short_at >= _QUIET_S:
            _LOG.warning("too many open files: callers over TCP are hung up on; links that are up go on")
        self._was_short_at = now
        yields = self._callers.yield_one()
        if yields is not None:
            yields.connection.abort()

    def want_handshake(self, caller: _Caller) -> None:
        self._callers.want_handshake(caller, caller.address[0])
        self._begin_handshakes()
        if caller.transport is None:
            # What else it sends waits with the system.
            caller.connection.pause_reading()

    def _begin_handshakes(self) -> None:
        while (caller := self._callers.next_handshake(Driver.now())) is not None:
            self._begin(caller)
        if self._callers.want_handshakes and "handshakes" not in self._timers:
            self._call_later("handshakes", _NEXT_HANDSHAKES_S, self._begin_handshakes)

    def _begin(self, caller: _Caller) -> None:
        transport = caller.transport = self._make(caller)
        caller.connection.set_protocol(transport)
        transport.connection_made(caller.connection)
        if not caller.connection.is_reading():
            caller.connection.resume_reading()
        transport.data_received(caller.first_bytes)
        caller.first_bytes = b""

    def _make(self, caller: _Caller) -> WebSocketTransport:
        link = WebSocketLink.accept(self._context, caller.since, profile=self._profile)
        transport = WebSocketTransport(link, self._profile.max_ahead_bytes)
        transport.on_event = partial(self._introduce, caller, transport)
        transport.on_lost = partial(self._lose_with, caller)
        self._transports.add(transport)
        return transport

    def _introduce(self, caller: _Caller, transport: WebSocketTransport, event: LinkEvent) -> None:
        """The first event: an established link, or a caller that was none and is not worth telling."""
        transport.on_event = transport.connection.handle_event
        transport.connection.handle_event(event)
        if type(event) is LinkEstablished:
            if transport.link.is_trusted:
                self._callers.give_back()
            else:
                transport.connection.on_trust = self._callers.give_back
            transport.connection.introduce(self._on_accept, transport.peer_address)
            if not transport.link.has_ended_output:
                # Who was refused stays a caller until the connection is gone.
                self._callers.drop(caller)
                transport.on_lost = self._lose

    @property
    def _look_every_s(self) -> float:
        return min(_LOOK_EVERY_S, self._profile.handshake_timeout_s)

    def _hang_up_on_the_silent(self) -> None:
        too_old = Driver.now() - self._profile.handshake_timeout_s
        for caller in self._callers.all():
            if caller.since > too_old:
                break
            if caller.transport is None:
                caller.connection.abort()
        if len(self._callers):
            self._call_later("look", self._look_every_s, self._hang_up_on_the_silent)

    def lose_caller(self, caller: _Caller) -> None:
        self._callers.drop(caller)
        self._files -= 1

    def _lose_with(self, caller: _Caller, transport: WebSocketTransport) -> None:
        self._callers.drop(caller)
        caller.transport = None
        self._lose(transport)

    def _lose(self, transport: WebSocketTransport) -> None:
        self._transports.discard(transport)
        self._files -= 1

    def _call_later(self, name: str, delay_s: float, callback: Callable[[], None]) -> None:
        def ring() -> None:
            del self._timers[name]
            callback()

        self._timers[name] = self._loop.call_later(delay_s, ring)

    # The end.

    def close(self, reason: str = "") -> None:
        """Say goodbye on every link, once, and let the port go."""
        if self._server is not None:
            self._server.close()
        for timer in self._timers.values():
            timer.cancel()
        for caller in self._callers.all():
            if caller.transport is None:
                caller.connection.abort()
        for transport in list(self._transports):
            transport.connection.close(CloseCode.GOING_AWAY, reason)

    async def wait_closed(self) -> None:
        """Until no connection is left; each has a time limit for its goodbye."""
        for transport in list(self._transports):
            await transport.disconnected.wait()
        if self._server is not None:
            await self._server.wait_closed()


async def listen(
    host: str,
    port: int,
    identity: Identity,
    on_accept: AcceptHandler,
    *,
    profile: WebSocketProfile = DEFAULT_PROFILE,
) -> WebSocketHost:
    """`on_accept` is told of every link once it is established."""
    websocket_host = WebSocketHost(identity, on_accept, profile)
    await websocket_host.open(host, port)
    return websocket_host


def _most_files() -> int:
    try:
        import resource  # noqa: PLC0415 -- not on Windows
    except ImportError:
        return 2**31
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2**31 if soft == resource.RLIM_INFINITY else soft
