"""What one binary WebSocket message carries (docs/protocol/websocket.md, 4): a kind, a channel, and the rest."""

from __future__ import annotations

from enum import IntEnum

from lanline.errors import ProtocolViolation
from lanline.proto.channels import RELIABLE_CHANNELS, UNRELIABLE_CHANNELS, Channel


class UnitKind(IntEnum):
    DATA = 0
    DELIVERED = 1
    UNRELIABLE = 2
    CREDIT = 3


HEADER_BYTES = 2
MAX_BODY_BYTES = 16_384
MAX_UNIT_BYTES = HEADER_BYTES + MAX_BODY_BYTES
NUMBER_BYTES = 8
INITIAL_CREDIT_BYTES = 65_536
"""What a channel may carry before its first CREDIT, so that a request can go out with the opening."""

WIRE_OVERHEAD_BYTES = 40
"""What a unit costs besides its body, at most: unit header 2, frame header 8, TLS record 22, and some air."""

PIECE_BYTES = MAX_BODY_BYTES - WIRE_OVERHEAD_BYTES
"""A full DATA unit that still fits into one TLS record."""

DATA_HEADERS = {channel: bytes((UnitKind.DATA, channel)) for channel in RELIABLE_CHANNELS}
UNRELIABLE_HEADERS = {channel: bytes((UnitKind.UNRELIABLE, channel)) for channel in UNRELIABLE_CHANNELS}

_CHANNELS = {
    UnitKind.DATA: {int(channel): channel for channel in RELIABLE_CHANNELS},
    UnitKind.DELIVERED: {int(channel): channel for channel in RELIABLE_CHANNELS},
    UnitKind.UNRELIABLE: {int(channel): channel for channel in UNRELIABLE_CHANNELS},
    UnitKind.CREDIT: {int(channel): channel for channel in RELIABLE_CHANNELS},
}
_KINDS = {int(kind): kind for kind in UnitKind}


def encode_delivered(channel: Channel, through: int) -> bytes:
    return bytes((UnitKind.DELIVERED, channel)) + through.to_bytes(NUMBER_BYTES, "big")


def encode_credit(channel: Channel, limit: int) -> bytes:
    return bytes((UnitKind.CREDIT, channel)) + limit.to_bytes(NUMBER_BYTES, "big")


def decode_unit(unit: bytes | bytearray | memoryview) -> tuple[UnitKind, Channel, bytes]:
    if len(unit) < HEADER_BYTES:
        raise ProtocolViolation(f"a unit of {len(unit)} bytes has no room for its header")
    kind = _KINDS.get(unit[0])
    if kind is None:
        raise ProtocolViolation(f"a unit of the unknown kind {unit[0]}")
    channel = _CHANNELS[kind].get(unit[1])
    if channel is None:
        raise ProtocolViolation(f"a {kind.name} unit for channel {unit[1]}")
    return kind, channel, bytes(memoryview(unit)[HEADER_BYTES:])


def decode_number(body: bytes) -> int:
    if len(body) != NUMBER_BYTES:
        raise ProtocolViolation(f"a number of {len(body)} bytes")
    return int.from_bytes(body, "big")
