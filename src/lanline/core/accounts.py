"""Owns all accounts and devices, in memory because every link needs them, and the rules that change them.

Moved by the stream of changes alone. Not how one becomes an account, which `signin` owns.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from lanline.core.changes import AccountChanged, Change, DeviceChanged, Handlers, MemberStepped
from lanline.core.commands import Authority, Command, Decision, known_account, not_an_admin, unknown_person
from lanline.core.journal import note
from lanline.core.memberships import end_invitations, end_invitations_from
from lanline.errors import RefusalCode, RequestRefused
from lanline.model.accounts import Account, AccountId, Device, DeviceId
from lanline.model.journal import Deed
from lanline.model.names import folded_name
from lanline.model.rooms import Role
from lanline.model.text import safe_line
from lanline.storage.api import Transaction, View

_MAX_REASON_CHARS = 300


class Accounts:
    def __init__(self) -> None:
        self._accounts: dict[AccountId, Account] = {}
        self._live = 0
        self._names: dict[str, AccountId] = {}
        self._devices: dict[DeviceId, Device] = {}
        self._keys: dict[bytes, DeviceId] = {}
        self._devices_of: dict[AccountId, list[DeviceId]] = {}

    def load(self, view: View) -> None:
        for account in view.accounts.all():
            self._put(account)
        for device in view.accounts.all_devices():
            self._put_device(device)

    def handlers(self) -> Handlers:
        return {
            AccountChanged: lambda change: self._put(change.account),
            DeviceChanged: lambda change: self._put_device(change.device),
        }

    def _put(self, account: Account) -> None:
        before = self._accounts.get(account.id)
        if before is not None and not before.is_ended:
            del self._names[folded_name(before.name)]
        self._live += (not account.is_ended) - (before is not None and not before.is_ended)
        self._accounts[account.id] = account
        if not account.is_ended:
            self._names[folded_name(account.name)] = account.id

    def _put_device(self, device: Device) -> None:
        if device.id not in self._devices:
            self._devices_of.setdefault(device.account, []).append(device.id)
        self._devices[device.id] = device
        self._keys[device.fingerprint] = device.id

    def __len__(self) -> int:
        """Without those that were deleted."""
        return self._live

    def all(self) -> list[Account]:
        """Those that were deleted too: they said something."""
        return list(self._accounts.values())

    def get(self, account: AccountId) -> Account | None:
        return self._accounts.get(account)

    def known(self, account: AccountId) -> Account:
        """Whom a request names."""
        found = self._accounts.get(account)
        if found is None or found.is_ended:
            raise unknown_person()
        return found

    def is_admin(self, account: AccountId) -> bool:
        """The operator too, who has no account."""
        found = self._accounts.get(account)
        return account == 0 if found is None else found.is_admin

    def check_admin(self, account: AccountId) -> None:
        if not self.is_admin(account):
            raise not_an_admin()

    def by_name(self, name: str) -> Account | None:
        account = self._names.get(folded_name(name))
        return None if account is None else self._accounts[account]

    def device(self, device: DeviceId) -> Device | None:
        return self._devices.get(device)

    def by_key(self, fingerprint: bytes) -> Device | None:
        device = self._keys.get(fingerprint)
        return None if device is None else self._devices[device]

    def devices(self, account: AccountId) -> list[Device]:
        return [self._devices[device] for device in self._devices_of.get(account, ())]

    def account_of(self, device: DeviceId) -> AccountId | None:
        found = self._devices.get(device)
        return None if found is None else found.account


class SetBanned(Command[None], frozen=True):
    account: AccountId
    is_banned: bool
    reason: str = ""

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        by.check_admin()
        if self.account == by.account:
            raise RequestRefused(RefusalCode.NOT_ALLOWED, "Not yourself.")
        reason = " ".join(safe_line(self.reason).split())[:_MAX_REASON_CHARS]
        before = known_account(transaction, self.account)
        kept = reason if self.is_banned else ""
        after = msgspec.structs.replace(before, is_banned=self.is_banned, ban_reason=kept)
        return alter(transaction, by, before, after, reason)


class SetAdmin(Command[None], frozen=True):
    account: AccountId
    is_admin: bool

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        by.check_admin()
        before = known_account(transaction, self.account)
        return alter(transaction, by, before, msgspec.structs.replace(before, is_admin=self.is_admin))


def _give_lobby_up(transaction: Transaction, account: AccountId, by: Authority) -> Sequence[MemberStepped]:
    """Who owned it as an admin, and is none any more, does not rule it. Those who are rule it without owning it."""
    room = transaction.rooms.by_name(by.context.settings.lobby)
    before = None if room is None else transaction.rooms.membership(room.log, account)
    if room is None or before is None or before.role is not Role.OWNER:
        return ()
    after = msgspec.structs.replace(before, role=Role.MEMBER, given_from=None)
    transaction.rooms.put_membership(after)
    cursors = {each.id: transaction.logs.cursor(room.log, each.id) for each in transaction.accounts.devices(account)}
    stepped = MemberStepped(room, account, before, after, by.account, cursors)
    return (stepped, *end_invitations(transaction, account, by))


class RevokeDevice(Command[None], frozen=True):
    device: DeviceId

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        device = transaction.accounts.device(self.device)
        if device is None or not (by.is_admin or device.account == by.account):
            raise RequestRefused(RefusalCode.UNKNOWN_DEVICE, "There is no such device.")
        transaction.invites.drop_all(device.added_ms, device.account)
        return None, revoke_device(transaction, by, device)


def revoke_device(transaction: Transaction, by: Authority, device: Device) -> list[Change]:
    """Whoever has stolen it may have made invites and links with it; they do not stand in its name.

    Invites into the group end by its chain.
    """
    transaction.accounts.revoke_device(device.id, by.context.now_ms)
    for invite in transaction.invites.all():
        is_its = invite.creator == device.account and invite.created_ms >= device.added_ms
        if is_its and invite.invite_id is None:
            transaction.invites.drop(invite.token_hash)
    for offer in transaction.devices.offers(device.account):
        if offer.recovery_id is None:
            transaction.devices.drop_offer(offer.shown_hash)
    transaction.devices.drop_request(device.id)
    revoked = transaction.accounts.device(device.id)
    assert revoked is not None
    owner = known_account(transaction, device.account).name
    note(transaction, by, Deed.DEVICE_REVOKED, owner, detail=str(device.id))
    return [DeviceChanged(revoked), *end_invitations_from(transaction, device, by)]


def alter(transaction: Transaction, by: Authority, before: Account, after: Account, reason: str = "") -> Decision[None]:
    if not by.actor.is_operator and rules(before) and not rules(after):
        check_others_rule(transaction, before.id)
    if after.is_banned or (before.is_admin and not after.is_admin):
        transaction.invites.drop_all(creator=after.id)
    transaction.accounts.change(after)
    if after.is_banned is not before.is_banned and after.id != by.account:  # who leaves the group is banned by that
        note(transaction, by, Deed.BANNED if after.is_banned else Deed.UNBANNED, after.name, detail=reason)
    if after.is_admin is not before.is_admin:
        note(transaction, by, Deed.PROMOTED if after.is_admin else Deed.DEMOTED, after.name)
        transaction.accounts.set_admin_from(after.id, by.device if after.is_admin else None)
    ended = end_invitations(transaction, after.id, by) if after.is_banned else []
    if before.is_admin and not after.is_admin:
        ended += _give_lobby_up(transaction, after.id, by)
    return None, (AccountChanged(after, reason=reason), *ended)


def rules(account: Account) -> bool:
    return account.is_admin and not account.is_banned


def check_others_rule(view: View, account: AccountId) -> None:
    """Of two admins who demote each other at once, one stays."""
    if not any(rules(each) for each in view.accounts.all() if each.id != account):
        text = "There is no other admin. Promote somebody first, or do it on the server's own machine with --data."
        raise RequestRefused(RefusalCode.NOT_ALLOWED, text)
