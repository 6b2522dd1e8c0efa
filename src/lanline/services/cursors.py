"""How far devices have come: merged here as they say so, and written together, so that a word to many costs little."""

from __future__ import annotations

from lanline.model.accounts import DeviceId
from lanline.model.logs import Cursor, LogId
from lanline.storage.api import Transaction

Key = tuple[LogId, DeviceId]
_NOWHERE = Cursor()


class Cursors:
    def __init__(self) -> None:
        self._unwritten: dict[Key, Cursor] = {}

    def __len__(self) -> int:
        return len(self._unwritten)

    def advance(self, log: LogId, device: DeviceId, delivered: int, read: int) -> None:
        key = (log, device)
        stands = self._unwritten.get(key, _NOWHERE)
        if delivered > stands.delivered or read > stands.read:
            self._unwritten[key] = stands.advanced(delivered, read)

    def take(self) -> dict[Key, Cursor]:
        taken, self._unwritten = self._unwritten, {}
        return taken

    def put_back(self, cursors: dict[Key, Cursor]) -> None:
        """They could not be written."""
        for (log, device), cursor in cursors.items():
            self.advance(log, device, cursor.delivered, cursor.read)


def write_cursors(transaction: Transaction, cursors: dict[Key, Cursor]) -> dict[Key, Cursor]:
    """Where each stands now."""
    return {key: transaction.logs.advance(*key, cursor) for key, cursor in cursors.items()}
