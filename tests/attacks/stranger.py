"""Somebody nobody knows, with a socket and the real state machine of a link: what the attacks are made of.

Blocking, for a thread or a process of its own.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from lanline.crypto.dtls import DtlsKeys
from lanline.crypto.identity import Identity
from lanline.proto.link.endpoint import Endpoint
from lanline.proto.link.link import Link, LinkState

Address = tuple[str, int]
ELSEWHERE = "127.0.0.9"
"""Another network than that of the members of a test, as limits count."""
_HANDSHAKE_LIMIT_S = 3.0
_TURN_S = 0.002


@dataclass(slots=True)
class Counts:
    links: int = 0
    """Which came up."""
    refused: int = 0
    """Calls that did not come up in time."""
    datagrams: int = 0
    frames: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0


class Pace:
    """So many bits of payload in a second, since it was made."""

    def __init__(self, bits_per_s: float, stop_after_s: float) -> None:
        self._bytes_per_s = bits_per_s / 8
        self._started = time.monotonic()
        self._stop_after_s = stop_after_s
        self._bytes = 0

    @property
    def is_over(self) -> bool:
        return time.monotonic() - self._started >= self._stop_after_s

    def spend(self, size_bytes: int) -> None:
        self._bytes += size_bytes
        ahead_s = self._bytes / self._bytes_per_s - (time.monotonic() - self._started)
        if ahead_s > 0:
            time.sleep(ahead_s)


class Stranger:
    """One socket that calls one address, again and again if need be."""

    def __init__(self, address: Address, counts: Counts, source: str = "127.0.0.1") -> None:
        self.counts = counts
        self._address = address
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((source, 0))
        self._socket.setblocking(False)
        self._endpoint = Endpoint(
            exchanges=DtlsKeys(Identity.generate()), reset_key=os.urandom(32), entropy=os.urandom, accepts=False
        )

    def call(self) -> Link | None:
        link = self._endpoint.connect(self._address, time.monotonic())
        until = time.monotonic() + _HANDSHAKE_LIMIT_S
        while link.state is LinkState.HANDSHAKING and time.monotonic() < until:
            self.turn()
            time.sleep(_TURN_S)
        if link.state is not LinkState.ESTABLISHED:
            self.counts.refused += 1
            return None
        self.turn()
        self.counts.links += 1
        return link

    def turn(self) -> None:
        self.read()
        now = time.monotonic()
        self._endpoint.handle_timer(now)
        while self._endpoint.next_event() is not None:
            pass
        for _, datagrams in self._endpoint.datagrams_to_send(now):
            for data in datagrams:
                self.send(data)

    def read(self) -> None:
        """What has come; nothing is answered, and so nothing acknowledged."""
        with suppress(BlockingIOError):
            while True:
                data, address = self._socket.recvfrom(65_536)
                self.counts.received_bytes += len(data)
                self._endpoint.receive_datagram(data, address[:2], time.monotonic())

    def send(self, data: bytes) -> None:
        with suppress(BlockingIOError):
            self._socket.sendto(data, self._address)
            self.counts.datagrams += 1
            self.counts.sent_bytes += len(data)

    def close(self) -> None:
        self._socket.close()


def flood(
    address: Address, stop_after_s: float, bits_per_s: float, payload: Callable[[], bytes], frames_each: int
) -> Counts:
    """Sealed packets of legal frames, on a link that acknowledges nothing; on a new link when one is closed."""
    counts = Counts()
    stranger = Stranger(address, counts, ELSEWHERE if sys.platform == "linux" else "127.0.0.1")
    pace = Pace(bits_per_s, stop_after_s)
    link: Link | None = None
    try:
        while not pace.is_over:
            if link is None or link.state is not LinkState.ESTABLISHED:
                link = stranger.call()
                continue
            packet = link._outgoing._seal(payload())
            stranger.send(packet)
            counts.frames += frames_each
            pace.spend(len(packet))
            stranger.read()
    finally:
        stranger.close()
    return counts
