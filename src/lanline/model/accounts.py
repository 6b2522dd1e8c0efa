"""Accounts and their devices, as everybody on a server may know them. Passwords' hashes are no part of them."""

from __future__ import annotations

from typing import NewType

import msgspec

AccountId = NewType("AccountId", int)
DeviceId = NewType("DeviceId", int)

FINGERPRINT_BYTES = 32


class Account(msgspec.Struct, frozen=True):
    id: AccountId
    name: str
    created_ms: int
    is_admin: bool = False
    is_banned: bool = False
    ban_reason: str = ""
    """For the one who is banned, and for admins."""
    is_invited: bool = True
    """False: it was made on an open server, by anybody."""
    ended_ms: int | None = None
    """When it was deleted. Nobody signs in as it, and its name may be another's."""

    @property
    def is_ended(self) -> bool:
        return self.ended_ms is not None


class Device(msgspec.Struct, frozen=True):
    """One key of an account. It is never forgotten, only revoked: entries name it as their sender."""

    id: DeviceId
    account: AccountId
    fingerprint: bytes
    label: str
    """Of before labels were sealed, until a client of the account has taken it over. Else empty."""
    added_ms: int
    revoked_ms: int | None = None

    @property
    def is_revoked(self) -> bool:
        return self.revoked_ms is not None
