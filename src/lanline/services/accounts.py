"""All accounts and devices, in memory: who is who is asked for every link, and answered without the disk."""

from __future__ import annotations

from lanline.errors import RefusalCode, RequestRefused
from lanline.model.accounts import Account, AccountId, Device, DeviceId
from lanline.model.names import folded_name
from lanline.model.text import safe_line
from lanline.storage.api import View

LEAST_PASSWORD_CHARS = 8
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


def check_password(password: str) -> None:
    if len(password) < LEAST_PASSWORD_CHARS:
        raise RequestRefused(RefusalCode.INVALID, f"A password has at least {LEAST_PASSWORD_CHARS} characters.")


def checked_label(label: str) -> str:
    return " ".join(safe_line(label).split())[:_MOST_LABEL_CHARS] or "a device"
