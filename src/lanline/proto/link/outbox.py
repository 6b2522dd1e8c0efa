"""What waits to be sent on a link: streams, datagrams and control frames, and the order in which they leave."""

from __future__ import annotations

from collections import deque

from lanline.errors import SendBufferFull
from lanline.proto.channels import Channel
from lanline.proto.link import frames
from lanline.proto.link.frames import STREAM_OVERHEAD_BYTES
from lanline.proto.link.profile import LinkProfile
from lanline.proto.link.sendstream import Chunk, SendStream

INITIAL_LIMIT_BYTES = 256 * 1024
"""What may be sent on a reliable channel before its receiver has said anything. Part of the protocol."""

WORTHWHILE_ROOM = 32
_LONG_WRITE_BYTES = 2048
_MANY_WRITES_BYTES = 8192
"""Where so much waits, in one write or in many, packets are alike, and made in one go."""


class Outbox:
    __slots__ = ("_control", "_datagram_bytes", "_datagrams", "_profile", "has_long_write", "streams")

    def __init__(self, profile: LinkProfile) -> None:
        self._profile = profile
        self.streams: list[SendStream] = []
        self._datagrams: deque[bytes] | None = None
        self._datagram_bytes = 0
        self._control: dict[bytes, bytes] = {}
        """One frame of a kind, and of a channel where it names one: the latest says all. So nobody can make it long."""
        self.has_long_write = False

    def stream(self, channel: Channel) -> SendStream:
        for stream in self.streams:
            if stream.channel is channel:
                return stream
        stream = SendStream(channel, INITIAL_LIMIT_BYTES)
        self.streams.append(stream)
        self.streams.sort(key=lambda each: each.channel)
        return stream

    def write(self, channel: Channel, framed: bytes, count: int) -> int:
        stream = self.stream(channel)
        if not stream.has_room(self._profile.send_buffer_bytes):
            raise SendBufferFull("The link is slower than what is sent on it.")
        if len(framed) > _LONG_WRITE_BYTES or stream.unsent_bytes > _MANY_WRITES_BYTES:
            self.has_long_write = True
        return stream.write(framed, count)

    def write_datagram(self, channel: Channel, payload: bytes) -> None:
        if self._datagrams is None:
            self._datagrams = deque()
        encoded = frames.encode_datagram(channel, payload)
        self._datagrams.append(encoded)
        self._datagram_bytes += len(encoded)
        while self._datagram_bytes > self._profile.datagram_buffer_bytes:
            self._datagram_bytes -= len(self._datagrams.popleft())

    def write_control(self, frame: bytes) -> None:
        kind = frame[:2] if frame[0] == frames.MAX_DATA else frame[:1]
        self._control[kind] = frame

    @property
    def is_pending(self) -> bool:
        if self._control or self._datagrams:
            return True
        for stream in self.streams:  # noqa: SIM110 -- any() with a generator costs three times as much on the hot path
            if stream.is_pending:
                return True
        return False

    @property
    def has_control(self) -> bool:
        return bool(self._control)

    @property
    def has_datagrams(self) -> bool:
        return bool(self._datagrams)

    @property
    def is_all_delivered(self) -> bool:
        return all(stream.is_idle for stream in self.streams)

    def holds_more_than(self, size_bytes: int) -> bool:
        """Of one stream. What fits into a packet needs no run of them."""
        for stream in self.streams:
            if stream.unsent_bytes > size_bytes:
                return True
        self.has_long_write = False
        return False

    def take_run(self, size: int, most: int) -> tuple[SendStream | None, int, list[bytes]]:
        """When nothing waits but the writes of one stream: that stream, the offset, and pieces of equal size."""
        if self._control or self._datagrams:
            return None, 0, []
        busy = [stream for stream in self.streams if stream.is_pending]
        if len(busy) != 1:
            self.has_long_write = any(stream.has_unsent for stream in self.streams)
            return None, 0, []
        offset, pieces = busy[0].take_run(size, most)
        self.has_long_write = busy[0].has_unsent
        return busy[0], offset, pieces

    def take_control(self, parts: list[bytes], room: int) -> tuple[tuple[bytes, ...], int]:
        if not self._control:
            return (), room
        taken: list[bytes] = []
        for frame in self._control.values():
            if len(frame) > room:
                break
            room -= len(frame)
            taken.append(frame)
        if len(taken) == len(self._control):
            self._control.clear()
        else:
            self._control = dict(list(self._control.items())[len(taken) :])
        parts.extend(taken)
        return tuple(taken), room

    def take_data(self, parts: list[bytes], chunks: list[Chunk], room: int) -> int:
        """Fill a packet in the order of the channels; return the room left."""
        for stream in self.streams:
            if self._datagrams and stream.channel > Channel.MEDIA:
                room = self._take_datagrams(parts, room)
            while room > WORTHWHILE_ROOM:
                chunk = stream.take(room - STREAM_OVERHEAD_BYTES)
                if chunk is None:
                    break
                parts.append(frames.encode_stream(stream.channel, chunk.offset, chunk.data))
                chunks.append(chunk)
                room -= STREAM_OVERHEAD_BYTES + len(chunk.data)
        return self._take_datagrams(parts, room) if self._datagrams else room

    def _take_datagrams(self, parts: list[bytes], room: int) -> int:
        queue = self._datagrams
        while queue and len(queue[0]) <= room:
            frame = queue.popleft()
            self._datagram_bytes -= len(frame)
            room -= len(frame)
            parts.append(frame)
        return room

    def drop_datagrams_over(self, size_bytes: int) -> None:
        """They were queued before the path turned out to be narrower."""
        if self._datagrams:
            self._datagrams = deque(frame for frame in self._datagrams if len(frame) <= size_bytes)
            self._datagram_bytes = sum(map(len, self._datagrams))
