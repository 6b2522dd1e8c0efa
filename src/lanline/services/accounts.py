"""All accounts and devices, in memory: who is who is asked for every link, and answered without the disk."""

from __future__ import annotations

import msgspec

from lanline.errors import RefusalCode, RequestRefused
from lanline.model.accounts import Account, AccountId, Device, DeviceId
from lanline.model.names import folded_name
from lanline.model.passwords import weakness
from lanline.model.text import is_seen, safe_line
from lanline.storage.api import View

_MOST_LABEL_CHARS = 64


class Directory:
    def __init__(self) -> None:
        self._accounts: dict[AccountId, Account] = {}
        self._names: dict[str, AccountId] = {}
        self._devices: dict[DeviceId, Device] = {}
        self._keys: dict[bytes, DeviceId] = {}
        self._devices_of: dict[AccountId, list[DeviceId]] = {}

    def load(self, view: View) -> None:
        for account in view.accounts.all():
            self.put(account)
        for device in view.accounts.all_devices():
            self.put_device(device)

    def put(self, account: Account) -> None:
        before = self._accounts.get(account.id)
        if before is not None:
            del self._names[folded_name(before.name)]
        self._accounts[account.id] = account
        self._names[folded_name(account.name)] = account.id

    def put_device(self, device: Device) -> None:
        if device.id not in self._devices:
            self._devices_of.setdefault(device.account, []).append(device.id)
        self._devices[device.id] = device
        self._keys[device.fingerprint] = device.id

    def __len__(self) -> int:
        return len(self._accounts)

    def all(self) -> list[Account]:
        return list(self._accounts.values())

    def account(self, account: AccountId) -> Account | None:
        return self._accounts.get(account)

    def known(self, account: AccountId) -> Account:
        """Whom a request names."""
        found = self._accounts.get(account)
        if found is None:
            raise RequestRefused(RefusalCode.UNKNOWN_PERSON, "There is nobody like that on this server.")
        return found

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


class Sender(msgspec.Struct, frozen=True):
    """Of a request, as it was when the request came."""

    account: AccountId
    """0: the operator, who has no account that could be taken away."""
    device: DeviceId
    is_admin: bool


def check_still(view: View, sender: Sender) -> None:
    """In the transaction: the request may have waited behind the one that took its sender's rights."""
    if sender.account == 0:
        return
    account, device = view.accounts.by_id(sender.account), view.accounts.device(sender.device)
    if account is None or account.is_banned or device is None or device.is_revoked:
        raise RequestRefused(RefusalCode.NOT_ALLOWED, "You may do nothing on this server any more. Ask its admin.")
    if sender.is_admin and not account.is_admin:
        raise RequestRefused(RefusalCode.NOT_ALLOWED, "You are no longer an admin of this server.")


def check_same_password(view: View, account: AccountId, password_hash: str | None) -> None:
    """In the transaction: the one that was found right may have been replaced meanwhile. Raises RequestRefused."""
    if view.accounts.password_hash(account) != password_hash:
        text = "The password of this account has just been changed. Try again with the new one."
        raise RequestRefused(RefusalCode.BAD_CREDENTIALS, text)


def check_new_password(password: str, name: str) -> None:
    """Of an account that is made or given another one. Those that there are stay good."""
    problem = weakness(password, name)
    if problem:
        raise RequestRefused(RefusalCode.INVALID, problem)


def checked_label(label: str) -> str:
    return " ".join("".join(filter(is_seen, safe_line(label))).split())[:_MOST_LABEL_CHARS] or "a device"
