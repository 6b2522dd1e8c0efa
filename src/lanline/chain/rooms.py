"""Owns who is in a private room, replayed from its entries and from what the chain did to people meanwhile.

Not the chain, and not open rooms: those the whole group reads. An entry that comes late is judged at its own height,
so the caller replays the room anew when one comes that was lacking.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from lanline.chain.reasons import DoesNotHoldError, Reason, require
from lanline.chain.rules import check_place, check_signature, read
from lanline.chain.state import NEVER, Chain
from lanline.crypto.groups import ids
from lanline.wire.sealing import entries
from lanline.wire.sealing.entries import RoomRole, RoomSuite


class Stay(NamedTuple):
    """From one height on until another, an account is in the room."""

    since: int
    until: int = NEVER


class ChainRoom(msgspec.Struct, frozen=True):
    room_id: bytes
    name: bytes
    suite: RoomSuite
    height: int
    """Up to which the chain was taken in."""
    members: Mapping[bytes, RoomRole]
    stays: Mapping[bytes, tuple[Stay, ...]]
    last_loss: int = 0
    lacking: tuple[int, ...] = ()
    """Heights at which the chain has an entry of this room that is not here: while there are any, nothing is sealed."""
    broken: tuple[tuple[int, Reason], ...] = ()
    """Entries that do not hold."""

    def reads_at(self, account_id: bytes, height: int) -> bool:
        return any(stay.since <= height < stay.until for stay in self.stays.get(account_id, ()))


def replay(
    chain: Chain, founding: bytes, contents: Mapping[int, bytes], until: int | None = None
) -> ChainRoom | Reason:
    """The room at a height, or the head of the chain; `contents`: its entries that are here, by their heights."""
    try:
        room = _found(chain, founding)
    except DoesNotHoldError as failure:
        return failure.reason
    return catch_up(chain, room, contents, until)


def catch_up(chain: Chain, room: ChainRoom, contents: Mapping[int, bytes], until: int | None = None) -> ChainRoom:
    """The same as `replay`, where only newer entries came."""
    for height in range(room.height + 1, (chain.height if until is None else until) + 1):
        room = _step(chain, room, height, contents.get(height))
    return room


def _found(chain: Chain, content: bytes) -> ChainRoom:
    room_id = ids.private_room_id_of(content)
    height = read(entries.decode_room_body, read(entries.decode_entry, content).body).height
    require(0 < height <= chain.height, Reason.NOT_YET_THERE)
    author, body = _read_entry(chain, room_id, height, content)
    if not isinstance(body, entries.FoundRoom):
        raise DoesNotHoldError(Reason.FORM)
    require(author not in body.accounts, Reason.ALREADY_IN)
    _check_may_come(chain, (author, *body.accounts), body.suite, height)
    members = {author: RoomRole.OWNER} | dict.fromkeys(body.accounts, RoomRole.MEMBER)
    return ChainRoom(room_id, body.name, body.suite, height, members, {each: (Stay(height),) for each in members})


def _step(chain: Chain, room: ChainRoom, height: int, content: bytes | None) -> ChainRoom:
    place = chain.places[height - 1]
    room = msgspec.structs.replace(room, height=height)
    if place.removed:
        return _without(room, [each for each in place.removed if each in room.members], height)
    if place.turned in room.members:
        return msgspec.structs.replace(room, last_loss=height)
    if place.tag != ids.room_tag_of(room.room_id, height):
        return room
    if content is None or hashlib.sha256(content).digest() != place.content_hash:
        return msgspec.structs.replace(room, lacking=(*room.lacking, height))
    try:
        author, body = _read_entry(chain, room.room_id, height, content)
        return _apply(chain, room, author, body)
    except DoesNotHoldError as failure:
        return msgspec.structs.replace(room, broken=(*room.broken, (height, failure.reason)))


def _read_entry(chain: Chain, room_id: bytes, height: int, content: bytes) -> tuple[bytes, entries.RoomBody]:
    """The account that signed, and the body: what holds for every kind. All is judged by the state before it."""
    signed = read(entries.decode_entry, content)
    body = read(entries.decode_room_body, signed.body)
    require(signed.use_signature is None, Reason.FORM)
    check_place(chain, body, height)
    place = chain.places[height - 1]
    stands = place.tag == ids.room_tag_of(room_id, height)
    require(stands and place.content_hash == hashlib.sha256(content).digest(), Reason.PLACE)
    device = chain.live_device(signed.device_id, height - 1)
    if device is None:
        raise DoesNotHoldError(Reason.DEVICE)
    check_signature(device.sign_key, signed.signature, ids.KEY_ENTRY, signed.body)
    return device.account, body


def _apply(chain: Chain, room: ChainRoom, author: bytes, body: entries.RoomBody) -> ChainRoom:
    if isinstance(body, entries.FoundRoom):
        raise DoesNotHoldError(Reason.PLACE)
    require(body.room_id == room.room_id, Reason.SCOPE)
    require(author in room.members, Reason.RIGHTS)
    if isinstance(body, entries.LetIn):
        return _let_in(chain, room, author, body)
    return _remove(room, author, body) if isinstance(body, entries.RemoveFromRoom) else _set_role(room, author, body)


def _let_in(chain: Chain, room: ChainRoom, author: bytes, body: entries.LetIn) -> ChainRoom:
    require(room.members[author] >= RoomRole.MODERATOR, Reason.RIGHTS)
    require(not any(each in room.members for each in body.accounts), Reason.ALREADY_IN)
    _check_may_come(chain, body.accounts, room.suite, body.height)
    stays = {each: (*room.stays.get(each, ()), Stay(body.height)) for each in body.accounts}
    return msgspec.structs.replace(
        room,
        members={**room.members, **dict.fromkeys(body.accounts, RoomRole.MEMBER)},
        stays={**room.stays, **stays},
    )


def _remove(room: ChainRoom, author: bytes, body: entries.RemoveFromRoom) -> ChainRoom:
    require(all(each in room.members for each in body.accounts), Reason.NOT_A_MEMBER)
    if body.accounts != (author,):
        rank = room.members[author]
        require(all(room.members[each] < rank for each in body.accounts), Reason.RIGHTS)
    return _without(room, body.accounts, body.height)


def _set_role(room: ChainRoom, author: bytes, body: entries.SetRoomRole) -> ChainRoom:
    require(room.members[author] is RoomRole.OWNER, Reason.RIGHTS)
    require(body.account in room.members, Reason.NOT_A_MEMBER)
    return _with_heir(msgspec.structs.replace(room, members={**room.members, body.account: body.role}))


def _check_may_come(chain: Chain, accounts: tuple[bytes, ...], suite: RoomSuite, height: int) -> None:
    require(all(chain.is_member(each, height - 1) for each in accounts), Reason.NOT_A_MEMBER)
    if suite is RoomSuite.RSA:
        require(all(chain.rsa_key_at(each, height - 1) for each in accounts), Reason.NO_RSA_KEY)


def _without(room: ChainRoom, gone: list[bytes] | tuple[bytes, ...], height: int) -> ChainRoom:
    if not gone:
        return room
    ended = {each: (*room.stays[each][:-1], room.stays[each][-1]._replace(until=height)) for each in gone}
    members = {each: role for each, role in room.members.items() if each not in gone}
    return _with_heir(msgspec.structs.replace(room, members=members, stays={**room.stays, **ended}, last_loss=height))


def _with_heir(room: ChainRoom) -> ChainRoom:
    """Where nobody is owner: who has the highest role, then who has been in longest, then the lower id."""
    if not room.members or RoomRole.OWNER in room.members.values():
        return room
    heir = min(room.members, key=lambda each: (-room.members[each], room.stays[each][-1].since, each))
    return msgspec.structs.replace(room, members={**room.members, heir: RoomRole.OWNER})
