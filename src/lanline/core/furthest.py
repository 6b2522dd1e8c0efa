"""Owns who has come furthest in a log, so that "somebody else has it" is known for each account without a search."""

from __future__ import annotations

from lanline.model.accounts import AccountId
from lanline.model.logs import Cursor


class _TwoFurthest:
    """In one measure: of the first, its account too; for that one the second counts."""

    __slots__ = ("account", "first", "second")

    def __init__(self) -> None:
        self.account: AccountId | None = None
        self.first = self.second = 0

    def but(self, account: AccountId) -> int:
        return self.second if account == self.account else self.first

    def moves(self, account: AccountId, place: int) -> bool:
        """Whether it is further than anybody else sees already."""
        return place > (self.first if account == self.account else self.second)

    def note(self, account: AccountId, place: int) -> None:
        if account == self.account:
            self.first = max(self.first, place)
        elif place > self.first:
            self.account, self.first, self.second = account, place, self.first
        else:
            self.second = max(self.second, place)


class Furthest:
    __slots__ = ("_delivered", "_read")

    def __init__(self) -> None:
        self._delivered = _TwoFurthest()
        self._read = _TwoFurthest()

    def but(self, account: AccountId) -> Cursor:
        """How far somebody is who is not this one."""
        return Cursor(self._delivered.but(account), self._read.but(account))

    def moves(self, account: AccountId, cursor: Cursor) -> bool:
        """Whether this is news to anybody else."""
        return self._delivered.moves(account, cursor.delivered) or self._read.moves(account, cursor.read)

    def note(self, account: AccountId, cursor: Cursor) -> None:
        self._delivered.note(account, cursor.delivered)
        self._read.note(account, cursor.read)
