"""Owns a conversation in bare UTF-8 datagrams, one for each line, with any program. Nothing is promised."""

from __future__ import annotations

import asyncio
import contextlib

from lanline.client.port import open_port
from lanline.errors import InvalidInput
from lanline.model.addresses import address_text
from lanline.model.text import safe_text
from lanline.transport.datagrams import Address
from lanline.transport.udp import UdpSocket

MAX_DATAGRAM_BYTES = 65_507
_MAX_UNREAD_LINES = 10_000
_MAX_REMEMBERED = 64


class PlainPeer:
    """Speaks to the given peer, or else to whoever spoke last."""

    def __init__(self) -> None:
        self._socket: UdpSocket | None = None
        self._peer: Address | None = None
        self._has_fixed_peer = False
        self._received: asyncio.Queue[tuple[str, str]] = asyncio.Queue(_MAX_UNREAD_LINES)
        self._said: dict[Address, str] = {}
        """The last line to each address, until it is known not to have arrived."""
        self._refused: asyncio.Queue[str] = asyncio.Queue(_MAX_UNREAD_LINES)

    @property
    def port(self) -> int:
        assert self._socket is not None
        return self._socket.address[1]

    async def start(self, listen_host: str, listen_port: int, peer_host: str | None, peer_port: int) -> None:
        self._socket, self._peer = await open_port(
            listen_host, listen_port, peer_host, peer_port, may_fragment=True, hears_refusals=True
        )
        self._has_fixed_peer = peer_host is not None
        self._socket.start(self._on_readable)

    def _on_readable(self) -> None:
        assert self._socket is not None
        for data, address in self._socket.receive():
            if not self._has_fixed_peer:
                self._peer = address
            text = safe_text(data.decode("utf-8", "replace"))
            for line in text.removesuffix("\n").split("\n"):
                # Whoever reads too slowly loses what the socket would have lost next.
                with contextlib.suppress(asyncio.QueueFull):
                    self._received.put_nowait((address_text(address), line))

        for refusal in self._socket.refusals():
            said = self._said.pop(refusal.address, None)
            if said is not None:
                where = address_text(refusal.address)
                why = f"nothing listens at {where}" if refusal.is_certain else f"there is no way to {where}"
                with contextlib.suppress(asyncio.QueueFull):
                    self._refused.put_nowait(f"Not delivered: {safe_text(said)!r}, {why}.")

    async def next_refusal(self) -> str:
        """A sentence of a line that did not arrive, where the network says so. That nothing is said proves nothing."""
        return await self._refused.get()

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
        self._said[self._peer] = text
        if len(self._said) > _MAX_REMEMBERED:
            del self._said[next(iter(self._said))]
        self._socket.send(self._peer, [data])

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
