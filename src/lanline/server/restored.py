"""Owns how a folder that was restored or copied is known at the start: its history ends, and clients are told.

A restored folder is known by the file `last-start`, which every start touches: the time of its last change, which no
program can copy, stands in the database too. A folder that was restored has no such file, a copy of a folder has one
of another time, and a database that was put back alone knows of an earlier start. What is not noticed is a disk or a
virtual machine that is set back as a whole.
"""

from __future__ import annotations

import logging

from lanline.core.history import end_history
from lanline.errors import StorageError
from lanline.server.datafolder import DataFolder
from lanline.storage.api import Engine, Transaction

_LOG = logging.getLogger(__name__)
_START_SETTING = "last start"


def end_if_restored(engine: Engine, folder: DataFolder) -> bool:
    """At each start, before anybody is let in. True: the history that is kept was of another folder, and is gone.

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
            end_history(transaction)

    for outcome in engine.transact([work]):
        if isinstance(outcome, Exception):
            raise outcome
