"""A frame of H.264 in RTP packets (RFC 3550, RFC 6184): one NAL unit a packet, large ones in fragments (FU-A)."""

from __future__ import annotations

import re
from struct import Struct

PAYLOAD_TYPE = 96
CLOCK_HZ = 90_000
_MAX_PAYLOAD_BYTES = 1400
_HEADER = Struct("!BBHII")
_VERSION = 0x80
_MARKER = 0x80
_FU_A = 28
_START_CODE = re.compile(b"\x00\x00\x00?\x01")


def nal_units(payload: bytes) -> list[bytes]:
    """Of a byte stream (Annex B)."""
    return [unit.rstrip(b"\0") for unit in _START_CODE.split(payload) if unit]


class RtpPacketiser:
    """`ssrc` and the first number are drawn by whoever has entropy."""

    def __init__(self, ssrc: int, first_number: int) -> None:
        self._ssrc = ssrc
        self._number = first_number

    def packetise(self, payload: bytes, captured_at_us: int) -> list[bytes]:
        timestamp = captured_at_us * CLOCK_HZ // 1_000_000 & 0xFFFFFFFF
        parts = [part for unit in nal_units(payload) for part in _fragments(unit)]
        packets = []
        for index, part in enumerate(parts):
            marker = _MARKER if index == len(parts) - 1 else 0
            head = _HEADER.pack(_VERSION, marker | PAYLOAD_TYPE, self._number & 0xFFFF, timestamp, self._ssrc)
            packets.append(head + part)
            self._number += 1
        return packets


def _fragments(unit: bytes) -> list[bytes]:
    if len(unit) <= _MAX_PAYLOAD_BYTES:
        return [unit]
    indicator, kind, body = unit[0] & 0xE0 | _FU_A, unit[0] & 0x1F, unit[1:]
    room = _MAX_PAYLOAD_BYTES - 2
    pieces = [body[start : start + room] for start in range(0, len(body), room)]
    last = len(pieces) - 1
    return [
        bytes([indicator, (0x80 if index == 0 else 0) | (0x40 if index == last else 0) | kind]) + piece
        for index, piece in enumerate(pieces)
    ]
