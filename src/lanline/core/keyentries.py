"""Owns how entries of the chain are taken: on its head only, those that hold, from whom they may come.

In the transaction that appends, and with it go what the server itself keeps of the same: admins, bans, invites.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import ClassVar, NamedTuple

import msgspec

from lanline.chain.offers import Coming, Offer, invites_lost, judge_offer, judge_request, keys_of_request
from lanline.chain.reasons import Reason
from lanline.chain.rooms import ChainRoom
from lanline.chain.state import Chain
from lanline.core import accounts
from lanline.core.changes import Appended, ChainGrew, Change, RequestLeft
from lanline.core.commands import Authority, Command, Decision
from lanline.core.groupstate import KEY_SUITE, GroupState
from lanline.core.history import check_not_gathering
from lanline.core.invites import note_made
from lanline.core.journal import note
from lanline.core.privatemembers import follow_group
from lanline.errors import RefusalCode, RequestRefused
from lanline.model.accounts import AccountId
from lanline.model.devices import DeviceOffer
from lanline.model.groups import FOR_DEVICE, EntryRequest
from lanline.model.invites import Invite
from lanline.model.journal import Deed
from lanline.model.logs import ENTRY_ID_BYTES, Entry, LogId, NewEntry
from lanline.storage.api import Transaction, View

MAX_ASKEW_MS = 5 * 60 * 1000
_MAX_UNNAMED_KEYS = 128
_MAX_REQUESTS = 100
BOXES_WAIT_MS = 10 * 60 * 1000
_KEYS_WAIT_MS = 3600 * 1000
_REQUESTS_WAIT_MS = 30 * 24 * 3600 * 1000


class KeyPlace(NamedTuple):
    log: LogId
    sequence: int
    height: int


class PutKeys(Command[None], frozen=True):
    """Sealing keys, before the entry or the request that names their hashes."""

    keys: dict[bytes, bytes]

    fills_disk: ClassVar[bool] = True

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        check_unnamed_keys(transaction, by, len(self.keys))
        transaction.groups.put_keys(self.keys, by.account, by.context.now_ms)
        name_lost_keys(transaction, by, self.keys.keys())
        return None, ()


def check_unnamed_keys(transaction: Transaction, by: Authority, count: int) -> None:
    """Before so many more. Raises RequestRefused."""
    by.check_person()
    _drop_stale(transaction, by.context.now_ms)
    if transaction.groups.unnamed_keys(by.account) + count > _MAX_UNNAMED_KEYS:
        raise RequestRefused(RefusalCode.QUOTA_EXCEEDED, "You have brought many keys that nothing names. Wait.")


def name_lost_keys(transaction: Transaction, by: Authority, hashes: Collection[bytes]) -> None:
    """By a server that was put back to an older state: they are kept as those before."""
    lost = _named_by(by.context.groups.at(transaction).chain, hashes)
    if lost:
        transaction.groups.name_keys(lost)


def _named_by(chain: Chain, hashes: Collection[bytes]) -> list[bytes]:
    """Those that stand in the chain, for good."""
    generations = [each for account in chain.accounts.values() for each in account.generations]
    named = [each.seal_hash for each in chain.devices.values()] + [each.seal_hash for each in generations]
    named += [each.rsa[1] for each in generations if each.rsa is not None]
    return [each for each in named if each in hashes]


class AppendKey(Command[KeyPlace], frozen=True):
    content: bytes

    fills_disk: ClassVar[bool] = True

    def decide(self, transaction: Transaction, by: Authority) -> Decision[KeyPlace]:
        place, _, changes = _take(transaction, by, self.content)
        return place, changes


class AddRecovery(Command[KeyPlace], frozen=True):
    """The entry, and what the bearer of the key will show to come in as a device of the account: both or neither."""

    content: bytes
    shown_hash: bytes

    fills_disk: ClassVar[bool] = True

    def decide(self, transaction: Transaction, by: Authority) -> Decision[KeyPlace]:
        place, offer, changes = _take(transaction, by, self.content)
        if offer is None:
            return place, changes
        if offer.new_recovery is None or transaction.devices.offer(self.shown_hash) is not None:
            raise RequestRefused(RefusalCode.INVALID, "The entry adds no recovery key.")
        transaction.devices.put_offer(DeviceOffer(self.shown_hash, by.account, None, offer.new_recovery))
        return place, changes


class MakeGroupInvite(Command[KeyPlace], frozen=True):
    """The entry, and what its bearer will show: both or neither."""

    content: bytes
    shown_hash: bytes

    fills_disk: ClassVar[bool] = True

    def decide(self, transaction: Transaction, by: Authority) -> Decision[KeyPlace]:
        place, offer, changes = _take(transaction, by, self.content)
        if offer is None:  # it stands since before: the answer to it was lost
            return place, changes
        made = offer.invite
        if made is None:
            raise RequestRefused(RefusalCode.INVALID, "The entry makes no invite.")
        now_ms = by.context.now_ms
        kept = Invite(
            self.shown_hash, made.uses, made.until_ms, made.grants_admin, by.account, now_ms, made.id, by.device
        )
        transaction.invites.add(kept)
        note_made(transaction, by, kept)
        return place, changes


def take_entry(transaction: Transaction, by: Authority, content: bytes) -> list[Change]:
    """As a part of something else."""
    return _take(transaction, by, content)[2]


def _take(transaction: Transaction, by: Authority, content: bytes) -> tuple[KeyPlace, Offer | None, list[Change]]:
    """Without an offer: it stands there already."""
    by.check_person()
    state = by.context.groups.at(transaction)
    entry_id = hashlib.sha256(content).digest()[:ENTRY_ID_BYTES]
    stands = transaction.logs.find(state.log, by.account, entry_id)
    if stands is not None:
        return KeyPlace(state.log, stands.sequence, 0), None, []
    check_not_gathering(transaction)
    offer = judge_offer(state.chain, content)
    if isinstance(offer, Reason):
        raise does_not_hold(offer)
    _check_author(transaction, by, state, offer)
    _check_keys(transaction, offer.keys)
    _check_seeds(transaction, by, offer)
    _check_rsa_key(transaction, offer)
    log = state.log if state.is_founded else transaction.groups.found()
    device, now_ms = by.actor.device, by.context.now_ms
    entry = NewEntry(log, entry_id, by.account, device, now_ms, KEY_SUITE, content)
    [at] = transaction.logs.append([entry])
    transaction.groups.move_chain(offer.chain.height, offer.chain.head)
    after = by.context.groups.keep(GroupState(log, offer.chain))
    changes: list[Change] = follow_chain(transaction, by, state, after)
    changes += _end_devices(transaction, by, offer)
    committed = Entry(log, at.sequence, entry_id, by.account, device, at.time_ms, KEY_SUITE, content)
    changes += [Appended(log, at.sequence, [committed]), ChainGrew(after)]
    return KeyPlace(log, at.sequence, offer.chain.height), offer, changes


def check_whole(room: ChainRoom) -> None:
    """Raises RequestRefused where a restored server waits for entries of it."""
    if room.lacking:
        text = "The server has lost who is in this room, and waits for somebody of it. It goes on by itself."
        raise RequestRefused(RefusalCode.SLOW_DOWN, text, 5.0)


def does_not_hold(reason: Reason) -> RequestRefused:
    if reason is Reason.PLACE:
        text = "Somebody else has changed the group meanwhile. Look at what it is now."
        return RequestRefused(RefusalCode.STALE_CHAIN, text)
    return RequestRefused(RefusalCode.INVALID, f"The server does not take this entry: {reason.value}.")


def _check_author(transaction: Transaction, by: Authority, state: GroupState, offer: Offer) -> None:
    if abs(offer.time_ms - by.context.now_ms) > MAX_ASKEW_MS:
        text = "The clock of this device is more than five minutes off that of the server. Set it, and try again."
        raise RequestRefused(RefusalCode.INVALID, text)
    if offer.coming is Coming.FOUNDS and not by.is_admin:
        raise RequestRefused(RefusalCode.NOT_ALLOWED, "Only an admin of this server founds its group.")
    if not offer.new_link:
        return
    device = transaction.accounts.device_by_fingerprint(offer.new_link)
    comes_itself = offer.coming in {Coming.FOUNDS, Coming.JOINS}
    if device is None or device.is_revoked or (comes_itself and device.id != by.actor.device):
        raise RequestRefused(RefusalCode.UNKNOWN_DEVICE, "The device that comes in has not signed in here itself.")
    if offer.coming is Coming.DEVICE:
        is_theirs = offer.of_account is not None and state.account_of(transaction, offer.of_account) == by.account
        if device.account != by.account or not is_theirs:
            raise RequestRefused(RefusalCode.NOT_ALLOWED, "The new device has signed in as somebody else.")
        return
    _check_newcomer(transaction, state, device.account, offer.name)


def _check_newcomer(view: View, state: GroupState, account: AccountId, name: str) -> None:
    """The server's account has the letters of its name checked, and nobody is in the group twice."""
    found = view.accounts.by_id(account)
    if found is None or found.name != name:
        raise RequestRefused(RefusalCode.INVALID, "In the group one has the same name as on the server.")
    if state.member_of(view, account) is not None:
        raise RequestRefused(RefusalCode.INVALID, f"{name} is in the group already.")


def _check_keys(transaction: Transaction, keys: tuple[bytes, ...], putter: AccountId | None = None) -> None:
    if len(transaction.groups.keys(keys)) < len(set(keys)):
        raise RequestRefused(RefusalCode.NOT_FOUND, "The sealing keys that are named have not come.")
    transaction.groups.name_keys(keys, putter)


def _check_rsa_key(transaction: Transaction, offer: Offer) -> None:
    if offer.rsa_hash is None:
        return
    if transaction.groups.rsa_half(offer.rsa_hash) is None:
        raise RequestRefused(RefusalCode.NOT_FOUND, "The RSA key that is named has not come.")
    transaction.groups.name_keys((offer.rsa_hash,))


def _check_seeds(transaction: Transaction, by: Authority, offer: Offer) -> None:
    """A new generation reaches every device that stays: otherwise one locks the others out without a word."""
    if offer.turn is None:
        return
    account_id, number, place = offer.turn
    given = transaction.groups.recipients(by.account, account_id, place)
    if any((FOR_DEVICE, each, number) not in given for each in offer.chain.accounts[account_id].devices):
        raise RequestRefused(RefusalCode.INVALID, "The new key was not sealed to every device that stays.")


# What the server itself keeps of the same.


def _end_devices(transaction: Transaction, by: Authority, offer: Offer) -> list[Change]:
    """Those that the entry takes out of their account: their links end, and what they had left here."""
    changes: list[Change] = []
    for device_id in offer.gone_devices:
        gone = offer.chain.devices[device_id]
        device = transaction.accounts.device_by_fingerprint(gone.link_fingerprint)
        if device is not None and not device.is_revoked:
            changes += accounts.revoke_device(transaction, by, device)
        for each in transaction.devices.offers(by.account):
            if each.recovery_id == device_id:
                transaction.devices.drop_offer(each.shown_hash)
    return changes


def follow_chain(transaction: Transaction, by: Authority, before: GroupState, after: GroupState) -> list[Change]:
    """Whoever rules the group rules the server, and who has ended there does not come back here."""
    changes = _move_admins(transaction, by, before, after)
    gone = set(before.chain.names.values()) - set(after.chain.names.values())
    for account_id in gone:
        account = before.account_of(transaction, account_id)
        if account is not None:
            changes += _set(transaction, by, account, is_banned=True)
    for account_id in set(after.chain.names.values()) - set(before.chain.names.values()):
        account = after.account_of(transaction, account_id)
        if account is not None:
            _note_come(transaction, by, account)
    if gone:
        changes += follow_group(transaction, by, before, after)
    lost = invites_lost(before.chain, after.chain)
    if lost:
        transaction.invites.drop_of_group(lost)
    return changes


def _note_come(transaction: Transaction, by: Authority, account: AccountId) -> None:
    transaction.groups.drop_request(account)
    if account != by.account and not by.actor.is_operator:  # that one has brought back what others did
        note(transaction, by, Deed.ADMITTED, _name(transaction, account))


def _move_admins(transaction: Transaction, by: Authority, before: GroupState, after: GroupState) -> list[Change]:
    changes: list[Change] = []
    for account_id in after.chain.admins - before.chain.admins:
        account = after.account_of(transaction, account_id)
        if account is not None:
            changes += _set(transaction, by, account, is_admin=True)
    for account_id in before.chain.admins - after.chain.admins:
        account = before.account_of(transaction, account_id)
        if account is not None:
            changes += _set(transaction, by, account, is_admin=False)
    return changes


def _set(transaction: Transaction, by: Authority, account: AccountId, **flags: bool) -> list[Change]:
    found = transaction.accounts.by_id(account)
    assert found is not None
    changed = msgspec.structs.replace(found, **flags)
    if changed == found:
        return []
    _, changes = accounts.alter(transaction, by, found, changed, "you are not in the group any more")
    return list(changes)


# Asking to be let in.


class LeaveRequest(Command[None], frozen=True):
    joiner: bytes
    signature: bytes

    fills_disk: ClassVar[bool] = True

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        by.check_person()
        state = by.context.groups.at(transaction)
        asking = judge_request(state.chain, self.joiner, self.signature)
        if not state.is_founded or isinstance(asking, Reason):
            raise does_not_hold(asking if isinstance(asking, Reason) else Reason.GROUP)
        device = transaction.accounts.device(by.actor.device)
        if device is None or device.fingerprint != asking.new_link:
            raise RequestRefused(RefusalCode.INVALID, "The request is of another device.")
        _check_newcomer(transaction, state, by.account, asking.name)
        now_ms = by.context.now_ms
        _drop_stale(transaction, now_ms)
        _check_room_for_request(transaction, state, by.account)
        forget_request(transaction, by.account)
        _check_keys(transaction, asking.keys, by.account)
        request = EntryRequest(by.account, self.joiner, self.signature, now_ms)
        transaction.groups.put_request(request)
        return None, (RequestLeft(request),)


def _check_room_for_request(view: View, state: GroupState, account: AccountId) -> None:
    """Who was on the server before its group takes nobody's place: they all ask at once."""
    founded_ms = view.logs.after(state.log, 0, 1)[0].time_ms
    new = [each.account for each in view.groups.requests() if not _is_from_before(view, each.account, founded_ms)]
    if account not in new and len(new) >= _MAX_REQUESTS and not _is_from_before(view, account, founded_ms):
        raise RequestRefused(RefusalCode.QUOTA_EXCEEDED, "Many wait to be let in already. Ask an admin.")


def _is_from_before(view: View, account: AccountId, founded_ms: int) -> bool:
    found = view.accounts.by_id(account)
    return found is not None and found.created_ms < founded_ms


def forget_request(transaction: Transaction, account: AccountId) -> None:
    """With its sealing keys, or whoever asks again and again would fill the disk with them."""
    request = transaction.groups.request(account)
    if request is not None:
        transaction.groups.unname_keys(keys_of_request(request.joiner), account)
        transaction.groups.drop_request(account)


def _drop_stale(transaction: Transaction, now_ms: int) -> None:
    for request in transaction.groups.requests():
        if request.left_ms < now_ms - _REQUESTS_WAIT_MS:
            forget_request(transaction, request.account)
    transaction.groups.drop_stale(now_ms - BOXES_WAIT_MS, now_ms - _KEYS_WAIT_MS)


class RefuseRequest(Command[None], frozen=True):
    account: AccountId

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        by.check_admin()
        forget_request(transaction, self.account)
        note(transaction, by, Deed.TURNED_DOWN, _name(transaction, self.account))
        return None, ()


def _name(view: View, account: AccountId) -> str:
    found = view.accounts.by_id(account)
    return "" if found is None else found.name


def list_requests(view: View, by: Authority) -> list[EntryRequest]:
    by.check_admin()
    oldest_ms = by.context.now_ms - _REQUESTS_WAIT_MS
    return [each for each in view.groups.requests() if each.left_ms >= oldest_ms]
