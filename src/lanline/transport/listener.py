"""One port number, UDP and TCP: reports the links of both in the same way."""

from __future__ import annotations

from contextlib import ExitStack

from lanline.crypto.identity import Identity
from lanline.errors import AddressUnavailable
from lanline.proto.link.profile import LinkProfile
from lanline.proto.websocket.profile import WebSocketProfile
from lanline.transport.connection import AcceptHandler
from lanline.transport.datagrams import Address
from lanline.transport.linkhost import LinkHost
from lanline.transport.steeredsocket import SteeredSocket
from lanline.transport.websockethost import WebSocketHost, listen

_TRIES_FOR_A_FREE_NUMBER = 16


class Listener:
    def __init__(self, link_host: LinkHost, websocket_host: WebSocketHost) -> None:
        self._link_host = link_host
        self._websocket_host = websocket_host

    @classmethod
    async def open(
        cls,
        host: str,
        port: int,
        identity: Identity,
        on_accept: AcceptHandler,
        *,
        udp_profile: LinkProfile | None = None,
        websocket_profile: WebSocketProfile | None = None,
    ) -> Listener:
        """Port 0 is any number that is free in both. AddressUnavailable says which of the two cannot be had."""
        tries_left = 1 if port else _TRIES_FOR_A_FREE_NUMBER
        while True:
            tries_left -= 1
            with ExitStack() as undo:
                sock = await SteeredSocket.bind(host, port)
                undo.callback(sock.close)
                number = sock.address[1]
                try:
                    websocket_host = await listen(
                        host, number, identity, on_accept, profile=websocket_profile or WebSocketProfile()
                    )
                except AddressUnavailable:
                    if tries_left:
                        continue
                    raise
                undo.pop_all()
                return cls(LinkHost(sock, identity, profile=udp_profile, on_accept=on_accept), websocket_host)

    @property
    def address(self) -> Address:
        return self._link_host.address

    def remember_host(self, host: str) -> None:
        """A member was there before this start, and is let in whatever strangers do. Each sign-in does the same."""
        self._link_host.remember_host(host)

    def close(self, reason: str = "") -> None:
        """Say goodbye on every link, once, and let the port go."""
        self._link_host.close(reason)
        self._websocket_host.close(reason)

    async def wait_closed(self) -> None:
        """Until the goodbyes over TCP are through; those over UDP need no waiting."""
        await self._websocket_host.wait_closed()
