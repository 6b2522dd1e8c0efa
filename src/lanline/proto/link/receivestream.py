"""The receiving half of a reliable channel: orders chunks, cuts messages out, says how much may still come."""

from __future__ import annotations

from heapq import heappop, heappush

from lanline.errors import ProtocolViolation
from lanline.proto.framing import PREFIX_BYTES, MessageParser

_CHUNK_COST_BYTES = 64


class ReceiveStream:
    __slots__ = ("_held_bytes", "_next", "_offsets", "_parser", "_pending", "_pending_cost", "_window", "limit")

    def __init__(self, window_bytes: int, max_message_bytes: int, initial_limit: int) -> None:
        self._window = window_bytes
        self.limit = initial_limit
        self._parser = MessageParser(max_message_bytes)
        self._next = 0
        self._held_bytes = 0
        self._pending: dict[int, bytes] | None = None
        self._offsets: list[int] = []
        self._pending_cost = 0

    def receive(self, offset: int, data: bytes) -> list[bytes]:
        """The messages that this chunk completes, in order."""
        end = offset + len(data)
        if end > self.limit:
            raise ProtocolViolation("more was sent on a channel than its receiver allowed")
        following = self._next
        if offset > following:
            self._keep(offset, data)
            return []
        if end <= following:
            return []
        if offset < following:
            data = data[following - offset :]
        if self._pending:
            data, end = self._join_pending(data, end)
        self._next = end
        messages = self._parser.feed(data)
        self._held_bytes += PREFIX_BYTES * len(messages) + sum(map(len, messages))
        return messages

    def _keep(self, offset: int, data: bytes) -> None:
        if self._pending is None:
            self._pending = {}
        known = self._pending.get(offset)
        if known is not None:
            if len(known) >= len(data):
                return
            self._pending_cost -= len(known) + _CHUNK_COST_BYTES
        else:
            heappush(self._offsets, offset)
        self._pending[offset] = data
        self._pending_cost += len(data) + _CHUNK_COST_BYTES
        # An honest sender cuts a window into chunks that do not overlap; twice the window leaves room for cuts anew.
        if self._pending_cost > 2 * max(self._window, self.limit - self._next):
            raise ProtocolViolation("a channel was sent in overlapping shreds")

    def _join_pending(self, data: bytes, end: int) -> tuple[bytes, int]:
        pending = self._pending
        assert pending is not None
        parts = [data]
        offsets = self._offsets
        # A chunk that was cut anew need not start where the last one ended.
        while offsets and offsets[0] <= end:
            offset = heappop(offsets)
            following = pending.pop(offset)
            self._pending_cost -= len(following) + _CHUNK_COST_BYTES
            if offset + len(following) > end:
                parts.append(following[end - offset :])
                end = offset + len(following)
        return b"".join(parts), end

    def widen(self, window_bytes: int, max_message_bytes: int, least_limit: int) -> None:
        """The sender is trusted with more. The limit is what it reckons with if it has not been told of another."""
        self._window = window_bytes
        self._parser.max_message_bytes = max_message_bytes
        self.limit = max(self.limit, least_limit)

    def release(self, size_bytes: int) -> bool:
        """A message of this size has been dealt with; True when there is a new limit to take.

        Its prefix counts too, or empty ones would cost nothing.
        """
        held = self._held_bytes - PREFIX_BYTES - size_bytes
        held = max(held, 0)
        self._held_bytes = held
        return self._next - held + self._window - self.limit >= self._window // 4

    def take_limit(self) -> int | None:
        """A new limit to tell the sender, once it is worth a frame. A half message counts as taken."""
        limit = self._next - self._held_bytes + self._window
        if limit - self.limit < self._window // 4:
            return None
        self.limit = limit
        return limit
