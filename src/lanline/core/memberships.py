"""Owns how people step into and out of rooms: what is written and told, and the invitations that end with a right.

Not who may ask for it, which `rooms` owns.
"""

from __future__ import annotations

from lanline.core.changes import Cursors, MemberStepped
from lanline.core.commands import Authority
from lanline.core.journal import note
from lanline.model.accounts import AccountId, Device
from lanline.model.journal import Deed
from lanline.model.rooms import Access, Membership, Role, Room, Standing
from lanline.storage.api import Transaction, View


def put(
    transaction: Transaction, room: Room, before: Membership | None, after: Membership, by: Authority
) -> MemberStepped:
    transaction.rooms.put_membership(after)
    return stepped(transaction, room, before, after, by)


def let_go(transaction: Transaction, room: Room, before: Membership, by: Authority) -> MemberStepped:
    """Who is muted stays so, and does not come back with a voice by leaving; an open room lets everybody back."""
    if before.is_muted and room.access is Access.OPEN:
        after = Membership(room.log, before.account, Role.MEMBER, Standing.INVITED, is_muted=True)
        return put(transaction, room, before, after, by)
    transaction.rooms.drop_membership(room.log, before.account)
    return stepped(transaction, room, before, None, by)


def stepped(
    transaction: Transaction,
    room: Room,
    before: Membership | None,
    after: Membership | None,
    by: Authority,
    account: AccountId | None = None,
    *,
    is_noted: bool = True,
) -> MemberStepped:
    stands = after or before
    number = stands.account if stands is not None else account
    assert number is not None
    if is_noted:
        _note(transaction, room, number, before, after, by)
    cursors: Cursors = {}
    if after is not None and after.may_read:
        devices = transaction.accounts.devices(number)
        cursors = {each.id: transaction.logs.cursor(room.log, each.id) for each in devices}
    return MemberStepped(room, number, before, after, by.account, cursors)


def _note(
    transaction: Transaction,
    room: Room,
    account: AccountId,
    before: Membership | None,
    after: Membership | None,
    by: Authority,
) -> None:
    """What is done to others: who comes and goes by themselves would fill the journal."""
    deed, detail = _deed(before or Membership(room.log, account, standing=Standing.INVITED), after)
    if deed is not None and account != by.account:
        found = transaction.accounts.by_id(account)
        note(transaction, by, deed, "" if found is None else found.name, room.name, detail)


def _deed(before: Membership, after: Membership | None) -> tuple[Deed | None, str]:
    is_banned, may_read = after is not None and after.is_banned, after is not None and after.may_read
    if is_banned is not before.is_banned:
        return Deed.ROOM_BANNED if is_banned else Deed.ROOM_UNBANNED, ""
    if before.may_read and not may_read:
        return Deed.ROOM_SENT_OUT, ""
    if after is None or not before.may_read:
        return None, ""
    if after.role is not before.role:
        return Deed.ROOM_ROLE, f"from {before.role.name.lower()} to {after.role.name.lower()}"
    if after.is_muted is not before.is_muted:
        return Deed.ROOM_MUTED if after.is_muted else Deed.ROOM_UNMUTED, ""
    return None, ""


def may_rule(view: View, member: Membership) -> bool:
    """Who is banned from the server is in its rooms still, and comes back to them when the ban is lifted."""
    account = view.accounts.by_id(member.account)
    return account is not None and not account.is_banned


def may_join(view: View, room: Room, before: Membership | None) -> bool:
    if before is not None and before.is_banned:
        return False
    if room.access is Access.OPEN:
        return True
    return before is not None and is_invited(view, room, before)


def is_invited(view: View, room: Room, member: Membership) -> bool:
    """By somebody who may still invite people."""
    return member.invited_by is not None and _is_host(view, room, member.invited_by)


def _is_host(view: View, room: Room, account: AccountId) -> bool:
    """An invitation is worth what its maker may do when it is used."""
    host = view.rooms.membership(room.log, account)
    return host is not None and host.may_invite(room) and may_rule(view, host)


def end_invitations_from(transaction: Transaction, device: Device, by: Authority) -> list[MemberStepped]:
    """Whoever has stolen it may have invited people to rooms with it."""
    ended: list[MemberStepped] = []
    for each in transaction.rooms.invitations(device.account):
        room = transaction.rooms.by_log(each.log)
        if room is not None and each.given_from == device.id:
            ended.append(let_go(transaction, room, each, by))
    return ended


def end_invitations(transaction: Transaction, host: AccountId, by: Authority) -> list[MemberStepped]:
    """To those rooms to which this account may invite nobody any more."""
    ended: list[MemberStepped] = []
    for each in transaction.rooms.invitations(host):
        room = transaction.rooms.by_log(each.log)
        if room is not None and not _is_host(transaction, room, host):
            ended.append(let_go(transaction, room, each, by))
    return ended
