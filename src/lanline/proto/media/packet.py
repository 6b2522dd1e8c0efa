"""A chunk of a frame <-> the bytes that are sealed into one stream packet. docs/protocol/media.md, 3.

Chunks of one frame have one size. Those with `chunk_index >= total_chunks` are parity.
"""

from __future__ import annotations

from struct import Struct

import msgspec

from lanline.errors import MalformedPacket
from lanline.wire.video import StreamCodec

_HEADER = Struct("!IIIBBHHHI")
HEADER_BYTES = _HEADER.size
MOST_CHUNKS = 4096
_KEY_FLAG = 0x80
_CODECS = {int(codec): codec for codec in StreamCodec}


class StreamPacket(msgspec.Struct, frozen=True, gc=False):
    """Times are the lower 32 bits of microseconds on the publisher's clock."""

    frame_id: int
    captured_at_us: int
    sent_at_us: int
    codec: StreamCodec
    is_key: bool
    rung: int
    total_chunks: int
    parity_chunks: int
    chunk_index: int
    frame_bytes: int
    payload: bytes


def chunk_bytes(frame_bytes: int, total_chunks: int) -> int:
    return -(-frame_bytes // total_chunks)


def encode_stream_packet(packet: StreamPacket) -> bytes:
    head = _HEADER.pack(
        packet.frame_id,
        packet.captured_at_us,
        packet.sent_at_us,
        packet.codec | (_KEY_FLAG if packet.is_key else 0),
        packet.rung,
        packet.total_chunks,
        packet.parity_chunks,
        packet.chunk_index,
        packet.frame_bytes,
    )
    return head + packet.payload


def decode_stream_packet(data: bytes) -> StreamPacket:
    """Checks all that a packet can say wrong about itself."""
    if len(data) <= HEADER_BYTES:
        raise MalformedPacket("a stream packet is too short")
    frame_id, captured, sent, kind, rung, total, parity, index, frame_bytes = _HEADER.unpack_from(data)
    codec = _CODECS.get(kind & ~_KEY_FLAG)
    if codec is None:
        raise MalformedPacket("a stream packet is of an unknown codec")
    if not 0 < total <= MOST_CHUNKS or parity > total or index >= total + parity:
        raise MalformedPacket("a stream packet lies about its chunks")
    if not frame_bytes or len(data) - HEADER_BYTES != chunk_bytes(frame_bytes, total):
        raise MalformedPacket("a stream packet lies about its length")
    is_key = bool(kind & _KEY_FLAG)
    return StreamPacket(
        frame_id, captured, sent, codec, is_key, rung, total, parity, index, frame_bytes, data[HEADER_BYTES:]
    )
