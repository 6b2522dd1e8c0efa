"""Owns what the server looks at before it takes an entry of a private room, and the stub that stands for it."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from lanline.chain.reasons import DoesNotHoldError, Reason, require
from lanline.chain.rooms import ChainRoom, catch_up, replay
from lanline.chain.rules import follow, read
from lanline.chain.state import Chain
from lanline.crypto.groups import ids
from lanline.errors import MalformedPacket
from lanline.wire.sealing import entries
from lanline.wire.sealing.entries import STUB_SUITE
from lanline.wire.sealing.strict import encode_strictly


class RoomOffer(NamedTuple):
    """An entry that holds, on this head."""

    chain: Chain
    """After it."""
    room: ChainRoom
    """After it."""
    stub: bytes
    time_ms: int


def judge_room_offer(chain: Chain, room: ChainRoom | None, content: bytes) -> RoomOffer | Reason:
    """`room` is as the chain has it; None: this is to found it. PLACE: it is not made for this head."""
    try:
        return _judge(chain, room, content)
    except DoesNotHoldError as failure:
        return failure.reason


def _judge(chain: Chain, room: ChainRoom | None, content: bytes) -> RoomOffer:
    body = read(entries.decode_room_body, read(entries.decode_entry, content).body)
    height = chain.height + 1
    require((body.height, body.on) == (height, chain.head), Reason.PLACE)
    is_first = isinstance(body, entries.FoundRoom)
    require(is_first == (room is None), Reason.FORM)
    room_id = ids.private_room_id_of(content) if room is None else room.room_id
    stub = encode_strictly(entries.Stub(ids.room_tag_of(room_id, height), hashlib.sha256(content).digest()))
    changed, reason = follow(chain, STUB_SUITE, stub)
    require(reason is None, Reason.FORM)
    after = replay(changed, content, {}) if room is None else catch_up(changed, room, {height: content})
    if isinstance(after, Reason):
        raise DoesNotHoldError(after)
    for broken_at, why in after.broken:
        if broken_at == height:
            raise DoesNotHoldError(why)
    return RoomOffer(changed, after, stub, body.time_ms)


def founding_of(content: bytes) -> bytes | None:
    """The id of the room that an entry founds, whether it holds or not. None: it founds none."""
    try:
        body = entries.decode_room_body(entries.decode_entry(content).body)
    except MalformedPacket:
        return None
    return ids.private_room_id_of(content) if isinstance(body, entries.FoundRoom) else None


def height_of(content: bytes) -> int | None:
    """Of an entry of a room, as it says."""
    try:
        return entries.decode_room_body(entries.decode_entry(content).body).height
    except MalformedPacket:
        return None


class FullEntry(NamedTuple):
    """An entry of a private room, by its stub in the chain."""

    room_id: bytes
    height: int
    name: bytes | None
    """Of the room that it founds."""


def full_entry_of(chain: Chain, content: bytes) -> FullEntry | None:
    """None: no stub of the chain stands for it."""
    try:
        body = entries.decode_room_body(entries.decode_entry(content).body)
    except MalformedPacket:
        return None
    if isinstance(body, entries.FoundRoom):
        found = FullEntry(ids.private_room_id_of(content), body.height, body.name)
    else:
        found = FullEntry(body.room_id, body.height, None)
    if not 0 < found.height <= chain.height:
        return None
    place = chain.places[found.height - 1]
    stands = place.tag == ids.room_tag_of(found.room_id, found.height)
    return found if stands and place.content_hash == hashlib.sha256(content).digest() else None
