"""The bare system call: one datagram for every message and peer. Nothing sealed, nothing acknowledged."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence

TITLE = "bare `sendto`, a datagram each"
LONGEST_DATAGRAM_BYTES = 65_535
PEER_BUFFER_BYTES = 1 << 20


class Sendto:
    def __init__(self, peers: int) -> None:
        self._peers = [_peer_socket() for _ in range(peers)]
        self._addresses = [peer.getsockname() for peer in self._peers]
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def send_batch(self, messages: Sequence[bytes]) -> None:
        sendto = self._socket.sendto
        for address in self._addresses:
            for message in messages:
                sendto(message, address)

    def settle(self) -> None:
        """A full receive buffer would make the next `sendto` cheaper than it is."""
        for peer in self._peers:
            with contextlib.suppress(BlockingIOError):
                while True:
                    peer.recv(LONGEST_DATAGRAM_BYTES)


def _peer_socket() -> socket.socket:
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PEER_BUFFER_BYTES)
    peer.bind(("127.0.0.1", 0))
    peer.setblocking(False)
    return peer


def open_fan_out(peers: int) -> Sendto:
    return Sendto(peers)
