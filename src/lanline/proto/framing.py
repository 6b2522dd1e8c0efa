"""Messages inside a channel's byte stream: a length (u32, network order), then the payload. Both links use it.

A batch is framed once and the same bytes go to every peer.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct

from lanline.errors import ProtocolViolation

_PREFIX = Struct("!I")
PREFIX_BYTES = _PREFIX.size


def frame_message(payload: bytes) -> bytes:
    return len(payload).to_bytes(PREFIX_BYTES, "big") + payload


def frame_messages(payloads: Iterable[bytes]) -> bytes:
    parts: list[bytes] = []
    for payload in payloads:
        parts.append(len(payload).to_bytes(PREFIX_BYTES, "big"))
        parts.append(payload)
    return b"".join(parts)


class MessageParser:
    """Takes a stream in pieces of any size and returns the messages that each piece completes."""

    __slots__ = ("_partial", "_wanted_bytes", "max_message_bytes")

    def __init__(self, max_message_bytes: int) -> None:
        self.max_message_bytes = max_message_bytes
        self._partial: bytearray | None = None
        self._wanted_bytes = PREFIX_BYTES
        """How long the partial message has to be before it is worth another look."""

    @property
    def partial_bytes(self) -> int:
        return len(self._partial) if self._partial is not None else 0

    def feed(self, data: bytes) -> list[bytes]:
        partial = self._partial
        if partial is not None:
            partial += data
            if len(partial) < self._wanted_bytes:
                return []
            data = bytes(partial)
            self._partial = None
        messages: list[bytes] = []
        position, end = 0, len(data)
        most = self.max_message_bytes
        start = following = PREFIX_BYTES
        while start <= end:
            (length,) = _PREFIX.unpack_from(data, position)
            if length > most:
                raise ProtocolViolation(f"a message of {length} bytes is over the limit of {most}")
            following = start + length
            if following > end:
                break
            messages.append(data[start:following])
            position = following
            start = following = position + PREFIX_BYTES
        if position < end:
            self._partial = bytearray(data[position:])
            self._wanted_bytes = following - position
        return messages
