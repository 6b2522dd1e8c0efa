"""Owns how the server's own table of who is in a private room follows what its members have signed. Not their rules."""

from __future__ import annotations

from collections.abc import Sequence

from lanline.chain.rooms import ChainRoom
from lanline.core.changes import Change
from lanline.core.commands import Authority
from lanline.core.groupstate import GroupState
from lanline.core.memberships import put, stepped
from lanline.model.accounts import AccountId
from lanline.model.logs import LogId
from lanline.model.rooms import Access, Membership, Role, Room, Standing
from lanline.storage.api import Transaction


def follow_members(
    transaction: Transaction,
    by: Authority,
    state: GroupState,
    log: LogId,
    before: ChainRoom | Sequence[AccountId],
    after: ChainRoom,
) -> list[Change]:
    """`before`: of a room that is founded just now, those who go where its entry does not name them."""
    room = transaction.rooms.by_log(log)
    assert room is not None
    wanted = {
        account: Role(role + 1)
        for account_id, role in after.members.items()
        if (account := state.account_of(transaction, account_id)) is not None
    }
    if isinstance(before, ChainRoom):
        accounts = (state.account_of(transaction, each) for each in before.members.keys() - after.members.keys())
        gone = {account for account in accounts if account is not None}
    else:
        gone = set(before) - wanted.keys()
    changes: list[Change] = [_without(transaction, by, room, account) for account in sorted(gone)]
    for account, role in wanted.items():
        stands = transaction.rooms.membership(log, account)
        is_muted = stands is not None and stands.is_muted
        now = Membership(log, account, role, Standing.JOINED, is_muted)
        if stands != now:
            changes.append(put(transaction, room, stands, now, by))
    return changes


def left_out(transaction: Transaction, state: GroupState, room: Room) -> list[AccountId]:
    """Who has to go from a room that becomes private, unless they are named.

    Who was in a room by invitation from before the group stays on its list until they are in the group, and its owner
    lets them in.
    """
    were = [each.account for each in transaction.rooms.members(room.log) if not each.is_banned]
    return [each for each in were if room.access is Access.OPEN or state.member_of(transaction, each) is not None]


def _without(transaction: Transaction, by: Authority, room: Room, account: AccountId) -> Change:
    stands = transaction.rooms.membership(room.log, account)
    transaction.rooms.drop_membership(room.log, account)
    return stepped(transaction, room, stands, None, by, account)


def follow_group(transaction: Transaction, by: Authority, before: GroupState, after: GroupState) -> list[Change]:
    """Who leaves the group leaves its rooms, and they get their heirs."""
    changes: list[Change] = []
    for log in transaction.groups.private_rooms():
        room = by.context.groups.room_at(transaction, log)
        known = None if room is None else _members_before(before, after, room)
        if room is not None and known is not None:
            changes += _followed(transaction, by, before, log, known, room)
    return changes


def _members_before(before: GroupState, after: GroupState, room: ChainRoom) -> set[bytes] | None:
    """Those who were in until this entry, where any of them has gone."""
    gone = set(before.chain.names.values()) - set(after.chain.names.values())
    were = {each for each in gone if room.reads_at(each, before.chain.height)}
    return were or None


def _followed(
    transaction: Transaction, by: Authority, before: GroupState, log: LogId, gone: set[bytes], room: ChainRoom
) -> list[Change]:
    stands = transaction.rooms.by_log(log)
    assert stands is not None
    accounts = [account for each in gone if (account := before.account_of(transaction, each)) is not None]
    changes: list[Change] = [_without(transaction, by, stands, account) for account in sorted(accounts)]
    for account_id, role in room.members.items():
        account = before.account_of(transaction, account_id)
        member = None if account is None else transaction.rooms.membership(log, account)
        if member is not None and member.may_read and member.role != role + 1:
            now = Membership(log, member.account, Role(role + 1), member.standing, member.is_muted)
            changes.append(put(transaction, stands, member, now, by))
    return changes
