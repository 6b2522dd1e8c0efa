"""What the server's core is handed in: ways to its clients, and what is too slow to be done on the loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lanline.errors import CloseCode
from lanline.proto.channels import Channel
from lanline.proto.events import LinkEvent


class ClientLink(Protocol):
    """A link to one client; `transport.connection.Connection` is one."""

    @property
    def peer_fingerprint(self) -> bytes: ...

    def set_handler(self, handler: Callable[[LinkEvent], None]) -> None: ...

    def send_nowait(self, channel: Channel, payload: bytes) -> int:
        """Raises LinkNotOpen, SendBufferFull."""

    def send_framed_nowait(self, channel: Channel, framed: bytes, count: int) -> int:
        """All of it or, when it raises as above, nothing. Returns the number of the last message in its channel."""

    def is_writable(self, channel: Channel) -> bool: ...

    def trust(self) -> None:
        """The client has signed in: it may send larger messages, more of them, and on BULK."""

    def close(self, code: CloseCode, reason: str) -> None:
        """`LinkClosed` follows, now or later."""


class PasswordHasher(Protocol):
    """Slow on purpose, hence done elsewhere. Answers where events of links arrive, later or at once, always once.

    The answer None: it could not be done.
    """

    def hash(self, password: str, when_done: Callable[[str | None], None]) -> None: ...

    def verify(self, password: str, password_hash: str | None, when_done: Callable[[bool | None], None]) -> None:
        """Against no hash: takes as long as against any other, and is False."""
