"""A TCP port that is called: accepts connections, holds them cheaply until they are links, and hands the links in.

Owns how many connections there are, and what happens when files run out. Not what is said on them.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from functools import partial

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
_ACCEPTED_AT_ONCE = 32
_LOOK_EVERY_S = 0.5
_NEXT_HANDSHAKES_S = 0.01
_SPARE_FILES = 64
"""For the store and the commands of the operator, however many call."""
_WITHOUT_FILES_S = 1.0
_QUIET_S = 60.0
"""So long nothing must have been short before a shortage is told again."""


class _Caller:
    """A connection that is no link yet. Until it sends something, it costs a socket and nothing else."""

    __slots__ = ("host", "since", "socket", "transport")

    def __init__(self, sock: socket.socket, host: str, since: float) -> None:
        self.socket = sock
        self.host = host
        self.since = since
        self.transport: WebSocketTransport | None = None


class WebSocketHost:
    """All links that callers have opened to one TCP port."""

    def __init__(self, identity: Identity, on_accept: AcceptHandler, profile: WebSocketProfile) -> None:
        self._context = server_context(identity)
        self._on_accept = on_accept
        self._profile = profile
        self._loop = asyncio.get_running_loop()
        self._callers: Callers[_Caller] = Callers()
        self._transports: set[WebSocketTransport] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._listening: socket.socket | None = None
        self._most_files = 0
        self._files = 0
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._was_short_at = -_QUIET_S
        self.address: Address = ("", 0)

    async def open(self, host: str, port: int) -> None:
        family, address = await resolve(host, port)
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            sock.listen(_BACKLOG)
        except OSError as cause:
            sock.close()
            raise port_unavailable("TCP", host, port, cause) from cause
        self._listening = sock
        self._most_files = _most_files() - _SPARE_FILES
        self.address = sock.getsockname()[:2]
        self._loop.add_reader(sock, self._accept)

    # Accepting.

    def _accept(self) -> None:
        if self._listening is None:
            return
        for _ in range(_ACCEPTED_AT_ONCE):
            if self._files >= self._most_files:
                self._spare_files("all files that the system grants are in use")
                return
            try:
                sock, address = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as problem:
                self._spare_files(problem.strerror or str(problem))
                return
            self._admit(sock, address[0])

    def _admit(self, sock: socket.socket, host: str) -> None:
        sock.setblocking(False)
        self._files += 1
        caller = _Caller(sock, host, Driver.now())
        yields = self._callers.admit(caller, host)
        if yields is not None:
            self._hang_up(yields)
        self._loop.add_reader(sock, self._on_first_bytes, caller)
        self._call_later("look", min(_LOOK_EVERY_S, self._profile.handshake_timeout_s), self._hang_up_on_the_silent)

    def _spare_files(self, reason: str) -> None:
        """A caller goes, or nobody comes in for a while; links and the store go on as they were."""
        now = Driver.now()
        if now - self._was_short_at >= _QUIET_S:
            _LOG.warning("no more connections over TCP can be taken: %s; links that are up go on", reason)
        self._was_short_at = now
        oldest = self._callers.yield_one()
        if oldest is not None:
            self._hang_up(oldest)
        elif self._listening is not None:
            self._loop.remove_reader(self._listening)
            self._call_later("accept", _WITHOUT_FILES_S, self._accept_again)

    def _accept_again(self) -> None:
        if self._listening is not None:
            self._loop.add_reader(self._listening, self._accept)

    # Callers.

    def _on_first_bytes(self, caller: _Caller) -> None:
        self._loop.remove_reader(caller.socket)
        if not _has_said_something(caller.socket):
            self._callers.drop(caller)
            self._hang_up(caller)
            return
        self._callers.want_handshake(caller, caller.host)
        self._begin_handshakes()

    def _begin_handshakes(self) -> None:
        while (caller := self._callers.next_handshake(Driver.now())) is not None:
            opening = self._loop.create_task(self._open(caller))
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)
        if self._callers.want_handshakes:
            self._call_later("handshakes", _NEXT_HANDSHAKES_S, self._begin_handshakes)

    async def _open(self, caller: _Caller) -> None:
        transport = caller.transport = self._make(caller)
        try:
            await self._loop.connect_accepted_socket(lambda: transport, caller.socket)
        except OSError:
            caller.socket.close()
            self._lose_caller(caller, transport)
            transport.disconnected.set()

    def _make(self, caller: _Caller) -> WebSocketTransport:
        link = WebSocketLink.accept(self._context, caller.since, profile=self._profile)
        transport = WebSocketTransport(link, self._profile.max_ahead_bytes)
        transport.on_event = partial(self._introduce, caller, transport)
        transport.on_lost = partial(self._lose_caller, caller)
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

    def _hang_up_on_the_silent(self) -> None:
        too_old = Driver.now() - self._profile.handshake_timeout_s
        for caller in self._callers.all():
            if caller.since > too_old:
                break
            if caller.transport is None:
                self._callers.drop(caller)
                self._hang_up(caller)
        if len(self._callers):
            self._call_later("look", min(_LOOK_EVERY_S, self._profile.handshake_timeout_s), self._hang_up_on_the_silent)

    def _hang_up(self, caller: _Caller) -> None:
        """It has lost its place already."""
        if caller.transport is not None:
            caller.transport.abort()
            return
        self._loop.remove_reader(caller.socket)
        caller.socket.close()
        self._files -= 1

    def _lose_caller(self, caller: _Caller, transport: WebSocketTransport) -> None:
        self._callers.drop(caller)
        self._lose(transport)

    def _lose(self, transport: WebSocketTransport) -> None:
        self._transports.discard(transport)
        self._files -= 1

    def _call_later(self, name: str, delay_s: float, callback: Callable[[], None]) -> None:
        """Once, however often it is asked for."""

        def ring() -> None:
            del self._timers[name]
            callback()

        if name not in self._timers:
            self._timers[name] = self._loop.call_later(delay_s, ring)

    # The end.

    def close(self, reason: str = "") -> None:
        """Say goodbye on every link, once, and let the port go."""
        if self._listening is not None:
            self._loop.remove_reader(self._listening)
            self._listening.close()
            self._listening = None
        for timer in self._timers.values():
            timer.cancel()
        for caller in self._callers.all():
            if caller.transport is None:
                self._callers.drop(caller)
                self._hang_up(caller)
        for transport in list(self._transports):
            transport.connection.close(CloseCode.GOING_AWAY, reason)

    async def wait_closed(self) -> None:
        """Until no connection is left; each has a time limit for its goodbye."""
        for transport in list(self._transports):
            await transport.disconnected.wait()


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


def _has_said_something(sock: socket.socket) -> bool:
    """Or it has left, and is not worth a handshake."""
    try:
        return bool(sock.recv(1, socket.MSG_PEEK))
    except OSError:
        return False


def _most_files() -> int:
    try:
        import resource  # noqa: PLC0415 -- not on Windows
    except ImportError:
        return 2**31
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2**31 if soft == resource.RLIM_INFINITY else soft
