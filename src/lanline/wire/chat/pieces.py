"""Lists that one message may be too small for: the server sends them in pieces, and the client puts them together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from lanline.errors import ProtocolViolation
from lanline.wire.chat.admin import Given, Invites, Journal, Users
from lanline.wire.chat.conversations import Members, Rooms

Listing = Rooms | Members | Invites | Users | Journal | Given
PIECE_BYTES = 256 * 1024
MAX_PIECES = 256
"""A server that says of none that it is the last one would fill a client's memory."""

_ITEMS: dict[type, str] = {
    Rooms: "rooms",
    Members: "members",
    Invites: "invites",
    Users: "users",
    Journal: "entries",
    Given: "rights",
}
_encoder = msgspec.msgpack.Encoder()


def pieces(listing: Listing) -> Iterator[Listing]:
    """At least one. Each is of at most so many bytes, or of one item."""
    field = _ITEMS[type(listing)]
    items: list[object] = []
    size = 0
    for item in getattr(listing, field):
        item_bytes = len(_encoder.encode(item))
        if items and size + item_bytes > PIECE_BYTES:
            yield msgspec.structs.replace(listing, **{field: tuple(items)}, is_last=False)
            items, size = [], 0
        items.append(item)
        size += item_bytes
    yield msgspec.structs.replace(listing, **{field: tuple(items)}, is_last=True)


def joined(parts: Sequence[Listing]) -> Listing:
    """Raises ProtocolViolation."""
    last = parts[-1]
    if not last.is_last or any(type(part) is not type(last) for part in parts):
        raise ProtocolViolation("it answered with pieces that make no list")
    field = _ITEMS[type(last)]
    return msgspec.structs.replace(last, **{field: tuple(item for part in parts for item in getattr(part, field))})
