"""What waits to be sent on one channel, and how far the peer has confirmed it."""

from __future__ import annotations

from collections import deque

from lanline.errors import ProtocolViolation, SendBufferFull
from lanline.proto.channels import Channel
from lanline.proto.websocket.units import INITIAL_CREDIT_BYTES


class ReliableOutgoing:
    """A byte stream of framed messages. Bytes that went out are TCP's to deliver; only their count is kept."""

    __slots__ = (
        "_bound_bytes", "_channel", "_credit_bytes", "_delivered", "_head_offset", "_last_number", "_parts",
        "_queued_bytes", "_sent_bytes", "_was_refused", "is_full",
    )  # fmt: skip

    def __init__(self, channel: Channel, bound_bytes: int) -> None:
        self._channel = channel
        self._bound_bytes = bound_bytes
        self._parts: deque[bytes] = deque()
        self._head_offset = 0
        self._queued_bytes = 0
        self._sent_bytes = 0
        self._credit_bytes = INITIAL_CREDIT_BYTES
        self._last_number = 0
        self._delivered = 0
        self._was_refused = False
        self.is_full = False

    @property
    def is_ready(self) -> bool:
        return self._queued_bytes > 0 and self._sent_bytes < self._credit_bytes

    def has_room(self) -> bool:
        """Whoever hears that there is none is told when there is."""
        self._was_refused = self._was_refused or self.is_full
        return not self.is_full

    def append(self, framed: bytes, count: int) -> int:
        if not self.has_room():
            raise SendBufferFull("The link is slower than what is sent on it.")
        self._parts.append(framed)
        self._queued_bytes += len(framed)
        self._last_number += count
        self.is_full = self._queued_bytes >= self._bound_bytes
        return self._last_number

    def take(self, limit_bytes: int) -> bytes:
        """The next piece of the stream, within the limit and the peer's credit; of bulk, of one message only."""
        size = min(limit_bytes, self._queued_bytes, self._credit_bytes - self._sent_bytes)
        if self._channel is Channel.BULK:
            size = min(size, len(self._parts[0]) - self._head_offset)
        wanted = size
        taken: list[bytes] = []
        while wanted > 0:
            head, start = self._parts[0], self._head_offset
            end = min(len(head), start + wanted)
            taken.append(head if end - start == len(head) else head[start:end])
            wanted -= end - start
            if end == len(head):
                self._parts.popleft()
                end = 0
            self._head_offset = end
        self._queued_bytes -= size
        self._sent_bytes += size
        return taken[0] if len(taken) == 1 else b"".join(taken)

    def take_drained(self) -> bool:
        """A writer was refused, and by now the buffer is half empty: it comes back for more than one message."""
        if not self.is_full or self._queued_bytes > self._bound_bytes // 2:
            return False
        was_refused, self._was_refused, self.is_full = self._was_refused, False, False
        return was_refused

    def confirm(self, through: int) -> None:
        if not self._delivered < through <= self._last_number:
            raise ProtocolViolation(
                f"delivered through {through} on {self._channel.name}, after {self._delivered} of {self._last_number}"
            )
        self._delivered = through

    def raise_credit(self, limit_bytes: int) -> None:
        if limit_bytes < self._credit_bytes:
            raise ProtocolViolation(f"the credit of {self._channel.name} was taken back")
        self._credit_bytes = limit_bytes

    def give_up(self) -> None:
        self._parts.clear()
        self._head_offset = self._queued_bytes = 0


class UnreliableOutgoing:
    """Messages that are worth sending only soon: the oldest makes room for the newest."""

    __slots__ = ("_bound_bytes", "_payloads", "_queued_bytes")

    def __init__(self, bound_bytes: int) -> None:
        self._bound_bytes = bound_bytes
        self._payloads: deque[bytes] = deque()
        self._queued_bytes = 0

    @property
    def is_ready(self) -> bool:
        return bool(self._payloads)

    def append(self, payload: bytes) -> None:
        self._payloads.append(payload)
        self._queued_bytes += len(payload)
        while self._queued_bytes > self._bound_bytes:
            self._queued_bytes -= len(self._payloads.popleft())

    def take(self) -> bytes:
        payload = self._payloads.popleft()
        self._queued_bytes -= len(payload)
        return payload

    def give_up(self) -> None:
        self._payloads.clear()
        self._queued_bytes = 0
