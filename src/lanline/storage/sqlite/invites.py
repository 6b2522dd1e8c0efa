"""The rows of invites."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from lanline.errors import InviteUnusable, RecordExists
from lanline.model.accounts import AccountId
from lanline.model.invites import Invite
from lanline.storage.sqlite.schema import invites

_INVITES = select(
    invites.c.token_hash,
    invites.c.uses_left,
    invites.c.expires_ms,
    invites.c.grants_admin,
    invites.c.creator,
    invites.c.created_ms,
).order_by(invites.c.created_ms, invites.c.token_hash)


class SqliteInvitesView:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def by_token_hash(self, token_hash: bytes) -> Invite | None:
        row = self._connection.execute(_INVITES.where(invites.c.token_hash == token_hash)).one_or_none()
        return Invite(*row) if row else None

    def all(self) -> list[Invite]:
        return [Invite(*row) for row in self._connection.execute(_INVITES)]


class SqliteInvites(SqliteInvitesView):
    def add(self, invite: Invite) -> None:
        if self.by_token_hash(invite.token_hash) is not None:
            raise RecordExists("There is such an invite already.")
        self._connection.execute(insert(invites).values(msgspec.structs.asdict(invite)))

    def use(self, token_hash: bytes, now_ms: int) -> Invite:
        invite = self.by_token_hash(token_hash)
        if invite is None:
            raise InviteUnusable("This server knows no such invite.")
        if invite.is_expired(now_ms):
            raise InviteUnusable("The invite has expired. Ask for a new one.")
        if not invite.is_usable(now_ms):
            raise InviteUnusable("The invite is used up. Ask for a new one.")
        used = msgspec.structs.replace(invite, uses_left=invite.uses_left - 1)
        taken = update(invites).where(invites.c.token_hash == token_hash)
        self._connection.execute(taken.values(uses_left=used.uses_left))
        return used

    def drop(self, token_hash: bytes) -> None:
        self._connection.execute(delete(invites).where(invites.c.token_hash == token_hash))

    def drop_all(self, since_ms: int = 0, creator: AccountId | None = None) -> None:
        dropped = delete(invites).where(invites.c.created_ms >= since_ms)
        self._connection.execute(dropped if creator is None else dropped.where(invites.c.creator == creator))
