"""Owns which history of the server this is: another one once an older state of its data was put back.

Sequence numbers that were given out after that state was saved are given out again, and so are those of logs and
accounts. Clients are told the history when they sign in, and compare what they hold anew when it is another one. How a
restored folder is known is the server's to say, not the core's.
"""

from __future__ import annotations

import logging

from lanline.clock import Clock
from lanline.errors import LanlineError, RefusalCode, RequestRefused, StorageError
from lanline.ids import Entropy
from lanline.storage.api import Store, Transaction, View
from lanline.ticket import Ticket

_LOG = logging.getLogger(__name__)
CHAIN_SETTING = "chain"
GATHERING = b"\0"
"""As that setting: what the group's chain has lost is being gathered. Later, the head that it came to."""
_SETTING = "epoch"  # its name in databases, from when it was called so
_BYTES = 16
_AGAIN_S = 1.0


class History:
    """Made once, and told when it is on the disk, not before: one that is lost again would be another restore."""

    def __init__(self, store: Store, clock: Clock, entropy: Entropy) -> None:
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self.value = b""
        """Empty: not known yet. Whoever joins is after it in the store's queue, and so is told it."""

    def load(self, view: View) -> None:
        self.value = view.settings.get(_SETTING) or b""

    def begin(self) -> None:
        if not self.value:
            self._make(self._entropy(_BYTES))

    def _make(self, value: bytes) -> None:
        def settled(ticket: Ticket[None]) -> None:
            try:
                ticket.result()
            except LanlineError as problem:
                _LOG.error("What tells a restore from what was before cannot be kept.", exc_info=problem)
                self._clock.call_later(_AGAIN_S, lambda: self._make(value))
            else:
                self.value = value

        try:
            self._store.write(lambda transaction: transaction.settings.put(_SETTING, value)).when_settled(settled)
        except StorageError:
            _LOG.debug("The store was closed meanwhile.")


def end_history(transaction: Transaction) -> None:
    """So are the invites: which of them were used, dropped or ended since, only the lost state knew."""
    transaction.settings.put(_SETTING, None)
    transaction.invites.drop_all()
    if transaction.groups.chain() is not None:
        transaction.settings.put(CHAIN_SETTING, GATHERING)


def check_not_gathering(view: View) -> None:
    """Raises RequestRefused: an entry that is made now could stand where a lost one stood."""
    if view.settings.get(CHAIN_SETTING) == GATHERING:
        text = (
            "The server was restored from a backup, and waits for members to bring what it lost. Until then nothing "
            "about who is in the group can be changed: ten minutes, or until its operator says: lanline admin chain"
        )
        raise RequestRefused(RefusalCode.SLOW_DOWN, text, 60.0)
