"""Logs, their entries, and how far a device has come in one. Everything that people say is an entry in a log.

What an entry says is sealed: here it is bytes, and the name of the suite that opens them.
"""

from __future__ import annotations

from enum import Enum
from typing import NewType

import msgspec

from lanline.errors import InvalidInput
from lanline.model.accounts import AccountId, DeviceId

LogId = NewType("LogId", int)

ENTRY_ID_BYTES = 16
MAX_SEALED_BYTES = 128 * 1024
"""One entry: the longest text twice over, for what sealing it to many devices adds."""
MAX_SUITE_LENGTH = 32
MAX_HIDDEN_STEP_MS = 3_600_000
"""So far a clock may be set back without an entry that is earlier than the one before it."""
ENTRY_COST_BYTES = 100
"""What an entry takes on the disk besides its content, about: it counts with it."""


class LogKind(Enum):
    ROOM = "room"
    DIRECT = "direct"
    CHAIN = "chain"
    """Of the group: who may read. Everybody who is signed in reads it."""
    ENDED = "ended"
    """Nobody reads it, and its entries go."""


class Log(msgspec.Struct, frozen=True):
    id: LogId
    kind: LogKind
    head: int
    """The sequence number of its newest entry; 0 while it has none."""


class NewEntry(msgspec.Struct, frozen=True, gc=False):
    """What is handed in to be appended. The sender chose its id, so that a repeat is known as one."""

    log: LogId
    entry_id: bytes
    account: AccountId
    device: DeviceId
    time_ms: int
    """By the clock of who hands it in."""
    suite: str
    content: bytes


class Entry(msgspec.Struct, frozen=True, gc=False):
    """What was committed. Sequence numbers are dense and begin with 1."""

    log: LogId
    sequence: int
    entry_id: bytes
    account: AccountId
    device: DeviceId
    time_ms: int
    suite: str
    content: bytes


class Appended(msgspec.Struct, frozen=True, gc=False):
    """Where an entry stands: for a repeat, the place and the time of the first."""

    sequence: int
    time_ms: int
    is_repeat: bool = False
    is_other: bool = False
    """What stands there is of the same suite, and has other content."""


class Cursor(msgspec.Struct, frozen=True):
    delivered: int = 0
    read: int = 0

    def advanced(self, delivered: int = 0, read: int = 0) -> Cursor:
        """Never back. What was read was delivered."""
        read = max(self.read, read)
        return Cursor(max(self.delivered, delivered, read), read)


def time_after(last_ms: int, now_ms: int) -> int:
    """What the next entry is stamped with. A clock that is set a little back shows no step; one that was far ahead
    stamps nothing for ever. The order is that of the sequence numbers, whatever the times.
    """
    return last_ms if now_ms < last_ms <= now_ms + MAX_HIDDEN_STEP_MS else now_ms


def check_entry(entry: NewEntry) -> None:
    """The limits that hold for every suite; raises InvalidInput."""
    if len(entry.entry_id) != ENTRY_ID_BYTES:
        raise InvalidInput(f"The id of an entry has {ENTRY_ID_BYTES} bytes, not {len(entry.entry_id)}.")
    if not 0 < len(entry.content) <= MAX_SEALED_BYTES:
        raise InvalidInput(f"An entry holds 1 to {MAX_SEALED_BYTES} bytes, not {len(entry.content)}.")
    if not (0 < len(entry.suite) <= MAX_SUITE_LENGTH and entry.suite.isascii() and entry.suite.isprintable()):
        raise InvalidInput("The suite of an entry is named by 1 to 32 ASCII characters.")
