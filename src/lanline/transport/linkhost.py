"""All UDP links of one socket, under one driver: calls out, and hands in those who call."""

from __future__ import annotations

import dataclasses
import os

from lanline.crypto.dtls import DtlsKeys
from lanline.crypto.identity import Identity
from lanline.errors import CloseCode
from lanline.proto.events import LinkClosed, LinkEstablished
from lanline.proto.link.endpoint import Endpoint
from lanline.proto.link.link import Link
from lanline.proto.link.profile import LinkProfile
from lanline.transport.connection import AcceptHandler, Connection
from lanline.transport.datagrams import Address, DatagramSocket
from lanline.transport.driver import Driver
from lanline.transport.streams import LinkStreams

_RESET_PURPOSE = b"reset tokens of %b"
"""Of one port, or another program of the same identity could be asked for the tokens of this one's links."""


def _within_reach(profile: LinkProfile, sock: DatagramSocket) -> LinkProfile:
    """Where datagrams may be cut up on the way, a large one that arrives proves nothing: none is tried."""
    if sock.forbids_fragmentation:
        return profile
    return dataclasses.replace(profile, most_mtu_bytes=profile.mtu_bytes)


def _own_name(sock: DatagramSocket) -> bytes:
    host, port = sock.address
    return f"{host} {port}".encode()


class LinkHost:
    def __init__(
        self,
        sock: DatagramSocket,
        identity: Identity,
        *,
        profile: LinkProfile | None = None,
        on_accept: AcceptHandler | None = None,
    ) -> None:
        self._socket = sock
        self._endpoint = Endpoint(
            exchanges=DtlsKeys(identity),
            reset_key=identity.derive_key(_RESET_PURPOSE % _own_name(sock)),
            entropy=os.urandom,
            profile=_within_reach(profile or LinkProfile(), sock),
            accepts=on_accept is not None,
            id_prefix=sock.id_prefix,
        )
        self._on_accept = on_accept
        self._connections: dict[Link, Connection] = {}
        self._driver = Driver(self._endpoint, deliver=self._deliver, transmit=self._transmit)
        sock.start(self._on_readable)

    @property
    def address(self) -> Address:
        return self._socket.address

    async def connect(self, address: Address, expected_fingerprint: bytes | None = None) -> Connection:
        """Call a host; a handshake that fails raises LinkError with the reason."""
        return await self.connect_nowait(address, expected_fingerprint).wait_established()

    def remember_host(self, host: str) -> None:
        """Somebody who is trusted calls from there, and is let in whatever strangers do."""
        self._endpoint.remember_host(host)

    def connect_nowait(self, address: Address, expected_fingerprint: bytes | None = None) -> Connection:
        """Begin to call a host; `LinkEstablished` or `LinkClosed` follows."""
        link = self._endpoint.connect(address, self._driver.now(), expected_fingerprint)
        connection = self._connections[link] = Connection(link, self._driver, self._streams_of(link))
        self._driver.request_turn()
        return connection

    def _streams_of(self, link: Link) -> LinkStreams:
        return LinkStreams(link, self._endpoint, self._socket)

    def _on_readable(self) -> None:
        self._driver.turn(self._receive)

    def _receive(self, now: float) -> None:
        receive = self._endpoint.receive_datagram
        for data, address in self._socket.receive():
            receive(data, address, now)

    def _deliver(self) -> bool:
        events = self._endpoint.events
        had_any = bool(events)
        while events:
            link, event = events.popleft()
            connection = self._connections.get(link)
            if connection is None:
                if type(event) is not LinkEstablished or self._on_accept is None:
                    continue
                connection = self._connections[link] = Connection(link, self._driver, self._streams_of(link))
                connection.handle_event(event)
                connection.introduce(self._on_accept, link.address)
            else:
                connection.handle_event(event)
            if type(event) is LinkClosed:
                del self._connections[link]
        return had_any

    def _transmit(self, now: float) -> None:
        send = self._socket.send
        for address, datagrams in self._endpoint.datagrams_to_send(now):
            send(address, datagrams)

    def close(self, reason: str = "") -> None:
        """Say goodbye on every link, once, and let the port go."""
        for connection in list(self._connections.values()):
            connection.close(CloseCode.GOING_AWAY, reason)
        self._driver.stop()
        self._socket.close()
