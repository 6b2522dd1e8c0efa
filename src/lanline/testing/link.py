"""The server's end of a link, which keeps what is sent until the test lets it arrive."""

from __future__ import annotations

from collections.abc import Callable

from lanline.errors import CloseCode, LinkNotOpen, SendBufferFull
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEvent, MessagesDelivered, SendBufferDrained
from lanline.proto.framing import MessageParser

BUFFER_BYTES = 4 * 1024 * 1024


class HandLink:
    def __init__(self, fingerprint: bytes, buffer_bytes: int = BUFFER_BYTES) -> None:
        self.peer_fingerprint = fingerprint
        self.closed: LinkClosed | None = None
        self.is_reading = True
        """Whether what is sent arrives by itself."""
        self.arrived: list[tuple[Channel, bytes]] = []
        self.raw: list[bytes] = []
        """The objects that were handed over, as they were."""
        self.most_buffered_bytes = 0
        self._handler: Callable[[LinkEvent], None] = lambda _: None
        self._buffer_bytes = buffer_bytes
        self._under_way: dict[Channel, list[bytes]] = {Channel.CHAT: [], Channel.BULK: []}
        self._written: dict[Channel, int] = {Channel.CHAT: 0, Channel.BULK: 0}
        self._was_full: set[Channel] = set()

        self.is_trusted = False

    def trust(self) -> None:
        self.is_trusted = True

    def set_handler(self, handler: Callable[[LinkEvent], None]) -> None:
        self._handler = handler

    def give(self, event: LinkEvent) -> None:
        self._handler(event)

    def send_nowait(self, channel: Channel, payload: bytes) -> int:
        return self._send(channel, payload, [payload])

    def send_framed_nowait(self, channel: Channel, framed: bytes, count: int) -> int:
        messages = MessageParser(10**9).feed(framed)
        assert len(messages) == count
        return self._send(channel, framed, messages)

    def _send(self, channel: Channel, raw: bytes, messages: list[bytes]) -> int:
        if self.closed is not None:
            raise LinkNotOpen("closed")
        if not self.is_writable(channel):
            raise SendBufferFull("full")
        self.raw.append(raw)
        self._under_way[channel] += messages
        self._written[channel] += len(messages)
        self.most_buffered_bytes = max(self.most_buffered_bytes, self._buffered(channel))
        return self._written[channel]

    def _buffered(self, channel: Channel) -> int:
        return sum(map(len, self._under_way[channel]))

    def is_writable(self, channel: Channel) -> bool:
        if self.closed is not None:
            return False
        if self._buffered(channel) < self._buffer_bytes:
            return True
        self._was_full.add(channel)
        return False

    def arrive(self) -> bool:
        """All that is under way reaches the client; whether there was anything."""
        did = False
        for channel, under_way in self._under_way.items():
            if under_way and self.closed is None:
                did = True
                self.arrived += [(channel, message) for message in under_way]
                self._under_way[channel] = []
                self._handler(MessagesDelivered(channel, self._written[channel]))
                if channel in self._was_full:
                    self._was_full.discard(channel)
                    self._handler(SendBufferDrained(channel))
        return did

    def close(self, code: CloseCode = CloseCode.DONE, reason: str = "") -> None:
        self.end(LinkClosed(code, reason, by_peer=False))

    def end(self, event: LinkClosed) -> None:
        """What is under way is given up, as links do."""
        if self.closed is None:
            self.closed = event
            self._handler(event)
