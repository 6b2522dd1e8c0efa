"""Seals the packets of a stream once, for all who hold its secret. The layout is that of a link's sealed packets:

    stream id (8), number (8), what is sealed, tag (16)

A stream id looks like the connection id of a link, so nobody outside can tell the two apart. The key is a group's: it
keeps others out, and does not tell its holders apart.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lanline.crypto.sealing import TAG_BYTES, Opener, Sealer
from lanline.errors import MalformedPacket

STREAM_ID_BYTES = 8
HEADER_BYTES = STREAM_ID_BYTES + 8
SEALED_OVERHEAD_BYTES = HEADER_BYTES + TAG_BYTES


def new_stream_id(random: bytes) -> bytes:
    """The high bit sets it apart from the packets before a link has keys, as it does for connection ids."""
    return bytes([random[0] | 0x80]) + random[1:STREAM_ID_BYTES]


class StreamSealer:
    """Owns the numbers, so that none is used twice under one key. A stream that begins anew draws another secret."""

    def __init__(self, stream_id: bytes, secret: bytes) -> None:
        self.stream_id = stream_id
        self.next_number = 0
        self._sealer = Sealer(AESGCM, secret)

    @property
    def epoch(self) -> int:
        return self._sealer.epoch

    @property
    def secret(self) -> bytes:
        return self._sealer.secret

    def seal(self, payloads: list[bytes]) -> list[bytes]:
        sealed = self._sealer.seal_run(self.stream_id, self.next_number, payloads)
        self.next_number += len(payloads)
        return sealed


class StreamOpener:
    def __init__(self, secret: bytes, epoch: int) -> None:
        self._opener = Opener(AESGCM, secret, epoch)

    def open(self, packet: bytes) -> tuple[int, bytes]:
        """The number and what was sealed. Raises MalformedPacket."""
        if len(packet) < SEALED_OVERHEAD_BYTES:
            raise MalformedPacket("a stream packet is too short")
        number = int.from_bytes(packet[STREAM_ID_BYTES:HEADER_BYTES], "big")
        return number, self._opener.open(packet[:HEADER_BYTES], number, packet[HEADER_BYTES:])
