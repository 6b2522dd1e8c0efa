"""Messages inside a channel's byte stream: a length (u32, network order), then the payload. Both links use it.

A batch is framed once and the same bytes go to every peer.
"""

from __future__ import annotations

from collections.abc import Iterable

from lanline.errors import ProtocolViolation

PREFIX_BYTES = 4


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

    __slots__ = ("_max_message_bytes", "_partial")

    def __init__(self, max_message_bytes: int) -> None:
        self._max_message_bytes = max_message_bytes
        self._partial: bytearray | None = None

    @property
    def partial_bytes(self) -> int:
        return len(self._partial) if self._partial is not None else 0

    def feed(self, data: bytes) -> list[bytes]:
        partial = self._partial
        if partial is not None:
            partial += data
            if len(partial) >= PREFIX_BYTES and len(partial) < PREFIX_BYTES + self._length_at(partial, 0):
                return []
            data = bytes(partial)
            self._partial = None
        messages: list[bytes] = []
        position, end = 0, len(data)
        while end - position >= PREFIX_BYTES:
            length = self._length_at(data, position)
            start = position + PREFIX_BYTES
            if start + length > end:
                break
            position = start + length
            messages.append(data[start:position])
        if position < end:
            self._partial = bytearray(data[position:])
        return messages

    def _length_at(self, data: bytes | bytearray, position: int) -> int:
        length = int.from_bytes(data[position : position + PREFIX_BYTES], "big")
        if length > self._max_message_bytes:
            raise ProtocolViolation(f"a message of {length} bytes is over the limit of {self._max_message_bytes}")
        return length
