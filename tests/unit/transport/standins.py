"""A link without I/O that keeps what is asked of it, for the tests of what stands around one: in the place of a
`proto.messagelink.MessageLink`. What stands in the place of a whole `Connection` is `lanline.testing.link`.
"""

from __future__ import annotations

from lanline.errors import CloseCode, LinkNotOpen, SendBufferFull
from lanline.proto.channels import Channel


class MessageLinkStandIn:
    def __init__(self) -> None:
        self.sent: list[tuple[Channel, bytes]] = []
        self.released: list[tuple[Channel, int]] = []
        self.closed: list[tuple[CloseCode, str]] = []
        self.is_open = True
        self.is_full = False
        self.is_trusted = False
        self.largest_datagram_bytes = 1000

    def send_message(self, channel: Channel, payload: bytes) -> int:
        if not self.is_open:
            raise LinkNotOpen("The link is closed.")
        if self.is_full:
            raise SendBufferFull("full")
        self.sent.append((channel, payload))
        return len(self.sent)

    def send_framed(self, channel: Channel, framed: bytes, count: int) -> int:
        self.sent.append((channel, framed))
        return count

    def is_writable(self, channel: Channel) -> bool:
        return not self.is_full

    def trust(self) -> None:
        self.is_trusted = True

    def release(self, channel: Channel, size_bytes: int) -> None:
        self.released.append((channel, size_bytes))

    def close(self, code: CloseCode, reason: str, now: float) -> None:
        self.closed.append((code, reason))

    # A machine, for the driver.

    def handle_timer(self, now: float) -> None:
        raise AssertionError

    def next_deadline(self) -> float | None:
        return None
