"""Owns how this device goes over to a group in the place of its own, once the person has agreed: sealing.md, 7.1.

What it has of the old one is put aside (`pasttables`), and is never sealed under again.
"""

from __future__ import annotations

from collections.abc import Callable

from lanline.client.sealing.context import GroupContext
from lanline.client.sealing.pasttables import PutAside, put_group_aside
from lanline.errors import RecordMissing
from lanline.model.names import folded_name
from lanline.proto.chain.state import Chain


class GroupChange:
    def __init__(self, context: GroupContext) -> None:
        self._context = context
        self.on_left: Callable[[], None] = lambda: None
        """What was known by the old group is to be forgotten."""

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
        self.on_left()
