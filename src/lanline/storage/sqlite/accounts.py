"""The rows of accounts and devices."""

from __future__ import annotations

import sqlite3
from typing import Any

from lanline.errors import NameTaken, RecordExists, RecordMissing
from lanline.model.accounts import Account, AccountId, Device, DeviceId
from lanline.model.names import folded_name

_ACCOUNTS = "SELECT id, name, created_ms, is_admin, is_banned, ban_reason, is_invited, ended_ms FROM accounts "
_DEVICES = "SELECT id, account, fingerprint, label, added_ms, revoked_ms FROM devices "


class SqliteAccountsView:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def by_id(self, account: AccountId) -> Account | None:
        return _account(self._connection.execute(_ACCOUNTS + "WHERE id = ?", (account,)).fetchone())

    def by_name(self, name: str) -> Account | None:
        found = self._connection.execute(_ACCOUNTS + "WHERE folded_name = ?", (folded_name(name),))
        return _account(found.fetchone())

    def all(self) -> list[Account]:
        found = map(_account, self._connection.execute(_ACCOUNTS + "ORDER BY id"))
        return [account for account in found if account is not None]

    def password_hash(self, account: AccountId) -> str | None:
        row = self._connection.execute("SELECT password_hash FROM accounts WHERE id = ?", (account,)).fetchone()
        return row[0] if row else None

    def came_from(self, device: DeviceId) -> list[AccountId]:
        return self._given("SELECT id FROM accounts WHERE came_from = ? ORDER BY id", device)

    def admins_from(self, device: DeviceId) -> list[AccountId]:
        return self._given("SELECT id FROM accounts WHERE admin_from = ? AND is_admin ORDER BY id", device)

    def _given(self, query: str, device: DeviceId) -> list[AccountId]:
        return [AccountId(row[0]) for row in self._connection.execute(query, (device,))]

    def message_bytes(self, account: AccountId) -> int:
        row = self._connection.execute("SELECT message_bytes FROM accounts WHERE id = ?", (account,)).fetchone()
        return row[0] if row else 0

    def all_message_bytes(self) -> dict[AccountId, int]:
        found = self._connection.execute("SELECT id, message_bytes FROM accounts WHERE message_bytes > 0")
        return dict(found.fetchall())

    def device(self, device: DeviceId) -> Device | None:
        return _device(self._connection.execute(_DEVICES + "WHERE id = ?", (device,)).fetchone())

    def device_by_fingerprint(self, fingerprint: bytes) -> Device | None:
        return _device(self._connection.execute(_DEVICES + "WHERE fingerprint = ?", (fingerprint,)).fetchone())

    def devices(self, account: AccountId) -> list[Device]:
        found = self._connection.execute(_DEVICES + "WHERE account = ? ORDER BY id", (account,))
        return [Device(*row) for row in found]

    def all_devices(self) -> list[Device]:
        return [Device(*row) for row in self._connection.execute(_DEVICES + "ORDER BY id")]


class SqliteAccounts(SqliteAccountsView):
    has_forgotten = False
    """What nobody may find on the disk any more: see `empty_wal`."""

    def add(
        self,
        name: str,
        created_ms: int,
        *,
        is_admin: bool,
        password_hash: str | None,
        is_invited: bool = True,
        came_from: DeviceId | None = None,
    ) -> Account:
        self._check_free(name)
        admin_from = came_from if is_admin else None
        added = self._connection.execute(
            "INSERT INTO accounts "
            "(name, folded_name, created_ms, is_admin, is_banned, password_hash, is_invited, came_from, admin_from) "
            "VALUES (?, ?, ?, ?, FALSE, ?, ?, ?, ?) RETURNING id",
            (name, folded_name(name), created_ms, is_admin, password_hash, is_invited, came_from, admin_from),
        )
        return Account(AccountId(added.fetchone()[0]), name, created_ms, is_admin, is_invited=is_invited)

    def change(self, account: Account) -> None:
        self._check_free(account.name, account.id)
        self._update(
            account.id,
            "name = ?, folded_name = ?, is_admin = ?, is_banned = ?, ban_reason = ?",
            (account.name, folded_name(account.name), account.is_admin, account.is_banned, account.ban_reason),
        )

    def set_admin_from(self, account: AccountId, device: DeviceId | None) -> None:
        self._update(account, "admin_from = ?", (device,))

    def end(self, account: AccountId, ended_ms: int) -> None:
        values = (f"\0{account}", ended_ms)
        self._update(
            account,
            "folded_name = ?, is_admin = FALSE, is_banned = TRUE, password_hash = NULL, ended_ms = ?",
            values,
        )
        self._connection.execute(
            "UPDATE devices SET revoked_ms = coalesce(revoked_ms, ?), label = '' WHERE account = ?", (ended_ms, account)
        )
        self._connection.execute(
            "DELETE FROM cursors WHERE device IN (SELECT id FROM devices WHERE account = ?)", (account,)
        )

    def set_password_hash(self, account: AccountId, password_hash: str | None) -> None:
        self._update(account, "password_hash = ?", (password_hash,))

    def add_device(self, account: AccountId, fingerprint: bytes, added_ms: int) -> Device:
        if self.device_by_fingerprint(fingerprint) is not None:
            raise RecordExists("The key of this device is known already.")
        added = self._connection.execute(
            "INSERT INTO devices (account, fingerprint, label, added_ms) VALUES (?, ?, '', ?) RETURNING id",
            (account, fingerprint, added_ms),
        )
        return Device(DeviceId(added.fetchone()[0]), account, fingerprint, "", added_ms)

    def revoke_device(self, device: DeviceId, revoked_ms: int) -> None:
        revoke = "UPDATE devices SET revoked_ms = ?, label = '' WHERE id = ? AND revoked_ms IS NULL"
        if not self._connection.execute(revoke, (revoked_ms, device)).rowcount and not self.device(device):
            raise RecordMissing("There is no such device.")
        self.has_forgotten = True

    def forget_label(self, device: DeviceId) -> None:
        self._connection.execute("UPDATE devices SET label = '' WHERE id = ?", (device,))
        self.has_forgotten = True

    def _check_free(self, name: str, mine: AccountId | None = None) -> None:
        """Nobody can come in between: only one transaction writes at a time."""
        owner = self.by_name(name)
        if owner is None or owner.id == mine:
            return
        if owner.name == name:
            raise NameTaken(f"The name {name} is taken.")
        raise NameTaken(f"The name {name} is taken: it looks like {owner.name}.")

    def _update(self, account: AccountId, columns: str, values: tuple[object, ...]) -> None:
        if not self._connection.execute(f"UPDATE accounts SET {columns} WHERE id = ?", (*values, account)).rowcount:  # noqa: S608 -- no word of it comes from outside
            raise RecordMissing("There is no such account.")


def _account(row: tuple[Any, ...] | None) -> Account | None:
    if row is None:
        return None
    number, name, created_ms, is_admin, is_banned, ban_reason, is_invited, ended_ms = row
    return Account(number, name, created_ms, bool(is_admin), bool(is_banned), ban_reason, bool(is_invited), ended_ms)


def _device(row: tuple[Any, ...] | None) -> Device | None:
    return Device(*row) if row else None
