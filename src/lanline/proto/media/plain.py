"""The plain format, which any program can speak: JPEG frames cut into numbered datagrams, without protection.

Owns the layout, the cutting and the putting together. Who is subscribed is not known here. docs/protocol/media.md, 1.
"""

from __future__ import annotations

from struct import Struct

import msgspec

from lanline.errors import InvalidInput, MalformedPacket, MessageTooLarge
from lanline.proto.media.serial import distance, following

HELLO = b"hello"
"""What a viewer sends to subscribe: these five bytes and no more."""

_HEADER = Struct("!IHHI")
HEADER_BYTES = _HEADER.size
LEAST_MTU_BYTES = 64
MOST_MTU_BYTES = 65_507
_MOST_CHUNKS = 0xFFFF
_MOST_BUFFERED_BYTES = 32 * 1024 * 1024
_CHUNK_COST_BYTES = 128
"""What a chunk takes beside its payload, so that many tiny ones cannot take more than a few large ones."""
_FRAMES_OF_A_RESTART = 4


class PlainPacket(msgspec.Struct, frozen=True, gc=False):
    frame_id: int
    total_chunks: int
    chunk_index: int
    payload: bytes


def encode_plain(packet: PlainPacket) -> bytes:
    head = _HEADER.pack(packet.frame_id, packet.total_chunks, packet.chunk_index, len(packet.payload))
    return head + packet.payload


def decode_plain(data: bytes) -> PlainPacket:
    if len(data) <= HEADER_BYTES:
        raise MalformedPacket("a datagram is too short for a chunk")
    frame_id, total_chunks, chunk_index, size = _HEADER.unpack_from(data)
    if size != len(data) - HEADER_BYTES:
        raise MalformedPacket("a chunk lies about its length")
    if chunk_index >= total_chunks:
        raise MalformedPacket("a chunk lies about its number")
    return PlainPacket(frame_id, total_chunks, chunk_index, data[HEADER_BYTES:])


def is_hello(data: bytes) -> bool:
    return data == HELLO


class PlainPacketiser:
    """`mtu_bytes` is the whole datagram, header included."""

    def __init__(self, mtu_bytes: int, first_frame_id: int = 0) -> None:
        if not LEAST_MTU_BYTES <= mtu_bytes <= MOST_MTU_BYTES:
            raise InvalidInput(
                f"The MTU cannot be {mtu_bytes} bytes. Choose one from {LEAST_MTU_BYTES} to {MOST_MTU_BYTES}."
            )
        self._room = mtu_bytes - HEADER_BYTES
        self._frame_id = first_frame_id

    def packetise(self, frame: bytes) -> list[bytes]:
        """The datagrams of the next frame. Raises MessageTooLarge, and then no frame number was used."""
        room = self._room
        total = -(-len(frame) // room)
        if total > _MOST_CHUNKS:
            raise MessageTooLarge(
                f"A picture of {len(frame)} bytes does not fit into {_MOST_CHUNKS} datagrams. Choose a larger MTU."
            )
        frame_id, self._frame_id = self._frame_id, following(self._frame_id)
        return [
            encode_plain(PlainPacket(frame_id, total, index, frame[index * room : (index + 1) * room]))
            for index in range(total)
        ]


class PlainFrame(msgspec.Struct, frozen=True, gc=False):
    frame_id: int
    payload: bytes


class _Partial:
    __slots__ = ("chunks", "cost_bytes", "total_chunks")

    def __init__(self, total_chunks: int) -> None:
        self.total_chunks = total_chunks
        self.chunks: dict[int, bytes] = {}
        self.cost_bytes = 0


class PlainReassembler:
    """Returns each complete frame that is newer than all before it; what is incomplete makes way for what is newer."""

    def __init__(self, max_buffer_frames: int = 5, max_buffer_bytes: int = _MOST_BUFFERED_BYTES) -> None:
        if max_buffer_frames < 1:
            raise InvalidInput(f"The buffer cannot be {max_buffer_frames} frames. Choose 1 or more.")
        self._max_frames = max_buffer_frames
        self._max_bytes = max_buffer_bytes
        self._partials: dict[int, _Partial] = {}
        self._newest_shown: int | None = None
        self._outdated_in_a_row: set[int] = set()
        self.buffered_bytes = 0
        self.frames_completed = 0
        self.frames_dropped = 0
        """Frames of which something arrived, and which never were complete."""

    def receive_datagram(self, data: bytes) -> PlainFrame | None:
        """Never raises: what is no chunk, or does not fit what came before, is dropped."""
        try:
            packet = decode_plain(data)
        except MalformedPacket:
            return None
        if self._is_outdated(packet.frame_id):
            return None
        partial = self._partials.get(packet.frame_id) or self._begin(packet)
        return None if partial is None else self._add(partial, packet)

    def _begin(self, packet: PlainPacket) -> _Partial | None:
        """None when the buffer is full of newer ones."""
        if len(self._partials) >= self._max_frames:
            oldest = self._oldest()
            if distance(oldest, packet.frame_id) < 0:
                return None
            self._drop(oldest)
        partial = self._partials[packet.frame_id] = _Partial(packet.total_chunks)
        return partial

    def _is_outdated(self, frame_id: int) -> bool:
        if self._newest_shown is None or distance(self._newest_shown, frame_id) > 0:
            self._outdated_in_a_row.clear()
            return False
        # Stragglers belong to few frames. Ever more old ones, and none that is new: the server has begun anew.
        self._outdated_in_a_row.add(frame_id)
        if len(self._outdated_in_a_row) < _FRAMES_OF_A_RESTART:
            return True
        self._begin_anew()
        return False

    def _begin_anew(self) -> None:
        self._newest_shown = None
        self._outdated_in_a_row.clear()
        for frame_id in list(self._partials):
            self._drop(frame_id)

    def _oldest(self) -> int:
        reference = next(iter(self._partials))
        return min(self._partials, key=lambda frame_id: distance(reference, frame_id))

    def _drop(self, frame_id: int) -> None:
        self.buffered_bytes -= self._partials.pop(frame_id).cost_bytes
        self.frames_dropped += 1

    def _add(self, partial: _Partial, packet: PlainPacket) -> PlainFrame | None:
        if packet.total_chunks != partial.total_chunks or packet.chunk_index in partial.chunks:
            return None
        cost = len(packet.payload) + _CHUNK_COST_BYTES
        partial.chunks[packet.chunk_index] = packet.payload
        partial.cost_bytes += cost
        self.buffered_bytes += cost
        while self.buffered_bytes > self._max_bytes:
            self._drop(self._oldest())
        if packet.frame_id not in self._partials or len(partial.chunks) < partial.total_chunks:
            return None
        return self._complete(packet.frame_id, partial)

    def _complete(self, frame_id: int, partial: _Partial) -> PlainFrame:
        self.buffered_bytes -= self._partials.pop(frame_id).cost_bytes
        for other in [other for other in self._partials if distance(frame_id, other) < 0]:
            self._drop(other)
        self._newest_shown = frame_id
        self.frames_completed += 1
        return PlainFrame(frame_id, b"".join(partial.chunks[index] for index in range(partial.total_chunks)))
