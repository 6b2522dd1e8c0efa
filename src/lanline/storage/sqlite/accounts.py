"""The rows of accounts and devices."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from lanline.errors import NameTaken, RecordExists, RecordMissing
from lanline.model.accounts import Account, AccountId, Device, DeviceId
from lanline.model.names import folded_name
from lanline.storage.sqlite.schema import accounts, devices

_ACCOUNTS = select(
    accounts.c.id, accounts.c.name, accounts.c.created_ms, accounts.c.is_admin, accounts.c.is_banned
).order_by(accounts.c.id)
_DEVICES = select(
    devices.c.id,
    devices.c.account,
    devices.c.fingerprint,
    devices.c.label,
    devices.c.added_ms,
    devices.c.revoked_ms,
).order_by(devices.c.id)


class SqliteAccountsView:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def by_id(self, account: AccountId) -> Account | None:
        row = self._connection.execute(_ACCOUNTS.where(accounts.c.id == account)).one_or_none()
        return Account(*row) if row else None

    def by_name(self, name: str) -> Account | None:
        found = _ACCOUNTS.where(accounts.c.folded_name == folded_name(name))
        row = self._connection.execute(found).one_or_none()
        return Account(*row) if row else None

    def all(self) -> list[Account]:
        return [Account(*row) for row in self._connection.execute(_ACCOUNTS)]

    def password_hash(self, account: AccountId) -> str | None:
        found = select(accounts.c.password_hash).where(accounts.c.id == account)
        return self._connection.execute(found).scalar_one_or_none()

    def device(self, device: DeviceId) -> Device | None:
        row = self._connection.execute(_DEVICES.where(devices.c.id == device)).one_or_none()
        return Device(*row) if row else None

    def device_by_fingerprint(self, fingerprint: bytes) -> Device | None:
        row = self._connection.execute(_DEVICES.where(devices.c.fingerprint == fingerprint)).one_or_none()
        return Device(*row) if row else None

    def devices(self, account: AccountId) -> list[Device]:
        return [Device(*row) for row in self._connection.execute(_DEVICES.where(devices.c.account == account))]

    def all_devices(self) -> list[Device]:
        return [Device(*row) for row in self._connection.execute(_DEVICES)]


class SqliteAccounts(SqliteAccountsView):
    def add(self, name: str, created_ms: int, *, is_admin: bool, password_hash: str | None) -> Account:
        self._check_free(name)
        row = {
            "name": name,
            "folded_name": folded_name(name),
            "created_ms": created_ms,
            "is_admin": is_admin,
            "is_banned": False,
            "password_hash": password_hash,
        }
        key = self._connection.execute(insert(accounts).values(row)).inserted_primary_key
        assert key is not None
        return Account(AccountId(key[0]), name, created_ms, is_admin)

    def change(self, account: Account) -> None:
        self._check_free(account.name, account.id)
        row = {
            "name": account.name,
            "folded_name": folded_name(account.name),
            "is_admin": account.is_admin,
            "is_banned": account.is_banned,
        }
        self._update(account.id, row)

    def set_password_hash(self, account: AccountId, password_hash: str | None) -> None:
        self._update(account, {"password_hash": password_hash})

    def add_device(self, account: AccountId, fingerprint: bytes, label: str, added_ms: int) -> Device:
        if self.device_by_fingerprint(fingerprint) is not None:
            raise RecordExists("The key of this device is known already.")
        row = {"account": account, "fingerprint": fingerprint, "label": label, "added_ms": added_ms}
        key = self._connection.execute(insert(devices).values(row)).inserted_primary_key
        assert key is not None
        return Device(DeviceId(key[0]), account, fingerprint, label, added_ms)

    def revoke_device(self, device: DeviceId, revoked_ms: int) -> None:
        changed = update(devices).where(devices.c.id == device, devices.c.revoked_ms.is_(None))
        if not self._connection.execute(changed.values(revoked_ms=revoked_ms)).rowcount and not self.device(device):
            raise RecordMissing("There is no such device.")

    def _check_free(self, name: str, mine: AccountId | None = None) -> None:
        """Nobody can come in between: only one transaction writes at a time."""
        owner = self.by_name(name)
        if owner is None or owner.id == mine:
            return
        if owner.name == name:
            raise NameTaken(f"The name {name} is taken.")
        raise NameTaken(f"The name {name} is taken: it looks like {owner.name}.")

    def _update(self, account: AccountId, row: dict[str, object]) -> None:
        if not self._connection.execute(update(accounts).where(accounts.c.id == account).values(row)).rowcount:
            raise RecordMissing("There is no such account.")
