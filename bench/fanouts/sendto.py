"""The bare system call: one datagram for every message and peer. Nothing sealed, nothing acknowledged."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

TITLE = "bare `sendto`, a datagram each"
LONGEST_DATAGRAM_BYTES = 65_535
PEER_BUFFER_BYTES = 1 << 20

Packing = Callable[[Sequence[bytes]], Sequence[bytes]]
"""What is sent of a batch, as datagrams."""


class Sendto:
    def __init__(self, peers: int, pack: Packing) -> None:
        self._peers = [_peer_socket() for _ in range(peers)]
        self._addresses = [peer.getsockname() for peer in self._peers]
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._pack = pack

    async def cpu_s(self, messages: Sequence[bytes], batches: int) -> float:
        used_ns = 0
        for _ in range(batches):
            before = time.process_time_ns()
            self._send(messages)
            used_ns += time.process_time_ns() - before
            self._settle()
        return used_ns / 1e9

    def _send(self, messages: Sequence[bytes]) -> None:
        datagrams = self._pack(messages)
        sendto = self._socket.sendto
        for address in self._addresses:
            for datagram in datagrams:
                sendto(datagram, address)

    def _settle(self) -> None:
        """A full receive buffer would make the next `sendto` cheaper than it is."""
        for peer in self._peers:
            with contextlib.suppress(BlockingIOError):
                while True:
                    peer.recv(LONGEST_DATAGRAM_BYTES)

    def close(self) -> None:
        for each in (self._socket, *self._peers):
            each.close()


def _peer_socket() -> socket.socket:
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PEER_BUFFER_BYTES)
    peer.bind(("127.0.0.1", 0))
    peer.setblocking(False)
    return peer


@asynccontextmanager
async def open_sendto(peers: int, pack: Packing) -> AsyncIterator[Sendto]:
    with contextlib.closing(Sendto(peers, pack)) as fan_out:
        yield fan_out


def open_fan_out(peers: int) -> contextlib.AbstractAsyncContextManager[Sendto]:
    return open_sendto(peers, lambda messages: messages)
