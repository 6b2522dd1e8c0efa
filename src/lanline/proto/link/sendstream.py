"""The sending half of a reliable channel: a byte stream of framed messages, cut into chunks, acknowledged by offset."""

from __future__ import annotations

from collections import deque

import msgspec

from lanline.proto.channels import Channel
from lanline.proto.link.ranges import RangeSet


class Chunk(msgspec.Struct, gc=False):
    """A piece of the stream that travelled in a packet, kept until it is acknowledged."""

    stream: SendStream
    offset: int
    data: bytes


class SendStream:
    __slots__ = (
        "_acked",
        "_acked_to",
        "_delivered",
        "_lost",
        "_marks",
        "_position",
        "_queue",
        "_queued_to",
        "_reported",
        "_sent_to",
        "channel",
        "limit",
        "was_full",
        "written",
    )

    def __init__(self, channel: Channel, limit: int) -> None:
        self.channel = channel
        self.limit = limit
        self.written = 0
        self._queue: deque[bytes] = deque()
        self._position = 0
        self._queued_to = 0
        self._sent_to = 0
        self._lost: deque[Chunk] | None = None
        self._acked_to = 0
        self._acked: RangeSet | None = None
        self._marks: deque[tuple[int, int]] = deque()
        self._delivered = 0
        self._reported = 0
        self.was_full = False
        """Since a writer was refused."""

    def write(self, framed: bytes, count: int) -> int:
        self._queue.append(framed)
        self.written += count
        self._queued_to += len(framed)
        self._marks.append((self._queued_to, self.written))
        return self.written

    @property
    def buffered_bytes(self) -> int:
        return self._queued_to - self._acked_to

    def has_room(self, buffer_bytes: int) -> bool:
        """Whether a message may be written, of whatever size: the last one may reach over the edge."""
        if self._queued_to - self._acked_to < buffer_bytes:
            return True
        self.was_full = True
        return False

    @property
    def is_pending(self) -> bool:
        """There is something that may be sent now."""
        return bool(self._lost) or (bool(self._queue) and self._sent_to < self.limit)

    @property
    def has_unsent(self) -> bool:
        return bool(self._queue)

    @property
    def unsent_bytes(self) -> int:
        return self._queued_to - self._sent_to

    @property
    def is_idle(self) -> bool:
        return self._queued_to == self._acked_to

    def take(self, room: int) -> Chunk | None:
        """The next chunk of at most `room` bytes: first what was lost, then what is new."""
        if self._lost:
            chunk = self._take_lost(room)
            if chunk is not None:
                return chunk
        queue = self._queue
        if not queue:
            return None
        if room > self.limit - self._sent_to:
            room = self.limit - self._sent_to
            if room <= 0:
                return None
        data = queue[0]
        position = self._position
        if position or len(data) > room:
            head = data
            data = head[position : position + room]
            position += len(data)
            if position == len(head):
                queue.popleft()
                position = 0
            self._position = position
        else:
            queue.popleft()
        if queue and len(queue[0]) <= room - len(data):
            data = self._join_following(data, room)
        offset = self._sent_to
        self._sent_to = offset + len(data)
        return Chunk(self, offset, data)

    def take_run(self, size: int, most: int) -> tuple[int, list[bytes]]:
        """Pieces of `size` bytes each, at most `most`, when several wait and nothing was lost."""
        queue = self._queue
        if self._lost or not queue:
            return 0, []
        start = self._position
        head = queue[0]
        if len(head) - start <= most * size and len(queue) > 1:
            head = self._join_waiting(most * size)
            start = 0
        most = min(most, (len(head) - start - 1) // size, (self.limit - self._sent_to) // size)
        if most <= 1:
            return 0, []
        stop = start + most * size
        self._position = stop
        offset = self._sent_to
        self._sent_to = offset + most * size
        return offset, [head[at : at + size] for at in range(start, stop, size)]

    def _join_waiting(self, enough: int) -> bytes:
        """Make one write of several, until it is more than `enough`."""
        queue = self._queue
        parts = [queue.popleft()[self._position :]]
        room = enough - len(parts[0])
        while queue and room >= 0:
            part = queue.popleft()
            room -= len(part)
            parts.append(part)
        joined = b"".join(parts)
        queue.appendleft(joined)
        self._position = 0
        return joined

    def _join_following(self, data: bytes, room: int) -> bytes:
        parts = [data]
        room -= len(data)
        queue = self._queue
        while queue and len(queue[0]) <= room:
            part = queue.popleft()
            room -= len(part)
            parts.append(part)
        return b"".join(parts)

    def _take_lost(self, room: int) -> Chunk | None:
        lost = self._lost
        while lost:
            chunk = lost.popleft()
            if self.is_acked(chunk):
                continue
            if len(chunk.data) <= room:
                return chunk
            lost.appendleft(Chunk(self, chunk.offset + room, chunk.data[room:]))
            return Chunk(self, chunk.offset, chunk.data[:room])
        self._lost = None
        return None

    def resend(self, chunk: Chunk) -> None:
        if self._lost is None:
            self._lost = deque()
        self._lost.append(chunk)

    def is_acked(self, chunk: Chunk) -> bool:
        end = chunk.offset + len(chunk.data)
        if end <= self._acked_to:
            return True
        return self._acked is not None and self._acked.covers(chunk.offset, end - 1)

    def acknowledge(self, chunk: Chunk) -> bool:
        """Settle a chunk; True when the stream is known to have arrived further than before."""
        end = chunk.offset + len(chunk.data)
        acked = self._acked
        if acked is None and chunk.offset == self._acked_to:
            self._acked_to = end
            return True
        if end <= self._acked_to:
            return False
        if acked is None:
            self._acked = acked = RangeSet()
        acked.add(chunk.offset, end - 1)
        first, last = acked.lowest
        if first > self._acked_to:
            return False
        self._acked_to = last + 1
        acked.drop_lowest()
        if not acked:
            self._acked = None
        return True

    def take_delivered(self) -> int | None:
        """The number of the last message that has arrived, when that is news."""
        marks = self._marks
        while marks and marks[0][0] <= self._acked_to:
            self._delivered = marks.popleft()[1]
        if self._delivered == self._reported:
            return None
        self._reported = self._delivered
        return self._delivered

    def take_drained(self, buffer_bytes: int) -> bool:
        """A writer was refused, and by now there is room again."""
        if not self.was_full or self.buffered_bytes > buffer_bytes // 2:
            return False
        self.was_full = False
        return True
