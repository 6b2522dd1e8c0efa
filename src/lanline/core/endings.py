"""Owns the deletion of accounts and rooms: what is deleted with them, and what stays.

An account stays as the author of what it said, and nobody is it any more. Of a room nothing stays; its entries go bit
by bit (`housekeeping`), since all at once they would keep everybody from writing.
"""

from __future__ import annotations

import msgspec

from lanline.core.accounts import check_others_rule, rules
from lanline.core.changes import AccountChanged, Change, ConversationEnded, DeviceChanged
from lanline.core.commands import Authority, Command, Decision, known_account, unknown_conversation
from lanline.core.heldnames import hold, hold_for_good
from lanline.core.journal import note
from lanline.core.keyentries import forget_request, take_entry
from lanline.core.memberships import end_invitations, stepped
from lanline.core.rooms import heir_of
from lanline.errors import RefusalCode, RequestRefused
from lanline.model.accounts import Account, AccountId
from lanline.model.journal import Deed
from lanline.model.logs import LogId
from lanline.model.names import folded_name
from lanline.model.rooms import Role
from lanline.storage.api import Transaction


class DeleteAccount(Command[None], frozen=True):
    """One's own, or as an admin another's."""

    account: AccountId
    content: bytes = b""
    """The entry by which a member of the group leaves it. Who has left may say nothing more, so both go together."""
    reason: str = ""
    """For the journal."""

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        if self.account != by.account:
            by.check_admin()
        before = known_account(transaction, self.account)
        changes: list[Change] = []
        if self.content:
            changes += take_entry(transaction, by, self.content)
            if by.context.groups.at(transaction).member_of(transaction, self.account) is not None:
                raise RequestRefused(RefusalCode.INVALID, "The entry does not take this account out of the group.")
        # That entry has banned the account; what it is in the end is told once.
        changes = [each for each in changes if not _is_of(each, self.account)]
        return None, [*changes, *end_account(transaction, by, before, self.reason)]


class DeleteSilent(Command[None], frozen=True):
    """Accounts that nobody has used for long. Who is an admin by now stays."""

    accounts: tuple[AccountId, ...]
    reason: str

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        by.check_admin()
        changes: list[Change] = []
        for account in self.accounts:
            before = transaction.accounts.by_id(account)
            if before is not None and not before.is_ended and not before.is_admin:
                changes += end_account(transaction, by, before, self.reason)
        return None, changes


def _is_of(change: Change, account: AccountId) -> bool:
    return isinstance(change, AccountChanged) and change.account.id == account


def end_account(transaction: Transaction, by: Authority, before: Account, reason: str) -> list[Change]:
    account, now_ms = before.id, by.context.now_ms
    if rules(before) and not by.actor.is_operator:
        check_others_rule(transaction, account)
    note(transaction, by, Deed.ACCOUNT_DELETED, before.name, detail=reason)
    changes: list[Change] = [*_leave_rooms(transaction, by, account)]
    notes = transaction.rooms.direct_between(account, account)
    if notes is not None:
        transaction.rooms.end(notes.log)
        changes.append(ConversationEnded(notes.log, "", (account,)))
    transaction.invites.drop_all(creator=account)
    forget_request(transaction, account)
    for offer in transaction.devices.offers(account):
        transaction.devices.drop_offer(offer.shown_hash)
    transaction.accounts.end(account, now_ms)
    hold(transaction, before.name, by.context)
    after = transaction.accounts.by_id(account)
    assert after is not None
    return [AccountChanged(after), *changes, *map(DeviceChanged, transaction.accounts.devices(account))]


def _leave_rooms(transaction: Transaction, by: Authority, account: AccountId) -> list[Change]:
    changes: list[Change] = []
    for mine in transaction.rooms.of(account):
        room = transaction.rooms.by_log(mine.log)
        assert room is not None
        transaction.rooms.drop_membership(room.log, account)
        changes.append(stepped(transaction, room, mine, None, by, is_noted=False))
        if transaction.groups.private_room(room.log) is not None:  # of these its members sign who owns it
            continue
        heir = heir_of(transaction, room) if mine.role is Role.OWNER else None
        if heir is not None:
            owner = msgspec.structs.replace(heir, role=Role.OWNER)
            transaction.rooms.put_membership(owner)
            changes.append(stepped(transaction, room, heir, owner, by))
    return [*changes, *end_invitations(transaction, account, by)]


class DeleteRoom(Command[None], frozen=True):
    """By an admin of the server, who need not be in it."""

    log: LogId

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        by.check_admin()
        room = transaction.rooms.by_log(self.log)
        if room is None:
            raise unknown_conversation()
        if folded_name(room.name) == folded_name(by.context.settings.lobby):
            text = (
                f"Everybody who joins comes into {room.name}: it stays. Name another room in the setting 'lobby' first."
            )
            raise RequestRefused(RefusalCode.NOT_ALLOWED, text)
        note(transaction, by, Deed.ROOM_DELETED, room=room.name)
        readers = tuple(each.account for each in transaction.rooms.members(room.log) if each.may_read)
        is_signed = transaction.groups.private_room(room.log) is not None
        transaction.rooms.end(room.log)
        if is_signed:
            hold_for_good(transaction, room.name)
        else:
            hold(transaction, room.name, by.context)
        return None, (ConversationEnded(room.log, room.name, readers),)
