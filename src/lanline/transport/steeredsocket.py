"""The UDP port of a host that is called: links and strangers have a buffer each, so that a flood fills its own."""

from __future__ import annotations

import os
from collections.abc import Callable

from lanline.transport.datagrams import Address, DatagramSocket
from lanline.transport.steering import PREFIX_BYTES, open_twin
from lanline.transport.udp import UdpSocket, enlarge_buffers, open_socket

_MAX_STRANGERS = 32
"""Read in one turn: a packet of a link then waits for at most so many answers."""


class SteeredSocket:
    """Two kernel sockets of one port. Packets of links are those whose connection id begins with `id_prefix`, which
    nobody can guess who has not seen one; handshakes and whatever else comes are for the strangers' socket.
    """

    def __init__(self, strangers: UdpSocket, links: UdpSocket, id_prefix: bytes) -> None:
        self._strangers = strangers
        self._links = links
        self._readable = links
        self._on_readable: Callable[[], None] | None = None
        self.id_prefix = id_prefix
        self.send: Callable[[Address, list[bytes]], None] = links.send

    @classmethod
    async def bind(cls, host: str, port: int) -> DatagramSocket:
        """Where the system cannot tell datagrams apart, one socket takes them all."""
        sock = await open_socket(host, port)
        prefix = os.urandom(PREFIX_BYTES)
        prefix = bytes([prefix[0] | 0x80]) + prefix[1:]
        twin = open_twin(sock, prefix)
        if twin is None:
            return UdpSocket(sock)
        enlarge_buffers(twin)
        return cls(UdpSocket(sock, offload=False, most_reads=_MAX_STRANGERS), UdpSocket(twin), prefix)

    @property
    def address(self) -> Address:
        return self._links.address

    @property
    def forbids_fragmentation(self) -> bool:
        return self._links.forbids_fragmentation

    def start(self, on_readable: Callable[[], None]) -> None:
        self._on_readable = on_readable
        self._links.start(self._on_links)
        self._strangers.start(self._on_strangers)

    def _on_links(self) -> None:
        self._readable = self._links
        assert self._on_readable is not None
        self._on_readable()

    def _on_strangers(self) -> None:
        self._readable = self._strangers
        assert self._on_readable is not None
        self._on_readable()

    def receive(self) -> list[tuple[bytes, Address]]:
        return self._readable.receive()

    def close(self) -> None:
        self._links.close()
        self._strangers.close()
