"""Keeps in the home's database whether anybody else is known to have seen this account come into the group.

Where nobody is, a server that says it was restored may have lost the entry for everybody. Else it may be a lie, with
which the server and one member would put this account out.
"""

from __future__ import annotations

from collections.abc import Iterable

from lanline.chain.epochs import Epoch
from lanline.chain.state import Chain
from lanline.client.sealing.tables import GroupTables

COMES_ANEW = (
    "The server says that it was put back to before you came into the group: you ask to come in once more. Tell those "
    "whom you have talked with there."
)
_KIND = "coming"
"""The server's history when the entry was read last. Empty: somebody else has named it, or what stands on it."""


class OwnComing:
    def __init__(self, tables: GroupTables, device_id: bytes) -> None:
        self._tables = tables
        self._device_id = device_id
        self._is_unseen = bool(tables.chain_history(_KIND))

    def since(self, chain: Chain) -> int:
        """The height of the entry by which this account came in. 0: it did not, or has founded the group."""
        mine = chain.devices.get(self._device_id)
        since = 0 if mine is None else chain.accounts[mine.account].since
        return since if since > 1 else 0

    def note(self, chain: Chain, before: int, epochs: Iterable[Epoch]) -> None:
        """The server has shown the chain up to here, and `before` it was here up to that height."""
        since = self.since(chain)
        if not since or since != chain.height or not (before < since or self._is_unseen):
            return
        self._note(self._tables.chain_history("read") or b"")
        for each in epochs:
            self.note_named(chain, each.device_id, each.height)

    def note_named(self, chain: Chain, device_id: bytes, height: int) -> None:
        """That device has named the chain as it is here."""
        if self._is_unseen and device_id != self._device_id and height >= self.since(chain):
            self._note(b"")

    def is_lost_by_restore(self) -> bool:
        """May be: the server says that it was put back since it has shown the entry."""
        history = self._tables.chain_history(_KIND)
        return bool(history) and history != self._tables.chain_history("read")

    def _note(self, history: bytes) -> None:
        self._is_unseen = bool(history)
        if self._tables.chain_history(_KIND) != history:
            self._tables.put_chain_history(_KIND, history)
