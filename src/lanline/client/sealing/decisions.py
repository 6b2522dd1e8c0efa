"""Owns what a person decides where the server shows another past of the group than this device has seen."""

from __future__ import annotations

from collections.abc import Callable

from lanline.client.sealing.groupcopy import PARTED, GroupCopy
from lanline.errors import RecordMissing


class Decisions:
    def __init__(
        self, copy: GroupCopy, is_read: Callable[[], bool], problem: Callable[[], str], on_change: Callable[[], None]
    ) -> None:
        """`is_read`: all that the server has of the chain on this link is here; `problem`: why nothing is sealed."""
        self._copy = copy
        self._is_read = is_read
        self._problem = problem
        self._on_change = on_change

    @property
    def may_accept(self) -> bool:
        copy = self._copy
        if not self._is_read() or copy.offer is not None:
            return False
        return copy.broken is not None or copy.forked_at is not None or self._problem() == PARTED

    def accept(self) -> None:
        """What does not hold was seen, and counts for nothing; or the own branch is put aside. One at a time, as the
        person is told of it. Raises RecordMissing where there is nothing to decide.
        """
        if not self.may_accept:
            raise RecordMissing("The server shows what this device has seen: there is nothing to decide.")
        if self._copy.broken is not None:
            self._copy.accept_broken()
        else:
            self._copy.accept()
        self._on_change()

    def take_back(self, account_id: bytes) -> None:
        """Who ended by a branch that was put aside, and reads by the one that is gone by now."""
        self._copy.take_back(account_id)
        self._on_change()
