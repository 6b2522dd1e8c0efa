"""The rules of rooms. Each runs within a transaction, so that what it looks at is what holds when it is written.

Knows nothing of who is online: what changed is returned, to be told by the caller.
"""

from __future__ import annotations

import msgspec

from lanline.errors import RefusalCode, RequestRefused
from lanline.model.accounts import AccountId
from lanline.model.logs import LogId
from lanline.model.names import checked_room_name
from lanline.model.rooms import Access, Membership, Role, Room, Standing, checked_topic, may_join
from lanline.storage.api import Transaction


class Actor(msgspec.Struct, frozen=True):
    """Who asks. The operator of the server is an admin without an account: 0."""

    account: AccountId
    is_admin: bool


class MemberStep(msgspec.Struct, frozen=True):
    account: AccountId
    before: Membership | None
    after: Membership | None


class RoomChange(msgspec.Struct, frozen=True):
    room: Room
    steps: tuple[MemberStep, ...] = ()
    is_new: bool = False
    is_altered: bool = False
    """Its topic or access is another."""


def create_room(
    transaction: Transaction, actor: Actor, name: str, topic: str, access: Access, now_ms: int, most: int
) -> RoomChange:
    name, topic = checked_room_name(name), checked_topic(topic)
    if not actor.is_admin and sum(room.creator == actor.account for room in transaction.rooms.all()) >= most:
        raise RequestRefused(RefusalCode.QUOTA_EXCEEDED, f"You have made {most} rooms, which is all you may.")
    room = transaction.rooms.create(name, topic, access, actor.account, now_ms)
    owner = transaction.rooms.membership(room.log, actor.account)
    return RoomChange(room, (MemberStep(actor.account, None, owner),), is_new=True)


def join_room(transaction: Transaction, account: AccountId, name: str) -> RoomChange:
    room = transaction.rooms.by_name(name)
    if room is None:
        raise RequestRefused(RefusalCode.UNKNOWN_CONVERSATION, f"There is no room {checked_room_name(name)}.")
    before = transaction.rooms.membership(room.log, account)
    if before is not None and before.may_read:
        return RoomChange(room)
    if not may_join(room, before):
        why = f"You are banned from {room.name}." if before else f"{room.name} is for those who are invited."
        raise RequestRefused(RefusalCode.NOT_ALLOWED, why)
    is_empty = not any(member.may_read for member in transaction.rooms.members(room.log))
    role = Role.OWNER if is_empty else Role.MEMBER
    after = Membership(room.log, account, role, Standing.JOINED, before is not None and before.is_muted)
    return _step(transaction, room, before, after)


def enter_lobby(transaction: Transaction, account: AccountId, name: str, now_ms: int, *, is_admin: bool) -> RoomChange:
    """For a new account. The lobby is made for the first one, and belongs to admins only."""
    room = transaction.rooms.by_name(name)
    is_new = room is None
    if room is None:
        room = transaction.rooms.create(checked_room_name(name), "", Access.OPEN, account, now_ms)
    after = Membership(room.log, account, Role.OWNER if is_admin else Role.MEMBER)
    transaction.rooms.put_membership(after)
    return RoomChange(room, (MemberStep(account, None, after),), is_new=is_new)


def leave_room(transaction: Transaction, account: AccountId, log: LogId) -> RoomChange:
    room = _room(transaction, log)
    before = transaction.rooms.membership(log, account)
    if before is None or before.is_banned:
        raise _unknown_room()
    steps = [_let_go(transaction, room, before)]
    heir = _heir(transaction, room) if before.role is Role.OWNER else None
    if heir is not None:
        owner = msgspec.structs.replace(heir, role=Role.OWNER)
        transaction.rooms.put_membership(owner)
        steps.append(MemberStep(heir.account, heir, owner))
    return RoomChange(room, tuple(steps))


def set_topic(transaction: Transaction, actor: Actor, log: LogId, topic: str) -> RoomChange:
    room = _room(transaction, log)
    _check_rank(transaction, actor, log, Role.MODERATOR, "Only moderators and owners set the topic here.")
    return _alter(transaction, msgspec.structs.replace(room, topic=checked_topic(topic)))


def set_access(transaction: Transaction, actor: Actor, log: LogId, access: Access) -> RoomChange:
    room = _room(transaction, log)
    _check_rank(transaction, actor, log, Role.OWNER, "Only an owner of the room says who may come in.")
    return _alter(transaction, msgspec.structs.replace(room, access=access))


def invite_to_room(transaction: Transaction, account: AccountId, log: LogId, guest: AccountId) -> RoomChange:
    room = _room(transaction, log)
    host = transaction.rooms.membership(log, account)
    if host is None or not host.may_read:
        raise _unknown_room()
    if room.access is Access.INVITE_ONLY and host.role < Role.MODERATOR:
        raise RequestRefused(RefusalCode.NOT_ALLOWED, "Only moderators and owners invite people to this room.")
    before = transaction.rooms.membership(log, guest)
    if before is not None and before.is_banned:
        raise RequestRefused(RefusalCode.NOT_ALLOWED, f"They are banned from {room.name}. Lift the ban first.")
    if before is not None and before.may_read:
        return RoomChange(room)
    is_muted = before is not None and before.is_muted
    return _step(transaction, room, before, Membership(log, guest, Role.MEMBER, Standing.INVITED, is_muted))


def set_role(transaction: Transaction, actor: Actor, log: LogId, account: AccountId, role: Role) -> RoomChange:
    room = _room(transaction, log)
    mine = _mine(transaction, actor, log)
    other = transaction.rooms.membership(log, account)
    if other is None or not other.may_read:
        raise RequestRefused(RefusalCode.UNKNOWN_PERSON, f"They are not in {room.name}.")
    if other.role is role:
        return RoomChange(room)
    if not (actor.is_admin or (mine is not None and mine.may_give(role, other))):
        raise RequestRefused(RefusalCode.NOT_ALLOWED, "Only an owner of the room gives and takes rights.")
    if other.role is Role.OWNER and not actor.is_admin and _owners(transaction, log) == 1:
        raise RequestRefused(RefusalCode.NOT_ALLOWED, "A room keeps an owner: make somebody else one first.")
    return _step(transaction, room, other, msgspec.structs.replace(other, role=role))


def set_muted(transaction: Transaction, actor: Actor, log: LogId, account: AccountId, *, is_muted: bool) -> RoomChange:
    room = _room(transaction, log)
    other = _moderated(transaction, actor, log, account)
    if not other.may_read:
        raise RequestRefused(RefusalCode.UNKNOWN_PERSON, f"They are not in {room.name}.")
    return _step(transaction, room, other, msgspec.structs.replace(other, is_muted=is_muted))


def send_away(transaction: Transaction, actor: Actor, log: LogId, account: AccountId) -> RoomChange:
    room = _room(transaction, log)
    other = _moderated(transaction, actor, log, account)
    if other.is_banned or transaction.rooms.membership(log, account) is None:
        raise RequestRefused(RefusalCode.UNKNOWN_PERSON, f"They are not in {room.name}.")
    return RoomChange(room, (_let_go(transaction, room, other),))


def set_banned(
    transaction: Transaction, actor: Actor, log: LogId, account: AccountId, *, is_banned: bool
) -> RoomChange:
    room = _room(transaction, log)
    other = _moderated(transaction, actor, log, account)
    before = transaction.rooms.membership(log, account)
    if is_banned:
        return _step(transaction, room, before, Membership(log, account, Role.MEMBER, Standing.BANNED, other.is_muted))
    if not other.is_banned:
        return RoomChange(room)
    transaction.rooms.drop_membership(log, account)
    return RoomChange(room, (MemberStep(account, before, None),))


def _room(transaction: Transaction, log: LogId) -> Room:
    room = transaction.rooms.by_log(log)
    if room is None:
        raise _unknown_room()
    return room


def _unknown_room() -> RequestRefused:
    return RequestRefused(RefusalCode.UNKNOWN_CONVERSATION, "There is no such room, or you are not in it.")


def _mine(transaction: Transaction, actor: Actor, log: LogId) -> Membership | None:
    """Who is not in a room does not learn that there is one; an admin of the server may."""
    mine = transaction.rooms.membership(log, actor.account)
    if not actor.is_admin and (mine is None or not mine.may_read):
        raise _unknown_room()
    return mine


def _check_rank(transaction: Transaction, actor: Actor, log: LogId, least: Role, why_not: str) -> None:
    mine = _mine(transaction, actor, log)
    if not (actor.is_admin or (mine is not None and mine.role >= least)):
        raise RequestRefused(RefusalCode.NOT_ALLOWED, why_not)


def _moderated(transaction: Transaction, actor: Actor, log: LogId, account: AccountId) -> Membership:
    """The one who is to be muted, banned or let go; who was never in the room counts as its least member."""
    mine = _mine(transaction, actor, log)
    other = transaction.rooms.membership(log, account) or Membership(log, account, standing=Standing.INVITED)
    if account == actor.account:
        raise RequestRefused(RefusalCode.NOT_ALLOWED, "Not to yourself. You may leave the room.")
    if not (actor.is_admin or (mine is not None and mine.may_moderate(other))):
        raise RequestRefused(RefusalCode.NOT_ALLOWED, "Only moderators and owners may do that, to those below them.")
    return other


def _owners(transaction: Transaction, log: LogId) -> int:
    return sum(member.may_read and member.role is Role.OWNER for member in transaction.rooms.members(log))


def _heir(transaction: Transaction, room: Room) -> Membership | None:
    """A room whose last owner leaves goes to a moderator, or to whoever has been on the server longest."""
    members = [member for member in transaction.rooms.members(room.log) if member.may_read]
    if not members or any(member.role is Role.OWNER for member in members):
        return None
    return min(members, key=lambda member: (-member.role, member.account))


def _step(transaction: Transaction, room: Room, before: Membership | None, after: Membership) -> RoomChange:
    transaction.rooms.put_membership(after)
    return RoomChange(room, (MemberStep(after.account, before, after),))


def _let_go(transaction: Transaction, room: Room, before: Membership) -> MemberStep:
    """Who is muted stays so, and does not come back with a voice by leaving; an open room lets everybody back."""
    if before.is_muted and room.access is Access.OPEN:
        after = Membership(room.log, before.account, Role.MEMBER, Standing.INVITED, is_muted=True)
        transaction.rooms.put_membership(after)
        return MemberStep(before.account, before, after)
    transaction.rooms.drop_membership(room.log, before.account)
    return MemberStep(before.account, before, None)


def _alter(transaction: Transaction, room: Room) -> RoomChange:
    transaction.rooms.change(room)
    return RoomChange(room, is_altered=True)
