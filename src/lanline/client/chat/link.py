"""What the node needs of a link: the few calls that `transport.connection.Connection` and a simulation's link share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lanline.errors import CloseCode
from lanline.proto.channels import Channel
from lanline.proto.events import LinkEvent


class ChatLink(Protocol):
    def set_handler(self, handler: Callable[[LinkEvent], None]) -> None: ...

    def send_nowait(self, channel: Channel, payload: bytes) -> int:
        """Raises LinkNotOpen, SendBufferFull or MessageTooLarge, and then nothing was sent."""

    def is_writable(self, channel: Channel) -> bool:
        """After a False, `SendBufferDrained` or `LinkClosed` will come."""

    def close(self, code: CloseCode = CloseCode.DONE, reason: str = "") -> None: ...
