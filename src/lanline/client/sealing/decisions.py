"""Owns what a person decides where the server shows another past of the group than this device has seen.

And how this device goes over to a group in the place of its own, once the person has agreed: sealing.md, 7.1.

What it has of the old one is put aside (`pasttables`), and is never sealed under again.
"""

from __future__ import annotations

from collections.abc import Callable

from lanline.chain.state import Chain
from lanline.client.sealing.context import GroupContext
from lanline.client.sealing.groupcopy import LAST_NOT_SHOWN, GroupCopy
from lanline.client.sealing.pasttables import PutAside, put_group_aside
from lanline.errors import RecordMissing
from lanline.model.names import folded_name


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
        return copy.broken is not None or copy.forked_at is not None or self._problem() == LAST_NOT_SHOWN

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


class GoingOver:
    def __init__(self, context: GroupContext, on_left: Callable[[], None]) -> None:
        """`on_left`: what was known by the old group is to be forgotten."""
        self._context = context
        self._on_left = on_left

    def agree(self, group_id: bytes) -> None:
        """The person goes over to the one that the server shows. Raises RecordMissing where that is another by now."""
        copy = self._context.copy
        offer = copy.offer
        if offer is None or offer.group_id != group_id or copy.sequence < copy.target:
            raise RecordMissing("The server does not show that group. See: lanline chain")
        self._leave(copy.shown)

    def leave(self) -> None:
        """For one that the person is about to found."""
        self._leave(Chain())

    def _leave(self, other: Chain) -> None:
        """First the tables, all at once; who is killed before the keys know of it is asked again, and loses nothing."""
        context, copy, keys = self._context, self._context.copy, self._context.keys
        own = copy.chain
        is_here = own.height > 0 and own.group_id == keys.group_id
        members = [
            (folded_name(name.decode(errors="replace")), device_id)
            for name, account_id in own.names.items()
            for device_id in own.live_devices(account_id)
        ]
        aside = PutAside(keys.group_id, members, is_apart=copy.is_apart) if is_here and keys.group_id else None
        put_group_aside(context.tables.database, aside, keeps_shown=other.height > 0)
        keys.leave_group(other.group_id if other.height else None, other.height, other.head)
        context.seeds.clear()
        copy.is_parted = False
        copy.begin_anew()
        context.scopes.begin_anew()
        self._on_left()
