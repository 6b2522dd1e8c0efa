"""Owns what this device brings to a server that was put back to an older state: its head, and what the server lacks.

So a restore is mended by those who have seen more: docs/protocol/sealing.md, 3.6. Not who wins: that is the server's
vote, and each person's own eyes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from lanline.chain.roomoffers import full_entry_of, height_of
from lanline.client.sealing.context import GroupContext
from lanline.client.sealing.secrets import bring_keys
from lanline.crypto.groups.keys import SealingKey
from lanline.errors import RefusalCode, RequestRefused
from lanline.ticket import Steps
from lanline.wire.chat import groups
from lanline.wire.chat import offers as wire
from lanline.wire.chat.answers import Done
from lanline.wire.chat.offers import MAX_BYTES_AT_ONCE, MAX_ITEMS_AT_ONCE


class Offering:
    def __init__(self, context: GroupContext) -> None:
        self._context = context
        self.is_asked = False
        """The server of this link gathers."""
        self._told = b""
        """The head that it was told on this link."""
        self._has_room_entries = bool(context.tables.kept_room_entries())

    def end_link(self) -> None:
        self.is_asked, self._told = False, b""
        self._has_room_entries = bool(self._context.tables.kept_room_entries())

    def note_kept(self) -> None:
        """A copy of a log was cut: there may be more to bring."""
        self._has_room_entries = bool(self._context.tables.kept_room_entries())

    def head_steps(self) -> Steps[None] | None:
        """Before anything else is done on a link."""
        chain = self._context.copy.chain
        return self._tell() if self.is_asked and chain.height and self._told != chain.head else None

    def key_steps(self) -> Steps[None] | None:
        """When this device and the server have the same chain, and before others are asked for what is sealed to it."""
        history = self._context.history
        return self._bring_keys(history) if self._context.tables.chain_history("keys") != history else None

    def room_steps(self) -> Steps[None] | None:
        return self._bring_room_entries() if self._has_room_entries else None

    def _tell(self) -> Steps[None]:
        copy, server = self._context.copy, self._context.server
        self._told = copy.chain.head
        try:
            told = yield from server.ask(wire.TellHead(0, copy.chain.height, copy.chain.head), wire.HeadTold)
            if told.after is not None:
                yield from self._offer(told.after)
        except RequestRefused as refused:
            if refused.code is RefusalCode.SLOW_DOWN:
                self._told = b""
                raise
            if refused.code is RefusalCode.NOT_ALLOWED:
                yield from self._come_in_again()
            # Others have brought enough: nothing to be done.

    def _come_in_again(self) -> Steps[None]:
        """The server has lost the entry by which this device came in, and perhaps nobody else has it. It is brought
        once more; where the server does not take it, the device asks to be let in anew.
        """
        copy, context = self._context.copy, self._context
        lost = [] if copy.forked_at is not None else copy.items_after(copy.shown.height)
        mine = copy.chain.devices.get(copy.device_id)
        seed = context.seeds.get(1)
        if len(lost) == 1 and seed is not None and mine is not None and mine.since == copy.chain.height:
            keys = context.own.device_key.public_bytes, SealingKey.of_generation(seed).public_bytes
            yield from context.server.ask(groups.PutKeys(0, keys), Done)
            try:
                yield from context.server.ask(groups.AppendKey(0, lost[0][1]), groups.KeyTaken)
            except RequestRefused as refused:
                if refused.code is RefusalCode.SLOW_DOWN:  # the server takes none yet
                    self._told = b""
                    raise
                if not copy.come_in_anew():  # it was too long ago, say
                    raise

    def _offer(self, after: int) -> Steps[None]:
        copy = self._context.copy
        items = [] if copy.forked_at is not None else copy.items_after(after)
        yield from self._bring_in_full(after)
        offered = [wire.OfferedItem(suite, content) for suite, content in items]
        portions = list(_portions(offered))
        for number, portion in enumerate(portions, 1):
            message = wire.OfferKeys(0, after, tuple(portion), number == len(portions))
            yield from self._context.server.ask(message, Done)
            after += len(portion)

    def _bring_in_full(self, after: int) -> Steps[None]:
        """The entries whose stubs are offered: a stub that one member alone brings could be made up."""
        chain = self._context.copy.chain
        found = [(full_entry_of(chain, each), each) for each in self._context.tables.kept_room_entries()]
        contents = [each for entry, each in found if entry is not None and entry.height > after]
        for piece in _pieces(contents):
            with contextlib.suppress(RequestRefused):  # it takes none into its rooms yet, and has heard of these
                yield from self._context.server.ask(wire.OfferRoomKeys(0, piece), Done)

    def _bring_keys(self, history: bytes) -> Steps[None]:
        """A server that was put back may have lost them."""
        yield from bring_keys(self._context)
        self._context.tables.put_chain_history("keys", history)

    def _bring_room_entries(self) -> Steps[None]:
        contents = sorted(self._context.tables.kept_room_entries(), key=lambda each: height_of(each) or 0)
        for piece in _pieces(contents):
            yield from self._context.server.ask(wire.OfferRoomKeys(0, piece), Done)
        self._context.tables.forget_room_entries()
        self._has_room_entries = False


def _pieces(contents: Sequence[bytes]) -> Iterator[tuple[bytes, ...]]:
    """Of entries of rooms, each of which may be large."""
    for start in range(0, len(contents), MAX_ITEMS_AT_ONCE // 4):
        yield tuple(contents[start : start + MAX_ITEMS_AT_ONCE // 4])


def _portions(items: Sequence[wire.OfferedItem]) -> Iterator[list[wire.OfferedItem]]:
    """At least one, of as much as one message holds."""
    portion: list[wire.OfferedItem] = []
    size = 0
    for each in items:
        if portion and (len(portion) >= MAX_ITEMS_AT_ONCE or size + len(each.content) > MAX_BYTES_AT_ONCE):
            yield portion
            portion, size = [], 0
        portion.append(each)
        size += len(each.content)
    yield portion
