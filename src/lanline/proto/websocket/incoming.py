"""What has come in on one reliable channel: messages, the count to confirm, and the credit to give."""

from __future__ import annotations

from lanline.errors import ProtocolViolation
from lanline.proto.channels import Channel
from lanline.proto.framing import PREFIX_BYTES, MessageParser
from lanline.proto.websocket.units import INITIAL_CREDIT_BYTES


class ReliableIncoming:
    """Memory held for the peer stays under the window plus one message.

    A message in progress is granted on top of the window, piece by piece: nobody above can release what they have not
    seen, so a window smaller than one message would never move again.
    """

    __slots__ = ("_channel", "_confirmed", "_granted_bytes", "_messages", "_parser", "_received_bytes",
                 "_released_bytes", "_window_bytes", "has_news")  # fmt: skip

    def __init__(self, channel: Channel, window_bytes: int, max_message_bytes: int) -> None:
        self._channel = channel
        self._window_bytes = window_bytes
        self._parser = MessageParser(max_message_bytes)
        self._received_bytes = 0
        self._released_bytes = 0
        self._granted_bytes = INITIAL_CREDIT_BYTES
        self._messages = 0
        self._confirmed = 0
        self.has_news = True

    def receive(self, piece: bytes) -> list[bytes]:
        self._received_bytes += len(piece)
        if not piece or self._received_bytes > self._granted_bytes:
            raise ProtocolViolation(f"{len(piece)} bytes on {self._channel.name} that it had no credit for")
        messages = self._parser.feed(piece)
        self._messages += len(messages)
        self.has_news = True
        return messages

    def widen(self, window_bytes: int, max_message_bytes: int) -> None:
        self._window_bytes = window_bytes
        self._parser.max_message_bytes = max_message_bytes
        self.has_news = True

    def release(self, size_bytes: int) -> None:
        """One message is dealt with. It has cost its prefix too: else empty messages could pile up without end."""
        self._released_bytes += PREFIX_BYTES + size_bytes
        self.has_news = True
        assert self._released_bytes + self._parser.partial_bytes <= self._received_bytes, "released twice"

    def count_to_confirm(self) -> int | None:
        if self._confirmed == self._messages:
            return None
        self._confirmed = self._messages
        return self._messages

    def credit_to_grant(self) -> int | None:
        """A new limit, when it is worth a message: a quarter of the window more than the peer knows of."""
        limit = self._released_bytes + self._window_bytes + self._parser.partial_bytes
        self.has_news = False
        if limit - self._granted_bytes < max(self._window_bytes // 4, 1):
            return None
        self._granted_bytes = limit
        return limit
