"""Owns what waits to go to one client: never more than a bounded amount, however slowly it reads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from lanline.errors import CloseCode, LinkNotOpen, SendBufferFull
from lanline.gateways.lanline.followers import Chunk
from lanline.proto.channels import Channel
from lanline.proto.events import LinkEvent
from lanline.proto.framing import frame_message

MAX_WAITING_BYTES = 256 * 1024
"""Over and above what the link itself holds. Who lets so much wait is sent off, and asks anew when it can read."""
MAX_UNCONFIRMED_BYTES = 1024 * 1024
"""Of history that is under way to one client: enough for a long fast line, and little enough for a thousand clients."""


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


class SendQueue:
    __slots__ = (
        "_link",
        "_most_waiting_bytes",
        "_unconfirmed_bytes",
        "_waiting",
        "_waiting_bytes",
        "is_greeting",
        "last_number",
        "unconfirmed",
    )

    def __init__(self, link: ClientLink) -> None:
        self._link = link
        self._waiting: deque[bytes] | None = None
        self._waiting_bytes = 0
        self._most_waiting_bytes = MAX_WAITING_BYTES
        self.is_greeting = False
        """What is said now has to be told at once, however much it is: nobody could have read any of it yet."""
        self.unconfirmed: deque[tuple[int, int]] | None = None
        """History that is under way: the number of each chunk's last message, and its size."""
        self._unconfirmed_bytes = 0
        self.last_number = 0

    @property
    def is_stopped(self) -> bool:
        """The link is full; what is said meanwhile waits here."""
        return self._waiting is not None

    def send(self, payload: bytes) -> bool:
        """False: it has to wait, and so has all that comes after it."""
        return self.send_framed(frame_message(payload))

    def send_framed(self, framed: bytes) -> bool:
        """One message."""
        if self._waiting is None:
            try:
                self.last_number = self._link.send_framed_nowait(Channel.CHAT, framed, 1)
            except SendBufferFull:
                self._waiting = deque()
            except LinkNotOpen:
                return True
            else:
                return True
        self._waiting.append(framed)
        self._waiting_bytes += len(framed)
        if self.is_greeting:
            self._most_waiting_bytes = self._waiting_bytes + MAX_WAITING_BYTES
        elif self._waiting_bytes > self._most_waiting_bytes:
            self._link.close(CloseCode.BUSY, "The client does not read what it is sent.")
        return False

    def resume(self) -> None:
        """The link has room again."""
        waiting = self._waiting
        while waiting:
            try:
                self.last_number = self._link.send_framed_nowait(Channel.CHAT, waiting[0], 1)
            except SendBufferFull:
                return
            except LinkNotOpen:
                break
            self._waiting_bytes -= len(waiting.popleft())
        self._waiting = None
        self._waiting_bytes = 0
        self._most_waiting_bytes = MAX_WAITING_BYTES

    # History.

    @property
    def has_room(self) -> bool:
        return (
            self._waiting is None
            and self._unconfirmed_bytes < MAX_UNCONFIRMED_BYTES
            and self._link.is_writable(Channel.CHAT)
        )

    def send_chunk(self, chunk: Chunk) -> None:
        """Raises LinkError."""
        number = self._link.send_framed_nowait(Channel.CHAT, chunk.framed, chunk.count)
        if self.unconfirmed is None:
            self.unconfirmed = deque()
        self.unconfirmed.append((number, len(chunk.framed)))
        self._unconfirmed_bytes += len(chunk.framed)

    def confirm(self, through: int) -> bool:
        """The client's link holds all up to this number. True: there is room for history again."""
        chunks = self.unconfirmed
        if chunks is None:
            return False
        was_full = self._unconfirmed_bytes >= MAX_UNCONFIRMED_BYTES
        while chunks and chunks[0][0] <= through:
            self._unconfirmed_bytes -= chunks.popleft()[1]
        if not chunks:
            self.unconfirmed = None
        return was_full and self._unconfirmed_bytes < MAX_UNCONFIRMED_BYTES
