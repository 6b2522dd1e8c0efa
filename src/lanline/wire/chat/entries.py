"""Appending to logs, and reading them: on from a cursor, live at the head, or backwards."""

from __future__ import annotations

from typing import Annotated

import msgspec

from lanline.wire.chat.limits import EntryId, Id, Request, Sealed, Sequence, ShortText

MAX_READ_AT_ONCE = 1000


class Append(msgspec.Struct, frozen=True, array_like=True, tag=19, gc=False):
    """Harmless to repeat: the answer names the first place. Appends of one link are committed in their order."""

    request: Request
    log: Id
    entry_id: EntryId
    suite: ShortText
    content: Sealed


class Place(msgspec.Struct, frozen=True, array_like=True, gc=False):
    request: Request
    sequence: Sequence
    time_ms: int


class Committed(msgspec.Struct, frozen=True, array_like=True, tag=77):
    """On the server's disk, and safe from now on. One message answers all appends of a commit."""

    places: tuple[Place, ...]


class Follow(msgspec.Struct, frozen=True, array_like=True, tag=20, gc=False):
    """Send what comes after this sequence number, up to the head and from then on as it happens."""

    log: Id
    after: Sequence


class Unfollow(msgspec.Struct, frozen=True, array_like=True, tag=21, gc=False):
    log: Id


class LogEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    sequence: Sequence
    entry_id: EntryId
    account: Id
    device: Id
    time_ms: int
    suite: ShortText
    content: Sealed


class Entries(msgspec.Struct, frozen=True, array_like=True, tag=78):
    """Dense: the first follows on the last that this link was sent of the log."""

    log: Id
    entries: tuple[LogEntry, ...]


class ReadBefore(msgspec.Struct, frozen=True, array_like=True, tag=22):
    request: Request
    log: Id
    before: Sequence
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_READ_AT_ONCE)]


class EarlierEntries(msgspec.Struct, frozen=True, array_like=True, tag=79):
    """The newest that precede, oldest first; perhaps fewer than asked for. None: there are none."""

    request: Request
    log: Id
    entries: tuple[LogEntry, ...]


class LogCursor(msgspec.Struct, frozen=True, array_like=True, gc=False):
    log: Id
    delivered: Sequence
    read: Sequence


class Advance(msgspec.Struct, frozen=True, array_like=True, tag=23):
    """`delivered`: on this device's disk. Forward only; not answered."""

    cursors: Annotated[tuple[LogCursor, ...], msgspec.Meta(max_length=1000)]


class CursorMoved(msgspec.Struct, frozen=True, array_like=True, tag=80, gc=False):
    """Of another member, in conversations of two and small rooms; of another device of one's own, anywhere."""

    log: Id
    account: Id
    delivered: Sequence
    read: Sequence
