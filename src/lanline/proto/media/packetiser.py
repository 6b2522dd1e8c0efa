"""Cuts frames into the contents of packets: equal chunks, and parity behind them. Seals and numbers nothing."""

from __future__ import annotations

from lanline.errors import MessageTooLarge
from lanline.proto.media.fec import parity_of
from lanline.proto.media.frame import Frame
from lanline.proto.media.packet import HEADER_BYTES, MOST_CHUNKS, StreamPacket, chunk_bytes, encode_stream_packet

_MASK = 0xFFFFFFFF


class Packetiser:
    def __init__(self, room_bytes: int) -> None:
        """`room_bytes` is what one packet may hold, before it is sealed."""
        self._room = room_bytes - HEADER_BYTES

    def chunks_of(self, frame_bytes: int) -> int:
        """Raises MessageTooLarge."""
        total = -(-frame_bytes // self._room)
        if not 0 < total <= MOST_CHUNKS:
            raise MessageTooLarge(f"A frame of {frame_bytes} bytes does not fit into 1 to {MOST_CHUNKS} packets.")
        return total

    def packetise(self, frame: Frame, parity_chunks: int, sent_at_us: list[int]) -> list[bytes]:
        """`sent_at_us` says when each packet will leave, data first; it has an entry for each packet."""
        size_bytes = len(frame.payload)
        total = self.chunks_of(size_bytes)
        chunks = _equal_chunks(frame.payload, total)
        chunks += parity_of(chunks, parity_chunks)
        return [
            encode_stream_packet(
                StreamPacket(
                    frame_id=frame.frame_id & _MASK,
                    captured_at_us=frame.captured_at_us & _MASK,
                    sent_at_us=leaves & _MASK,
                    codec=frame.codec,
                    is_key=frame.is_key,
                    rung=frame.rung,
                    total_chunks=total,
                    parity_chunks=parity_chunks,
                    chunk_index=index,
                    frame_bytes=size_bytes,
                    payload=chunk,
                )
            )
            for index, (chunk, leaves) in enumerate(zip(chunks, sent_at_us, strict=True))
        ]


def _equal_chunks(payload: bytes, total: int) -> list[bytes]:
    """The last ones are filled up with zeros: parity is computed over chunks of one size, and one call of the kernel
    sends only datagrams of one size.
    """
    size = chunk_bytes(len(payload), total)
    return [payload[start : start + size].ljust(size, b"\0") for start in range(0, total * size, size)]
