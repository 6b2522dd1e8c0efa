"""One end of a link, which keeps what is sent until the test lets it arrive: in the place of a `Connection`."""

from __future__ import annotations

import sys
from collections.abc import Callable

from lanline.errors import CloseCode, LinkNotOpen, SendBufferFull
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEvent, MessageReceived, MessagesDelivered, SendBufferDrained
from lanline.proto.framing import MessageParser

BUFFER_BYTES = 4 * 1024 * 1024


class HandLink:
    def __init__(self, fingerprint: bytes, buffer_bytes: int = BUFFER_BYTES, most_under_way: int = sys.maxsize) -> None:
        self.peer_fingerprint = fingerprint
        self.other: HandLink | None = None
        """The other end, where the test has both: it receives what arrives, and is told when this end closes."""
        self.closed: LinkClosed | None = None
        self.is_reading = True
        """Whether what is sent arrives by itself."""
        self.arrived: list[tuple[Channel, bytes]] = []
        self.raw: list[bytes] = []
        """The objects that were handed over, as they were."""
        self.most_buffered_bytes = 0
        self.is_trusted = False
        self.handler: Callable[[LinkEvent], None] = _ignore
        self._buffer_bytes = buffer_bytes
        self._most_under_way = most_under_way
        """Messages, on each channel."""
        self._under_way: dict[Channel, list[bytes]] = {Channel.CHAT: [], Channel.BULK: []}
        self._written: dict[Channel, int] = {Channel.CHAT: 0, Channel.BULK: 0}
        self._was_full: set[Channel] = set()

    @classmethod
    def pair(cls, first: bytes, second: bytes) -> tuple[HandLink, HandLink]:
        """Both ends; each is given the fingerprint of its peer."""
        ends = cls(first), cls(second)
        ends[0].other, ends[1].other = ends[1], ends[0]
        return ends

    # As its owner sees it.

    def trust(self) -> None:
        self.is_trusted = True

    def set_handler(self, handler: Callable[[LinkEvent], None]) -> None:
        self.handler = handler

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
        if len(self._under_way[channel]) < self._most_under_way and self._buffered(channel) < self._buffer_bytes:
            return True
        self._was_full.add(channel)
        return False

    def close(self, code: CloseCode = CloseCode.DONE, reason: str = "") -> None:
        self.end(LinkClosed(code, reason, by_peer=False))

    # As the test plays it.

    def give(self, event: LinkEvent) -> None:
        self.handler(event)

    def arrive(self, most: int = sys.maxsize) -> bool:
        """So many of what is under way reach the other end; whether there was anything."""
        did = False
        for channel, under_way in self._under_way.items():
            taken = under_way[: most if self.closed is None else 0]
            if not taken:
                continue
            did, most = True, most - len(taken)
            del under_way[: len(taken)]
            self.arrived += [(channel, message) for message in taken]
            if self.other is not None:
                for message in taken:
                    self.other.give(MessageReceived(channel, message))
            if self.closed is None:
                self.handler(MessagesDelivered(channel, self._written[channel] - len(under_way)))
            if channel in self._was_full and not under_way:
                self._was_full.discard(channel)
                self.handler(SendBufferDrained(channel))
        return did

    def end(self, event: LinkClosed) -> None:
        """What is under way is given up, as links do."""
        if self.closed is None:
            self.closed = event
            self.handler(event)
            if self.other is not None:
                self.other.end(LinkClosed(event.code, event.reason, by_peer=True))


def _ignore(_event: LinkEvent) -> None:
    """Nobody listens."""
