"""A conversation in bare UTF-8 datagrams, one for each line, with any program that speaks them. Nothing is promised."""

from __future__ import annotations

import asyncio

from lanline.errors import InvalidInput
from lanline.model.text import safe_line
from lanline.transport.addresses import resolve
from lanline.transport.udp import UdpSocket

MAX_DATAGRAM_BYTES = 65_507


class PlainPeer:
    """Speaks to the given peer, or else to whoever spoke last."""

    def __init__(self) -> None:
        self._socket: UdpSocket | None = None
        self._peer: tuple[str, int] | None = None
        self._received: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    @property
    def port(self) -> int:
        assert self._socket is not None
        return self._socket.address[1]

    async def start(self, listen_host: str, listen_port: int, peer_host: str | None, peer_port: int) -> None:
        sock = await UdpSocket.bind(listen_host, listen_port)
        if peer_host is not None:
            try:
                _, self._peer = await resolve(peer_host, peer_port, sock.family)
            except InvalidInput:
                sock.close()
                raise
        self._socket = sock
        sock.start(self._on_readable)
        self._has_fixed_peer = peer_host is not None

    def _on_readable(self) -> None:
        assert self._socket is not None
        for data, address in self._socket.receive():
            if not self._has_fixed_peer:
                self._peer = address
            text = data.decode("utf-8", "replace").rstrip("\r\n")
            for line in text.split("\n"):
                self._received.put_nowait((f"{address[0]}:{address[1]}", safe_line(line)))

    async def receive(self) -> tuple[str, str]:
        """Who said it, and a line that is safe to show."""
        return await self._received.get()

    def say(self, text: str) -> None:
        """Send one line; whether it arrives, nobody knows."""
        assert self._socket is not None
        data = text.encode("utf-8", "replace") + b"\n"
        if len(data) > MAX_DATAGRAM_BYTES:
            raise InvalidInput(
                f"Not sent: the line has {len(data):,} bytes, and one datagram holds {MAX_DATAGRAM_BYTES:,}."
            )
        if self._peer is None:
            raise InvalidInput("Not sent: nobody has spoken yet. Give --peer-host to speak first.")
        self._socket.send(self._peer, [data])

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
