"""What a sealed packet contains: frames <-> bytes. Layouts: docs/protocol/link.md, "Frames".

Frames come from an authenticated peer, so anything malformed is a ProtocolViolation.
"""

from __future__ import annotations

import struct
from struct import Struct

import msgspec

from lanline.errors import ProtocolViolation
from lanline.proto.channels import RELIABLE_CHANNELS, UNRELIABLE_CHANNELS, Channel

PADDING, PING, ACK, STREAM, DATAGRAM, MAX_DATA, RESET_TOKEN, CLOSE, CHALLENGE, RESPONSE = range(10)

_ACK_HEAD = Struct("!BBIQI")
_ACK_RANGE = Struct("!II")
_STREAM_HEAD = Struct("!BBQH")
_DATAGRAM_HEAD = Struct("!BBH")
_MAX_DATA = Struct("!BBQ")
_CLOSE_HEAD = Struct("!BHH")

ACK_BYTES, ACK_RANGE_BYTES = _ACK_HEAD.size, _ACK_RANGE.size
STREAM_OVERHEAD_BYTES = _STREAM_HEAD.size
DATAGRAM_OVERHEAD_BYTES = _DATAGRAM_HEAD.size
RESET_TOKEN_BYTES = 16
CHALLENGE_BYTES = 8
MAX_ACK_RANGES = 32
_MAX_RANGE_SPAN = 0xFFFFFFFF
_MAX_OFFSET = 2**62
_MAX_REASON_BYTES = 256

MAX_OTHER_FRAMES = 32
"""How many frames beside STREAM and DATAGRAM one packet may hold. An honest sender needs fewer than ten."""

ENCODED_PING = bytes([PING])


class AckFrame(msgspec.Struct, frozen=True, gc=False):
    """`ranges` are closed and descending: (first, last)."""

    delay_s: float
    ranges: list[tuple[int, int]]


class StreamFrame(msgspec.Struct, frozen=True, gc=False):
    channel: Channel
    offset: int
    data: bytes


class DatagramFrame(msgspec.Struct, frozen=True, gc=False):
    channel: Channel
    data: bytes


class MaxDataFrame(msgspec.Struct, frozen=True, gc=False):
    channel: Channel
    limit: int


class ResetTokenFrame(msgspec.Struct, frozen=True, gc=False):
    token: bytes


class ChallengeFrame(msgspec.Struct, frozen=True, gc=False):
    """To be sent back from where it arrived: it proves that the peer receives at that address."""

    data: bytes


class ResponseFrame(msgspec.Struct, frozen=True, gc=False):
    data: bytes


class CloseFrame(msgspec.Struct, frozen=True, gc=False):
    code: int
    reason: str


class PingFrame(msgspec.Struct, frozen=True, gc=False):
    pass


Frame = (
    AckFrame
    | StreamFrame
    | DatagramFrame
    | MaxDataFrame
    | ResetTokenFrame
    | ChallengeFrame
    | ResponseFrame
    | CloseFrame
    | PingFrame
)

_PING_FRAME = PingFrame()
_RELIABLE = {int(channel): channel for channel in RELIABLE_CHANNELS}
_UNRELIABLE = {int(channel): channel for channel in UNRELIABLE_CHANNELS}


def encode_ack(ranges: list[tuple[int, int]], delay_s: float) -> bytes:
    first, largest = ranges[0]
    delay_us = min(int(delay_s * 1e6), _MAX_RANGE_SPAN)
    head = _ACK_HEAD.pack(ACK, len(ranges) - 1, delay_us, largest, min(largest - first, _MAX_RANGE_SPAN))
    if len(ranges) == 1:
        return head
    parts = [head]
    below = first
    for low, high in ranges[1:]:
        # A gap or span that does not fit ends the list: what lies further back was settled long ago.
        if below - high > _MAX_RANGE_SPAN or high - low > _MAX_RANGE_SPAN:
            break
        parts.append(_ACK_RANGE.pack(below - high, high - low))
        below = low
    body = b"".join(parts)
    return body[:1] + bytes([len(parts) - 1]) + body[2:]


def encode_stream(channel: int, offset: int, data: bytes) -> bytes:
    return _STREAM_HEAD.pack(STREAM, channel, offset, len(data)) + data


def encode_datagram(channel: int, data: bytes) -> bytes:
    return _DATAGRAM_HEAD.pack(DATAGRAM, channel, len(data)) + data


def encode_max_data(channel: int, limit: int) -> bytes:
    return _MAX_DATA.pack(MAX_DATA, channel, limit)


def encode_reset_token(token: bytes) -> bytes:
    return bytes([RESET_TOKEN]) + token


def encode_challenge(data: bytes) -> bytes:
    return bytes([CHALLENGE]) + data


def encode_response(data: bytes) -> bytes:
    return bytes([RESPONSE]) + data


def encode_close(code: int, reason: str) -> bytes:
    text = reason.encode("utf-8", "replace")[:_MAX_REASON_BYTES]
    return _CLOSE_HEAD.pack(CLOSE, code, len(text)) + text


def decode_frames(payload: bytes) -> list[Frame]:
    frames: list[Frame] = []
    position, end = 0, len(payload)
    others = acks = 0
    try:
        while position < end:
            kind = payload[position]
            if kind == STREAM:
                _, number, offset, size = _STREAM_HEAD.unpack_from(payload, position)
                start = position + STREAM_OVERHEAD_BYTES
                position = start + size
                if position > end or not size or offset > _MAX_OFFSET:
                    raise ProtocolViolation("a stream frame lies about its size")
                frames.append(StreamFrame(_RELIABLE[number], offset, payload[start:position]))
            elif kind == PADDING:
                break
            else:
                others += kind != DATAGRAM
                acks += kind == ACK
                if others > MAX_OTHER_FRAMES or acks > 1:
                    raise ProtocolViolation("a packet holds more frames than there is a use for")
                decode = _decode_ack if kind == ACK else _decode_other
                frame, position = decode(payload, position)
                frames.append(frame)
    except (struct.error, KeyError, IndexError) as cause:
        raise ProtocolViolation("a frame is cut short or names what does not exist") from cause
    return frames


def _decode_other(payload: bytes, position: int) -> tuple[Frame, int]:
    kind = payload[position]
    if kind == PING:
        return _PING_FRAME, position + 1
    if kind == DATAGRAM:
        _, number, size = _DATAGRAM_HEAD.unpack_from(payload, position)
        start = position + DATAGRAM_OVERHEAD_BYTES
        return DatagramFrame(_UNRELIABLE[number], _exactly(payload, start, size)), start + size
    if kind == MAX_DATA:
        _, number, limit = _MAX_DATA.unpack_from(payload, position)
        return MaxDataFrame(_RELIABLE[number], limit), position + _MAX_DATA.size
    if kind == RESET_TOKEN:
        start = position + 1
        return ResetTokenFrame(_exactly(payload, start, RESET_TOKEN_BYTES)), start + RESET_TOKEN_BYTES
    if kind in {CHALLENGE, RESPONSE}:
        start = position + 1
        data = _exactly(payload, start, CHALLENGE_BYTES)
        return ChallengeFrame(data) if kind == CHALLENGE else ResponseFrame(data), start + CHALLENGE_BYTES
    if kind == CLOSE:
        _, code, size = _CLOSE_HEAD.unpack_from(payload, position)
        start = position + _CLOSE_HEAD.size
        reason = _exactly(payload, start, size).decode("utf-8", "replace")
        return CloseFrame(code, reason), start + size
    raise ProtocolViolation(f"frame type {kind} is not known")


def _exactly(payload: bytes, start: int, size: int) -> bytes:
    data = payload[start : start + size]
    if len(data) != size:
        raise ProtocolViolation("a frame lies about its size")
    return data


def _decode_ack(payload: bytes, position: int) -> tuple[Frame, int]:
    _, more, delay_us, last, span = _ACK_HEAD.unpack_from(payload, position)
    position += _ACK_HEAD.size
    first = last - span
    ranges = [(first, last)]
    if more:
        if more >= MAX_ACK_RANGES:
            raise ProtocolViolation("an acknowledgement has too many ranges")
        for gap, span_below in _ACK_RANGE.iter_unpack(_exactly(payload, position, more * _ACK_RANGE.size)):
            last = first - gap
            first_below = last - span_below
            # Adjacent ranges are one range: a gap is at least 2.
            if gap < 2 or first_below < 0:
                raise ProtocolViolation("the ranges of an acknowledgement overlap")
            first = first_below
            ranges.append((first, last))
        position += more * _ACK_RANGE.size
    if first < 0:
        raise ProtocolViolation("an acknowledgement reaches below the first packet")
    return AckFrame(delay_us * 1e-6, ranges), position
