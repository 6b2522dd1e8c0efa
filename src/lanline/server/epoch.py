"""Which history of the server this is: another one once an older state of its data was put back.

Sequence numbers that were given out after that state was saved are given out again, and so are those of logs and
accounts. Clients are told the epoch when they sign in, and compare what they hold anew when it is another one.

A restored folder is known by the file `last-start`, which every start touches: the time of its last change, which no
program can copy, stands in the database too. A folder that was restored has no such file, a copy of a folder has one
of another time, and a database that was put back alone knows of an earlier start. What is not noticed is a disk or a
virtual machine that is set back as a whole.
"""

from __future__ import annotations

import logging

from lanline.clock import Clock
from lanline.errors import LanlineError, StorageError
from lanline.ids import Entropy
from lanline.server.datafolder import DataFolder
from lanline.storage.api import Engine, Store, Transaction, View
from lanline.storage.ticket import Ticket

_LOG = logging.getLogger(__name__)
_SETTING = "epoch"
_START_SETTING = "last start"
_BYTES = 16
_AGAIN_S = 1.0


class Epoch:
    """Made once, and told when it is on the disk, not before: one that is lost again would be another restore."""

    def __init__(self, store: Store, clock: Clock, entropy: Entropy) -> None:
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self.value = b""
        """Empty: not known yet. Whoever joins is after it in the store's queue, and so is told it."""

    def begin(self) -> None:
        """Raises StorageError where the store cannot be read."""
        self.value = self._store.read(_kept)
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


def _kept(view: View) -> bytes:
    return view.settings.get(_SETTING) or b""


def end_if_restored(engine: Engine, folder: DataFolder) -> bool:
    """At each start, before anybody is let in. True: the epoch that is kept was of another folder, and is gone.
    So are the invites: which of them were used, dropped or ended since, only the lost state knew.

    Raises StorageError when that cannot be written: the server would speak to its clients as the one it was.
    """
    known = engine.read(lambda view: view.settings.get(_START_SETTING))
    is_same = known == folder.last_start()
    try:
        _note_start(engine, folder.touch_last_start(), is_same=is_same)
    except StorageError:
        if not is_same:
            raise
        _LOG.warning("It cannot be noted that the server has started; clients may compare all they hold next time.")
    return not is_same


def _note_start(engine: Engine, mark: bytes, *, is_same: bool) -> None:
    def work(transaction: Transaction) -> None:
        transaction.settings.put(_START_SETTING, mark)
        if not is_same:
            transaction.settings.put(_SETTING, None)
            transaction.invites.drop_all()

    for outcome in engine.transact([work]):
        if isinstance(outcome, Exception):
            raise outcome
