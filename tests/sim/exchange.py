"""A key exchange in the shape of DTLS, made of seeded bytes, so that two runs of a seed agree in every datagram.

OpenSSL draws its own entropy, so runs over it agree in behaviour and not in bytes. A part of the seeds runs over it.
"""

from __future__ import annotations

import hashlib
import random

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from lanline.crypto.sealing import Suite
from lanline.errors import MalformedPacket

_CLIENT_FLIGHTS = ((152,), (309, 58, 101, 14, 61))
_SERVER_FLIGHTS = ((80, 308, 112, 49, 73, 25), (14, 61))
_HEAD_BYTES = 2


class SeededExchanges:
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.fingerprint = rng.randbytes(32)

    def start_handshake(self, is_client: bool) -> SeededExchange:
        return SeededExchange(self._rng.randbytes(30), self.fingerprint, is_client)


class SeededExchange:
    """Records carry (flight, index); the first of each side shows its random bytes and its fingerprint."""

    def __init__(self, random_bytes: bytes, fingerprint: bytes, is_client: bool) -> None:
        self.is_complete = False
        self.peer_fingerprint = b""
        self._is_client = is_client
        self._introduction = random_bytes + fingerprint
        self._peer_introduction = b""
        self._flights = _CLIENT_FLIGHTS if is_client else _SERVER_FLIGHTS
        self._peer_flights = _SERVER_FLIGHTS if is_client else _CLIENT_FLIGHTS
        self._step = 0
        self._heard: set[tuple[int, int]] = set()

    def advance(self, records: bytes) -> list[bytes]:
        if not records and self._is_client:
            return self._flight(0)
        self._take(records)
        wanted = {(self._step, index) for index in range(len(self._peer_flights[self._step]))}
        if self.is_complete or not wanted <= self._heard:
            return []
        step = self._step
        self.is_complete = step + 1 == len(self._peer_flights)
        self._step += not self.is_complete
        answers = step + 1 if self._is_client else step
        return self._flight(answers) if answers < len(self._flights) else []

    def _flight(self, number: int) -> list[bytes]:
        return [
            (bytes([number, index]) + self._introduction).ljust(size, b"\0")[:size]
            for index, size in enumerate(self._flights[number])
        ]

    def _take(self, records: bytes) -> None:
        while records:
            if len(records) < _HEAD_BYTES or records[0] >= len(self._peer_flights):
                raise MalformedPacket("no record of this exchange")
            sizes = self._peer_flights[records[0]]
            if records[1] >= len(sizes):
                raise MalformedPacket("no record of this exchange")
            size = sizes[records[1]]
            record, records = records[:size], records[size:]
            self._heard.add((record[0], record[1]))
            if record[1] == 0 and record[0] == 0:
                self._peer_introduction = record[2:64]
                self.peer_fingerprint = record[32:64]

    @property
    def suite(self) -> Suite:
        return ChaCha20Poly1305

    def export(self, label: bytes, context: bytes, size_bytes: int) -> bytes:
        both = sorted((self._introduction, self._peer_introduction))
        return hashlib.shake_256(label + context + b"".join(both)).digest(size_bytes)
