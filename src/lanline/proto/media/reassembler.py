"""Puts the chunks of one stream together again, and says which numbers are missing in frames that are not complete.

Bounded in frames and bytes whatever a sender claims. Knows no deadline: `give_up` is called by whoever has a clock.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from lanline.proto.media.fec import block_count, block_of, block_size, restore_block
from lanline.proto.media.frame import Frame, ReceivedFrame
from lanline.proto.media.packet import StreamPacket

MOST_OPEN_FRAMES = 32
MOST_BUFFERED_BYTES = 16 * 1024 * 1024
_CHUNK_COST_BYTES = 128
_REMEMBERED_FRAMES = 256


class OpenFrame:
    """A frame of which something arrived and something is wanted."""

    __slots__ = (
        "chunks",
        "cost_bytes",
        "end_number",
        "first_arrival",
        "first_number",
        "head",
        "highest_index",
        "last_arrival",
        "wanted",
    )

    def __init__(self, number: int, packet: StreamPacket, now: float) -> None:
        self.head = packet
        self.first_number = number - packet.chunk_index
        self.end_number = self.first_number + packet.total_chunks + packet.parity_chunks
        self.chunks: dict[int, bytes] = {}
        self.wanted = [block_size(block, packet.total_chunks) for block in range(block_count(packet.total_chunks))]
        self.cost_bytes = 0
        self.highest_index = -1
        self.first_arrival = self.last_arrival = now

    @property
    def is_complete(self) -> bool:
        return not any(count > 0 for count in self.wanted)

    def fits(self, number: int, packet: StreamPacket) -> bool:
        head = self.head
        return (
            number - packet.chunk_index == self.first_number
            and packet.total_chunks == head.total_chunks
            and packet.parity_chunks == head.parity_chunks
            and packet.frame_bytes == head.frame_bytes
            and packet.chunk_index not in self.chunks
        )

    def add(self, packet: StreamPacket, now: float) -> int:
        """Returns what it costs to keep."""
        index = packet.chunk_index
        self.chunks[index] = packet.payload
        self.wanted[block_of(index, packet.total_chunks)] -= 1
        self.highest_index = max(self.highest_index, index)
        self.last_arrival = now
        cost = len(packet.payload) + _CHUNK_COST_BYTES
        self.cost_bytes += cost
        return cost

    def missing_indexes(self) -> list[int]:
        """Data chunks that are not there, in blocks that still want some."""
        chunks, wanted, blocks = self.chunks, self.wanted, len(self.wanted)
        total = self.head.total_chunks
        return [index for index in range(total) if index not in chunks and wanted[index % blocks] > 0]

    def payload(self) -> bytes:
        head = self.head
        total, blocks = head.total_chunks, len(self.wanted)
        restored = [restore_block(block, total, self.chunks) for block in range(blocks)]
        whole = b"".join(restored[index % blocks][index // blocks] for index in range(total))
        return whole[: head.frame_bytes]


class ClosedFrame(msgspec.Struct, frozen=True, gc=False):
    """What became of a frame: for the statistics. Numbers are those of data chunks that never came by themselves."""

    is_complete: bool
    first_number: int
    total_chunks: int
    parity_received: int
    missing_numbers: list[int]


class Reassembler:
    def __init__(
        self, stream_id: bytes, max_frames: int = MOST_OPEN_FRAMES, max_bytes: int = MOST_BUFFERED_BYTES
    ) -> None:
        self._stream_id = stream_id
        self._max_frames = max_frames
        self._max_bytes = max_bytes
        self._open: dict[int, OpenFrame] = {}
        self._closed_ids: OrderedDict[int, None] = OrderedDict()
        self._done_up_to = -1
        """Frames that were closed so long ago that they are not told apart any more."""
        self._closed: list[ClosedFrame] = []
        self.buffered_bytes = 0

    @property
    def open_frames(self) -> dict[int, OpenFrame]:
        """By frame id."""
        return self._open

    def is_closed(self, frame_id: int) -> bool:
        return frame_id <= self._done_up_to or frame_id in self._closed_ids

    def receive(self, number: int, packet: StreamPacket, now: float) -> ReceivedFrame | None:
        """What contradicts earlier packets of its frame, or is there already, is dropped."""
        frame_id = packet.frame_id
        if self.is_closed(frame_id):
            return None
        partial = self._open.get(frame_id)
        if partial is None:
            if len(self._open) >= self._max_frames and not self._make_way_for(frame_id):
                return None
            partial = self._open[frame_id] = OpenFrame(number, packet, now)
        if not partial.fits(number, packet):
            return None
        self.buffered_bytes += partial.add(packet, now)
        if partial.is_complete:
            self._close(frame_id, is_complete=True)
            return _received(partial, self._stream_id)
        while self.buffered_bytes > self._max_bytes:
            self.give_up(min(self._open))
        return None

    def _make_way_for(self, frame_id: int) -> bool:
        oldest = min(self._open)
        if oldest > frame_id:
            return False
        self.give_up(oldest)
        return True

    def give_up(self, frame_id: int) -> None:
        self._close(frame_id, is_complete=False)

    def _close(self, frame_id: int, *, is_complete: bool) -> None:
        partial = self._open.pop(frame_id)
        self.buffered_bytes -= partial.cost_bytes
        self._closed_ids[frame_id] = None
        if len(self._closed_ids) > _REMEMBERED_FRAMES:
            self._done_up_to = max(self._done_up_to, self._closed_ids.popitem(last=False)[0])
        total, first = partial.head.total_chunks, partial.first_number
        missing = [first + index for index in range(total) if index not in partial.chunks]
        parity = max(0, partial.highest_index + 1 - total)
        self._closed.append(ClosedFrame(is_complete, first, total, parity, missing))

    def take_closed(self) -> list[ClosedFrame]:
        closed, self._closed = self._closed, []
        return closed


def _received(partial: OpenFrame, stream_id: bytes) -> ReceivedFrame:
    head = partial.head
    frame = Frame(head.frame_id, head.codec, head.is_key, head.captured_at_us, partial.payload(), head.rung)
    return ReceivedFrame(frame, stream_id, partial.first_number, partial.end_number)
