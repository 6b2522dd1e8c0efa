"""Calls hosts: over UDP, and over WebSocket where UDP does not answer in time."""

from __future__ import annotations

import asyncio

from lanline.crypto.identity import Identity
from lanline.errors import CloseCode, LinkError
from lanline.proto.link.profile import LinkProfile
from lanline.proto.websocket.profile import WebSocketProfile
from lanline.transport.addresses import resolve
from lanline.transport.connection import Connection
from lanline.transport.datagrams import Address
from lanline.transport.linkhost import LinkHost
from lanline.transport.udp import UdpSocket


class Dialer:
    """Keeps one UDP socket for each address family, for all its calls."""

    def __init__(
        self,
        identity: Identity,
        *,
        udp_answers_within_s: float = 3.0,
        udp_profile: LinkProfile | None = None,
        websocket_profile: WebSocketProfile | None = None,
    ) -> None:
        self._identity = identity
        self._udp_answers_within_s = udp_answers_within_s
        self._udp_profile = udp_profile
        self._websocket_profile = websocket_profile or WebSocketProfile()
        self._link_hosts: dict[int, LinkHost] = {}
        self._binding = asyncio.Lock()

    async def connect(self, host: str, port: int, expected_fingerprint: bytes | None = None) -> Connection:
        """Raises AddressUnavailable or LinkError."""
        told: LinkError | None = None
        try:
            over_udp = await self.connect_udp(host, port, expected_fingerprint)
        except LinkError as problem:
            if problem.code is CloseCode.IDENTITY_REJECTED:
                raise
            # Said before the other side had shown its key: anybody may have said it.
            over_udp, told = None, problem
        if over_udp is not None:
            return over_udp
        try:
            return await self.connect_websocket(host, port, expected_fingerprint)
        except LinkError as problem:
            if told is None or problem.code is not CloseCode.UNREACHABLE:
                raise
            raise told from problem

    async def connect_udp(self, host: str, port: int, expected_fingerprint: bytes | None = None) -> Connection | None:
        """None where UDP does not answer in time. Of a LinkError only IDENTITY_REJECTED is certain."""
        family, address = await resolve(host, port)
        link_host = await self._link_host(family, address)
        try:
            async with asyncio.timeout(self._udp_answers_within_s):
                return await link_host.connect(address, expected_fingerprint)
        except TimeoutError:
            return None
        except LinkError as problem:
            if problem.code is not CloseCode.UNREACHABLE:
                raise
            return None

    async def connect_websocket(self, host: str, port: int, expected_fingerprint: bytes | None = None) -> Connection:
        from lanline.transport.websocket import connect  # noqa: PLC0415 -- most never need it

        _, address = await resolve(host, port)
        return await connect(
            address, self._identity, expected_fingerprint=expected_fingerprint, profile=self._websocket_profile
        )

    async def _link_host(self, family: int, address: Address) -> LinkHost:
        async with self._binding:
            if family not in self._link_hosts:
                sock = await UdpSocket.bind("::" if ":" in address[0] else "0.0.0.0", 0)  # noqa: S104 -- calls out only
                self._link_hosts[family] = LinkHost(sock, self._identity, profile=self._udp_profile)
            return self._link_hosts[family]

    def close(self, reason: str = "") -> None:
        """Say goodbye on every UDP link. Those over WebSocket end by themselves when their connection is closed."""
        for link_host in self._link_hosts.values():
            link_host.close(reason)
        self._link_hosts.clear()
