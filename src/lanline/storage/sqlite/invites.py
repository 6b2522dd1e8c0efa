"""The rows of invites."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from lanline.errors import InviteUnusable, RecordExists
from lanline.model.accounts import AccountId
from lanline.model.invites import Invite

_COLUMNS = "token_hash, uses_left, expires_ms, grants_admin, creator, created_ms, invite_id, made_from"
_INVITES = f"SELECT {_COLUMNS} FROM invites "  # noqa: S608 -- no word of it comes from outside


class SqliteInvitesView:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def by_token_hash(self, token_hash: bytes) -> Invite | None:
        row = self._connection.execute(_INVITES + "WHERE token_hash = ?", (token_hash,)).fetchone()
        return _invite(row) if row else None

    def all(self) -> list[Invite]:
        return list(map(_invite, self._connection.execute(_INVITES + "ORDER BY created_ms, token_hash")))


class SqliteInvites(SqliteInvitesView):
    def add(self, invite: Invite) -> None:
        if self.by_token_hash(invite.token_hash) is not None:
            raise RecordExists("There is such an invite already.")
        self._connection.execute(
            f"INSERT INTO invites ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 -- as above
            msgspec.structs.astuple(invite),
        )

    def use(self, token_hash: bytes, now_ms: int) -> Invite:
        invite = self.by_token_hash(token_hash)
        if invite is None:
            raise InviteUnusable("This server knows no such invite.")
        if invite.is_expired(now_ms):
            raise InviteUnusable("The invite has expired. Ask for a new one.")
        if not invite.is_usable(now_ms):
            raise InviteUnusable("The invite is used up. Ask for a new one.")
        used = msgspec.structs.replace(invite, uses_left=invite.uses_left - 1)
        self._connection.execute("UPDATE invites SET uses_left = ? WHERE token_hash = ?", (used.uses_left, token_hash))
        return used

    def drop(self, token_hash: bytes) -> None:
        self._connection.execute("DELETE FROM invites WHERE token_hash = ?", (token_hash,))

    def drop_all(self, since_ms: int = 0, creator: AccountId | None = None) -> None:
        self._connection.execute(
            "DELETE FROM invites WHERE created_ms >= ?1 AND (?2 IS NULL OR creator = ?2)", (since_ms, creator)
        )

    def drop_of_group(self, invite_ids: Sequence[bytes]) -> None:
        self._connection.executemany("DELETE FROM invites WHERE invite_id = ?", [(each,) for each in invite_ids])


def _invite(row: tuple[Any, ...]) -> Invite:
    token_hash, uses_left, expires_ms, grants_admin, *rest = row
    return Invite(token_hash, uses_left, expires_ms, bool(grants_admin), *rest)
