"""Owns how many bytes of the server's disk each account has filled, in memory. Not what it may fill.

Messages are counted as they are taken, and never added up again: now and then the sums are kept, with the place in each
log up to which they go, and a start adds only what came after that.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from lanline.model.accounts import AccountId
from lanline.model.logs import LogId, NewEntry
from lanline.storage.api import Transaction, View

ENTRY_COST_BYTES = 100
"""What an entry takes on the disk besides its content, about."""
_SETTING = "message bytes"


class _Kept(msgspec.Struct, array_like=True):
    heads: dict[int, int]
    used: dict[int, int]


_decoder = msgspec.msgpack.Decoder(_Kept)


class Usage:
    def __init__(self) -> None:
        self._used: dict[AccountId, int] = {}

    def __contains__(self, account: AccountId) -> bool:
        return account in self._used

    def of(self, account: AccountId) -> int:
        return self._used.get(account, 0)

    def take(self, account: AccountId, size_bytes: int, most_bytes: int) -> bool:
        """False: it would be more than that, and nothing was taken."""
        used = self._used.get(account, 0) + size_bytes
        if used > most_bytes:
            return False
        self._used[account] = used
        return True

    def add(self, account: AccountId, size_bytes: int) -> None:
        """What is there; less than 0 for what was taken and not kept."""
        self._used[account] = self._used.get(account, 0) + size_bytes


class MessageUsage(Usage):
    def __init__(self) -> None:
        super().__init__()
        self._heads: dict[LogId, int] = {}
        self._is_kept = True

    def load(self, view: View) -> None:
        kept = _read(view)
        self._heads = {LogId(log): head for log, head in kept.heads.items()}
        self._used = {AccountId(account): used for account, used in kept.used.items()}
        for log, head in view.logs.all_heads().items():
            if head > self._heads.get(log, 0):
                self.count_anew(view, log, self._heads.get(log, 0), head)

    def count_anew(self, view: View, log: LogId, after: int, through: int) -> None:
        """What came into a log unseen."""
        for account, (entries, size_bytes) in view.logs.sizes(log, after, through).items():
            self.add(account, size_bytes + entries * ENTRY_COST_BYTES)
        self.note_head(log, through)

    def note_head(self, log: LogId, head: int) -> None:
        """All up to there is counted, and committed."""
        self._heads[log] = head
        self._is_kept = False

    def take_record(self, uncommitted: Iterable[NewEntry]) -> bytes | None:
        """For a later start, when there is news: without what was taken and may still fail."""
        if self._is_kept:
            return None
        self._is_kept = True
        used = {int(account): used for account, used in self._used.items()}
        for entry in uncommitted:
            used[entry.account] -= len(entry.content) + ENTRY_COST_BYTES
        return msgspec.msgpack.encode(_Kept({int(log): head for log, head in self._heads.items()}, used))


def keep_usage(transaction: Transaction, record: bytes) -> None:
    transaction.settings.put(_SETTING, record)


def _read(view: View) -> _Kept:
    """What cannot be read is counted anew."""
    try:
        return _decoder.decode(view.settings.get(_SETTING) or b"")
    except msgspec.DecodeError:
        return _Kept({}, {})
