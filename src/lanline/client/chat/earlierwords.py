"""Owns how words are opened that were sealed in a group before the present one. Nothing is sealed here.

They are judged by that group's own chain, with the same rules; and count only below the first words of the present one
in their log, or whoever has a key of the old group could speak on with the server's help.
"""

from __future__ import annotations

from collections.abc import Sequence

from lanline.client.sealing.context import GroupContext
from lanline.client.sealing.keystore import Keystore
from lanline.client.sealing.pasttables import PastTables, past_groups
from lanline.client.sealing.scopes import Place
from lanline.client.sealing.words import Body, GroupWords, Lacks, Outcome, Said


class EarlierWords:
    def __init__(self, context: GroupContext) -> None:
        self._context = context
        self._groups: list[GroupWords] | None = None
        """None: not read yet, for most never meet such words."""

    def forget(self) -> None:
        """There is one more, or what was read of a log is another now."""
        self._groups = None

    def open(self, place: Place, said: Sequence[Said]) -> dict[int, Body]:
        """Those that hold by one of these groups, by their places."""
        found: dict[int, Body] = {}
        for words in self._read() if said else []:
            left = [each for each in said if each.place not in found]
            outcomes = zip(left, words.open(place, left), strict=True)
            found |= {each.place: outcome for each, outcome in outcomes if isinstance(outcome, Body)}
        return found

    def note_keys(self, log: int, of_keys: Sequence[tuple[int, str, bytes]]) -> None:
        """Statements and entries of rooms that have come: theirs, too, in what is read backwards."""
        for words in self._groups or []:
            for each in of_keys:
                words.scopes.add(log, *each)

    def _read(self) -> list[GroupWords]:
        if self._groups is None:
            ids = past_groups(self._context.tables.database)
            self._groups = [GroupWords(self._past(each)) for each in ids]
        return self._groups

    def _past(self, group_id: bytes) -> GroupContext:
        context = self._context
        tables = PastTables(context.tables.database, context.keys.device_secret, context.entropy, group_id)
        keys = Keystore.in_memory(context.keys.device_secret)
        line, clock = context.server.line, context.clock
        return GroupContext(keys, tables, clock, context.entropy, line, context.link_fingerprint)


def may_be_earlier(outcomes: Sequence[Outcome], said: Sequence[Said]) -> list[Said]:
    """Words under an epoch that the present group does not know."""
    if Lacks.EPOCH not in outcomes:
        return []
    return [each for each, outcome in zip(said, outcomes, strict=True) if outcome is Lacks.EPOCH]
