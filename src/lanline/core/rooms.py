"""Owns the rules of rooms: who may make, enter, leave and change them, and who stands above whom in one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from lanline.core.changes import Change, DirectOpened, MemberStepped, RoomChanged
from lanline.core.commands import Authority, Command, Context, Decision, known_account
from lanline.core.heldnames import check_held
from lanline.core.journal import note
from lanline.core.memberships import end_invitations, is_invited, let_go, may_join, may_rule, put, stepped
from lanline.errors import RefusalCode, RequestRefused
from lanline.model.accounts import AccountId
from lanline.model.journal import Deed
from lanline.model.logs import LogId
from lanline.model.names import checked_room_name
from lanline.model.rooms import (
    MAX_PINS,
    Access,
    Membership,
    Role,
    Room,
    Standing,
    checked_pace,
    checked_topic,
    pace_text,
)
from lanline.storage.api import Transaction, View

MAX_INVITATIONS_OF_MEMBER = 1000

# Making, entering and leaving.


class CreateRoom(Command[LogId], frozen=True):
    name: str
    topic: str
    access: Access

    fills_disk: ClassVar[bool] = True

    def decide(self, transaction: Transaction, by: Authority) -> Decision[LogId]:
        by.check_person()
        name, topic, limit = (
            checked_room_name(self.name),
            checked_topic(self.topic),
            by.context.settings.most_rooms_created,
        )
        if not by.is_admin and sum(room.creator == by.account for room in transaction.rooms.all()) >= limit:
            raise RequestRefused(RefusalCode.QUOTA_EXCEEDED, f"You have made {limit} rooms, which is all you may.")
        check_held(transaction, name, by.context)
        if topic:
            _check_plain_topic(transaction, by)
        room = transaction.rooms.create(name, topic, self.access, by.account, by.context.now_ms)
        note(transaction, by, Deed.ROOM_MADE, room=name, detail=self.access.value)
        owner = transaction.rooms.membership(room.log, by.account)
        return room.log, (RoomChanged(room, is_new=True, cursors={}), stepped(transaction, room, None, owner, by))


class JoinRoom(Command[LogId], frozen=True):
    name: str

    fills_disk: ClassVar[bool] = True

    def decide(self, transaction: Transaction, by: Authority) -> Decision[LogId]:
        by.check_person()
        room = transaction.rooms.by_name(self.name)
        if room is None:
            raise RequestRefused(RefusalCode.UNKNOWN_CONVERSATION, f"There is no room {checked_room_name(self.name)}.")
        before = transaction.rooms.membership(room.log, by.account)
        if before is not None and before.may_read:
            return room.log, ()
        if not may_join(transaction, room, before):
            is_banned = before is not None and before.is_banned
            why = f"You are banned from {room.name}." if is_banned else f"{room.name} is for those who are invited."
            raise RequestRefused(RefusalCode.NOT_ALLOWED, why)
        is_empty = not any(member.may_read for member in transaction.rooms.members(room.log))
        role = Role.OWNER if is_empty else Role.MEMBER
        is_muted = before is not None and before.is_muted
        after = Membership(room.log, by.account, role, Standing.JOINED, is_muted)
        return room.log, (put(transaction, room, before, after, by),)


class LeaveRoom(Command[None], frozen=True):
    log: LogId

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        room = _room(transaction, self.log)
        before = transaction.rooms.membership(self.log, by.account)
        if before is None or before.is_banned:
            raise _unknown_room()
        _check_not_signed(transaction, room)
        changes = [let_go(transaction, room, before, by), *_inherit(transaction, room, before, by)]
        return None, [*changes, *end_invitations(transaction, by.account, by)]


class InviteToRoom(Command[None], frozen=True):
    log: LogId
    account: AccountId

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        known_account(transaction, self.account)
        room = _room(transaction, self.log)
        _check_not_signed(transaction, room)
        host = transaction.rooms.membership(self.log, by.account)
        if host is None or not host.may_read:
            raise _unknown_room()
        if not host.may_invite(room):
            raise RequestRefused(RefusalCode.NOT_ALLOWED, "Only moderators and owners invite people to this room.")
        before = transaction.rooms.membership(self.log, self.account)
        if before is not None and before.is_banned:
            raise RequestRefused(RefusalCode.NOT_ALLOWED, f"They are banned from {room.name}. Lift the ban first.")
        if before is not None and (before.may_read or is_invited(transaction, room, before)):
            return None, ()
        if not by.is_admin and len(transaction.rooms.invitations(by.account)) >= MAX_INVITATIONS_OF_MEMBER:
            text = f"You have invited {MAX_INVITATIONS_OF_MEMBER} people who have not come, which is all you may."
            raise RequestRefused(RefusalCode.QUOTA_EXCEEDED, text)
        is_muted = before is not None and before.is_muted
        after = Membership(self.log, self.account, Role.MEMBER, Standing.INVITED, is_muted, by.account, by.device)
        return None, (put(transaction, room, before, after, by),)


class OpenDirect(Command[LogId], frozen=True):
    """The conversation with somebody, or with oneself for notes."""

    account: AccountId

    fills_disk: ClassVar[bool] = True

    def decide(self, transaction: Transaction, by: Authority) -> Decision[LogId]:
        by.check_person()
        other = known_account(transaction, self.account).id
        found = transaction.rooms.direct_between(by.account, other)
        if found is not None:
            return found.log, ()
        direct = transaction.rooms.open_direct(by.account, other)
        return direct.log, (DirectOpened(direct),)


def enter_lobby(transaction: Transaction, account: AccountId, context: Context, *, is_admin: bool) -> Sequence[Change]:
    """For a new account. The lobby is made for the first one, and belongs to admins only."""
    room = transaction.rooms.by_name(context.settings.lobby)
    changes: list[Change] = []
    if room is None:
        name = checked_room_name(context.settings.lobby)
        room = transaction.rooms.create(name, "", Access.OPEN, account, context.now_ms)
        changes.append(RoomChanged(room, is_new=True, cursors={}))
    after = Membership(room.log, account, Role.OWNER if is_admin else Role.MEMBER)
    transaction.rooms.put_membership(after)
    changes.append(MemberStepped(room, account, None, after, account, {}))
    return changes


# The room itself.


class SetTopic(Command[None], frozen=True):
    """Where nobody has founded a group. In one it is an entry that the server cannot read: `rights`."""

    log: LogId
    topic: str

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        room = _room(transaction, self.log)
        _check_rank(transaction, by, self.log, Role.MODERATOR, "Only moderators and owners set the topic here.")
        _check_plain_topic(transaction, by)
        return _alter(transaction, msgspec.structs.replace(room, topic=checked_topic(self.topic)))


class SetAccess(Command[None], frozen=True):
    log: LogId
    access: Access

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        room = _room(transaction, self.log)
        _check_rank(transaction, by, self.log, Role.OWNER, "Only an owner of the room says who may come in.")
        if transaction.groups.private_room(self.log) is not None:
            raise RequestRefused(
                RefusalCode.NOT_ALLOWED, f"{room.name} stays private: make another room for everybody."
            )
        room = msgspec.structs.replace(room, access=self.access)
        outcome, changes = _alter(transaction, room)
        note(transaction, by, Deed.ROOM_ACCESS, room=room.name, detail=self.access.value)
        hosts = {each.invited_by for each in transaction.rooms.members(self.log) if each.invited_by is not None}
        ended = [each for host in sorted(hosts) for each in end_invitations(transaction, host, by)]
        return outcome, [*changes, *ended]


class SetSlow(Command[None], frozen=True):
    """So many seconds between two messages of a member; 0: as many as they like."""

    log: LogId
    slow_s: int

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        room = _room(transaction, self.log)
        _check_rank(transaction, by, self.log, Role.MODERATOR, "Only moderators and owners make a room slow.")
        pace_s = checked_pace(self.slow_s)
        if pace_s == room.slow_s:
            return None, ()
        note(transaction, by, Deed.ROOM_SLOW, room=room.name, detail=pace_text(pace_s) if pace_s else "off")
        return _alter(transaction, msgspec.structs.replace(room, slow_s=pace_s))


class SetPinned(Command[None], frozen=True):
    """A pin names an entry by its place, and nothing of what it says."""

    log: LogId
    sequence: int
    is_pinned: bool

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        room = _room(transaction, self.log)
        _check_rank(transaction, by, self.log, Role.MODERATOR, "Only moderators and owners pin messages here.")
        if self.is_pinned is (self.sequence in room.pins):
            return None, ()
        if not self.is_pinned:
            left = tuple(each for each in room.pins if each != self.sequence)
            return _alter(transaction, msgspec.structs.replace(room, pins=left))
        if not 0 < self.sequence <= transaction.logs.heads([self.log])[self.log]:
            raise RequestRefused(RefusalCode.NOT_FOUND, f"There is no message {self.sequence} in {room.name}.")
        if len(room.pins) >= MAX_PINS:
            text = f"{MAX_PINS} messages are pinned here, which is all there may be. Take one off first."
            raise RequestRefused(RefusalCode.QUOTA_EXCEEDED, text)
        return _alter(transaction, msgspec.structs.replace(room, pins=(*room.pins, self.sequence)))


# Its members.


class SetRole(Command[None], frozen=True):
    log: LogId
    account: AccountId
    role: Role

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        known_account(transaction, self.account)
        room = _room(transaction, self.log)
        mine = _mine(transaction, by, self.log)
        _check_not_signed(transaction, room)
        other = transaction.rooms.membership(self.log, self.account)
        if other is None or not other.may_read:
            raise _not_in(room)
        if other.role is self.role:
            return None, ()
        if not (by.is_admin or (mine is not None and mine.may_give(self.role, other))):
            raise RequestRefused(RefusalCode.NOT_ALLOWED, "Only an owner of the room gives and takes rights.")
        if other.role is Role.OWNER and _owners(transaction, self.log) == 1:
            raise RequestRefused(RefusalCode.NOT_ALLOWED, "A room keeps an owner: make somebody else one first.")
        given_from = None if self.role is Role.MEMBER else by.device
        changed = put(
            transaction, room, other, msgspec.structs.replace(other, role=self.role, given_from=given_from), by
        )
        return None, [changed, *end_invitations(transaction, self.account, by)]


class SetMuted(Command[None], frozen=True):
    log: LogId
    account: AccountId
    is_muted: bool

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        room = _room(transaction, self.log)
        other = _moderated(transaction, by, self.log, self.account)
        if not other.may_read:
            raise _not_in(room)
        return None, (put(transaction, room, other, msgspec.structs.replace(other, is_muted=self.is_muted), by),)


class SendAway(Command[None], frozen=True):
    """Out of the room; to come back is not forbidden."""

    log: LogId
    account: AccountId

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        room = _room(transaction, self.log)
        other = _moderated(transaction, by, self.log, self.account)
        _check_not_signed(transaction, room)
        if other.is_banned or transaction.rooms.membership(self.log, self.account) is None:
            raise _not_in(room)
        changes = [let_go(transaction, room, other, by), *_inherit(transaction, room, other, by)]
        return None, [*changes, *end_invitations(transaction, self.account, by)]


class SetBannedFromRoom(Command[None], frozen=True):
    log: LogId
    account: AccountId
    is_banned: bool

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        room = _room(transaction, self.log)
        other = _moderated(transaction, by, self.log, self.account)
        before = transaction.rooms.membership(self.log, self.account)
        if self.is_banned and before is not None and before.may_read:
            _check_not_signed(transaction, room)
        if self.is_banned:
            after = Membership(self.log, self.account, Role.MEMBER, Standing.BANNED, other.is_muted)
            changes = [put(transaction, room, before, after, by), *_inherit(transaction, room, other, by)]
            return None, [*changes, *end_invitations(transaction, self.account, by)]
        if not other.is_banned:
            return None, ()
        transaction.rooms.drop_membership(self.log, self.account)
        return None, (stepped(transaction, room, before, None, by, self.account),)


def _room(view: View, log: LogId) -> Room:
    room = view.rooms.by_log(log)
    if room is None:
        raise _unknown_room()
    return room


def _check_not_signed(view: View, room: Room) -> None:
    """Who is in a private room of a group, and with what rights, its own members sign."""
    if view.groups.private_room(room.log) is not None:
        text = f"Who is in {room.name} is for its own members to say, by entries that they sign. Upgrade Lanline."
        raise RequestRefused(RefusalCode.NOT_ALLOWED, text)


def _check_plain_topic(view: View, by: Authority) -> None:
    state = by.context.groups.at(view)
    if state.is_founded or state.is_awaited:
        text = "The topics of a group are sealed, and this one was not. Try again, or upgrade Lanline on this device."
        raise RequestRefused(RefusalCode.NOT_ALLOWED, text)


def _rules(view: View, by: Authority, log: LogId) -> bool:
    """An admin of the server has a say in all rooms, but in a private room of a group."""
    return by.is_admin and view.groups.private_room(log) is None


def _unknown_room() -> RequestRefused:
    return RequestRefused(RefusalCode.UNKNOWN_CONVERSATION, "There is no such room, or you are not in it.")


def _not_in(room: Room) -> RequestRefused:
    return RequestRefused(RefusalCode.UNKNOWN_PERSON, f"They are not in {room.name}.")


def _mine(view: View, by: Authority, log: LogId) -> Membership | None:
    """Who is not in a room does not learn that there is one; an admin of the server may, but of a private room."""
    mine = view.rooms.membership(log, by.account)
    if not _rules(view, by, log) and (mine is None or not mine.may_read):
        raise _unknown_room()
    return mine


def _check_rank(view: View, by: Authority, log: LogId, least: Role, why_not: str) -> None:
    mine = _mine(view, by, log)
    if not (_rules(view, by, log) or (mine is not None and mine.role >= least)):
        raise RequestRefused(RefusalCode.NOT_ALLOWED, why_not)


def _moderated(view: View, by: Authority, log: LogId, account: AccountId) -> Membership:
    """The one who is to be muted, banned or let go; who was never in the room counts as its least member."""
    known_account(view, account)
    mine = _mine(view, by, log)
    other = view.rooms.membership(log, account) or Membership(log, account, standing=Standing.INVITED)
    if account == by.account:
        raise RequestRefused(RefusalCode.NOT_ALLOWED, "Not to yourself. You may leave the room.")
    if not (_rules(view, by, log) or (mine is not None and mine.may_moderate(other))):
        raise RequestRefused(RefusalCode.NOT_ALLOWED, "Only moderators and owners may do that, to those below them.")
    return other


def _owners(view: View, log: LogId) -> int:
    return sum(member.may_read and member.role is Role.OWNER for member in view.rooms.members(log))


def _inherit(transaction: Transaction, room: Room, gone: Membership, by: Authority) -> list[MemberStepped]:
    """A room whose last owner goes has another one."""
    heir = heir_of(transaction, room) if gone.role is Role.OWNER else None
    return [] if heir is None else [put(transaction, room, heir, msgspec.structs.replace(heir, role=Role.OWNER), by)]


def heir_of(view: View, room: Room) -> Membership | None:
    """A moderator, or whoever has been on the server longest."""
    members = [member for member in view.rooms.members(room.log) if member.may_read and may_rule(view, member)]
    if not members or any(member.role is Role.OWNER for member in members):
        return None
    return min(members, key=lambda member: (-member.role, member.account))


def _alter(transaction: Transaction, room: Room) -> Decision[None]:
    transaction.rooms.change(room)
    return None, (RoomChanged(room, is_new=False, cursors=transaction.logs.cursors(room.log)),)
