"""Owns how a folder that was restored or copied is known at the start: its history ends, and clients are told.

A restored folder is known by the file `last-start`, or `last-start-2`, which every start touches in turn: the time of
its last change, which no program can copy, stands in the database too. A folder that was restored has no such file, a
copy of a folder has one of another time, and a database that was put back alone knows of an earlier start. What is not
noticed is a disk or a virtual machine that is set back as a whole. In turn, so that a start that is killed, or finds no
room for its row, leaves what it found.
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
    marks = folder.last_starts()
    is_same = known in marks or (known is None and not marks)
    try:
        mark = folder.touch_last_start(known)
        _note_start(engine, mark, is_same=is_same)
        folder.forget_starts_but(mark)
    except StorageError:
        if not is_same:
            raise
        _LOG.warning("It cannot be noted that the server has started.")
    return not is_same


def _note_start(engine: Engine, mark: bytes, *, is_same: bool) -> None:
    def work(transaction: Transaction) -> None:
        transaction.settings.put(_START_SETTING, mark)
        if not is_same:
            end_history(transaction)

    for outcome in engine.transact([work]):
        if isinstance(outcome, Exception):
            raise outcome
