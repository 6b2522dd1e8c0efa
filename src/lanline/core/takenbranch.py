"""Owns how what members have brought of the chain is taken, all in one transaction, and what the server mends by it.

Accounts and devices that were lost with the chain's entries are made again from it: each link is known by its
fingerprint there. They have no password: an admin gives them a new one (`lanline admin password`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from lanline.chain.branches import lengthened
from lanline.chain.offers import signed_by
from lanline.chain.reasons import Reason
from lanline.chain.state import Chain
from lanline.core import accounts
from lanline.core.changes import AccountChanged, Appended, ChainGrew, Change, DeviceChanged
from lanline.core.commands import Authority, Command, Decision
from lanline.core.endings import end_account
from lanline.core.groupstate import KEY_SUITE, STUB_SUITE, GroupState
from lanline.core.history import CHAIN_SETTING
from lanline.core.keyentries import follow_chain
from lanline.core.roomentries import holding
from lanline.core.rooms import enter_lobby
from lanline.errors import NameTaken, RecordExists, RefusalCode, RequestRefused
from lanline.model.accounts import AccountId, DeviceId
from lanline.model.journal import Deed, NewJournalEntry
from lanline.model.logs import ENTRY_ID_BYTES, Entry, NewEntry
from lanline.storage.api import Transaction, View

Item = tuple[str, bytes]
_NOBODY = AccountId(0), DeviceId(0)


class TakeBranch(Command[None], frozen=True):
    height: int
    head: bytes
    """Of the chain that these follow on."""
    items: tuple[Item, ...]
    vouched: int
    """Two accounts are on it up to this height. Above it a stub counts only if its entry came in full, and holds."""
    in_full: tuple[bytes, ...] = ()
    """Entries of private rooms that members have brought."""

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        before = by.context.groups.at(transaction)
        if not before.chain.holds(self.height, self.head) or before.chain.height != self.height:
            raise RequestRefused(RefusalCode.STALE_CHAIN, "The group has changed meanwhile.")
        chain = _lengthened(before.chain, self.items)
        items = self.items[: self._through(transaction, chain) - self.height]
        if len(items) < len(self.items):
            chain = _lengthened(before.chain, items)
        if items or transaction.settings.get(CHAIN_SETTING) != chain.head:
            detail = f"{len(items)} entries of the group that members have brought" if items else "nothing"
            transaction.journal.add(NewJournalEntry(by.context.now_ms, Deed.CHAIN_TAKEN, detail=detail))
        transaction.settings.put(CHAIN_SETTING, chain.head)
        if not items:
            return None, ()
        changes = _append(transaction, by, before, chain, items)
        after = by.context.groups.keep(GroupState(before.log, chain))
        changes += _make_again(transaction, by, after)
        changes += follow_chain(transaction, by, before, after)
        changes += _end_devices(transaction, by, chain)
        return None, [*changes, ChainGrew(after)]

    def _through(self, view: View, chain: Chain) -> int:
        """The height before the first stub that whoever brings it may have made up."""
        items = enumerate(self.items, self.height + 1)
        doubted = {at for at, (suite, _) in items if suite == STUB_SUITE and at > self.vouched}
        made_up = doubted - holding(view, chain, self.in_full) if doubted else ()
        return min(made_up, default=chain.height + 1) - 1


def _lengthened(chain: Chain, items: Sequence[Item]) -> Chain:
    after = lengthened(chain, items)
    if isinstance(after, Reason):
        raise RequestRefused(RefusalCode.INVALID, f"What is offered does not hold: {after.value}.")
    return after


def _append(
    transaction: Transaction, by: Authority, state: GroupState, chain: Chain, items: Sequence[Item]
) -> list[Change]:
    now_ms = by.context.now_ms
    new = []
    for suite, content in items:
        author = _author(transaction, chain, suite, content)
        new.append(NewEntry(state.log, _id_of(content), author, _NOBODY[1], now_ms, suite, content))
    places = transaction.logs.append(new)
    transaction.groups.move_chain(chain.height, chain.head)
    told = [
        Entry(each.log, at.sequence, each.entry_id, each.account, each.device, at.time_ms, each.suite, each.content)
        for each, at in zip(new, places, strict=True)
    ]
    return [Appended(state.log, told[-1].sequence, told)]


def _author(view: View, chain: Chain, suite: str, content: bytes) -> AccountId:
    """Under whom it is found again when its author, to whom the answer was lost, brings it once more."""
    if suite != KEY_SUITE:
        return _NOBODY[0]
    device = chain.devices[signed_by(content)]
    known = view.accounts.device_by_fingerprint(device.link_fingerprint)
    return _NOBODY[0] if known is None else known.account


def _id_of(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()[:ENTRY_ID_BYTES]


def _make_again(transaction: Transaction, by: Authority, state: GroupState) -> list[Change]:
    changes: list[Change] = []
    for account_id in state.chain.names.values():
        number = state.account_of(transaction, account_id)
        if number is None:
            number, made = _make_account(transaction, by, state.chain, account_id)
            changes += made
        for each in state.chain.live_devices(account_id):
            device = state.chain.devices[each]
            is_known = transaction.accounts.device_by_fingerprint(device.link_fingerprint) is not None
            if not is_known:
                added = transaction.accounts.add_device(number, device.link_fingerprint, by.context.now_ms)
                changes.append(DeviceChanged(added))
    return changes


def _make_account(
    transaction: Transaction, by: Authority, chain: Chain, account_id: bytes
) -> tuple[AccountId, list[Change]]:
    name, now_ms = chain.accounts[account_id].name.decode(), by.context.now_ms
    changes: list[Change] = []
    stranger = next((each for each in transaction.accounts.all() if each.name == name and not each.is_ended), None)
    if stranger is not None:  # not in the group, or it would be this one: when the name was given away it was gone
        changes += end_account(transaction, by, stranger, "the name is that of a member of the group")
    try:
        account = transaction.accounts.add(name, now_ms, is_admin=False, password_hash=None)
    except (NameTaken, RecordExists) as taken:
        raise RequestRefused(RefusalCode.NAME_TAKEN, f"The name {name} of a member is taken: {taken}") from taken
    changes.append(AccountChanged(account, is_new=True))
    return account.id, [*changes, *enter_lobby(transaction, account.id, by.context, is_admin=False)]


def _end_devices(transaction: Transaction, by: Authority, chain: Chain) -> list[Change]:
    changes: list[Change] = []
    for device_id, each in chain.devices.items():
        device = transaction.accounts.device_by_fingerprint(each.link_fingerprint)
        is_over = chain.live_device(device_id) is None and chain.is_member(each.account)
        if is_over and device is not None and not device.is_revoked:
            changes += accounts.revoke_device(transaction, by, device)
    return changes
