"""Frames in RTP packets (RFC 3550): H.264 with one NAL unit a packet, large ones in fragments (FU-A, RFC 6184), and
Opus (RFC 7587); and what tells a player which moment of one is which moment of the other.
"""

from __future__ import annotations

import re
from enum import Enum
from struct import Struct

_MAX_PAYLOAD_BYTES = 1400
_HEADER = Struct("!BBHII")
_SENDER_REPORT = Struct("!BBHIIIIII")
_SENDER_REPORT_TYPE, _SENDER_REPORT_WORDS = 200, 6
_VERSION = 0x80
_MARKER = 0x80
_FU_A = 28
_BITS = 0xFFFFFFFF
_START_CODE = re.compile(b"\x00\x00\x00?\x01")


def nal_units(payload: bytes) -> list[bytes]:
    """Of a byte stream (Annex B)."""
    return [unit.rstrip(b"\0") for unit in _START_CODE.split(payload) if unit]


class Medium(Enum):
    """Payload type, and ticks a second."""

    H264 = 96, 90_000
    OPUS = 97, 48_000

    @property
    def payload_type(self) -> int:
        return self.value[0]

    @property
    def clock_hz(self) -> int:
        return self.value[1]


class RtpPacketiser:
    """Of one medium. `ssrc` and the first number are drawn by whoever has entropy."""

    def __init__(self, medium: Medium, ssrc: int, first_number: int) -> None:
        self.medium = medium
        self._ssrc = ssrc
        self._number = first_number
        self._sent_packets = self._sent_bytes = 0

    def packetise(self, payload: bytes, captured_at_us: int) -> list[bytes]:
        timestamp = self._timestamp(captured_at_us)
        if self.medium is Medium.OPUS:
            parts, last = [payload], -1
        else:
            parts = [part for unit in nal_units(payload) for part in _fragments(unit)]
            last = len(parts) - 1
        packets = []
        for index, part in enumerate(parts):
            kind = (_MARKER if index == last else 0) | self.medium.payload_type
            packets.append(_HEADER.pack(_VERSION, kind, self._number & 0xFFFF, timestamp, self._ssrc) + part)
            self._number += 1
        self._sent_packets += len(parts)
        self._sent_bytes += sum(map(len, parts))
        return packets

    def sender_report(self, captured_at_us: int) -> bytes:
        """RFC 3550, 6.4.1. The one clock for all media is that of the captures; what day it is, nobody asks."""
        seconds, rest_us = divmod(captured_at_us, 1_000_000)
        return _SENDER_REPORT.pack(
            _VERSION,
            _SENDER_REPORT_TYPE,
            _SENDER_REPORT_WORDS,
            self._ssrc,
            seconds & _BITS,
            (rest_us << 32) // 1_000_000,
            self._timestamp(captured_at_us),
            self._sent_packets & _BITS,
            self._sent_bytes & _BITS,
        )

    def _timestamp(self, captured_at_us: int) -> int:
        return captured_at_us * self.medium.clock_hz // 1_000_000 & _BITS


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
