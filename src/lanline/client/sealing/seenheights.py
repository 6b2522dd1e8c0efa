"""Owns which heights of the chain the words of each room have named, by their places: docs/protocol/sealing.md, 5.

Words of a device that has ended count below the first that names its end, and not above: else the server and whoever
has the device would speak on, by naming a height at which it was not gone yet.
"""

from __future__ import annotations

from lanline.client.sealing.tables import GroupTables
from lanline.proto.chain.state import NEVER


class SeenHeights:
    def __init__(self, tables: GroupTables) -> None:
        self._tables = tables
        self._known: dict[bytes, list[tuple[int, int]]] = {}
        """By room: places that rise, each with a height above all that were named before it."""

    def is_above_end(self, room_id: bytes, place: int, ended: int) -> bool:
        """Whether words below that place have named the height at which somebody ended."""
        if ended == NEVER:
            return False
        return any(height >= ended for at, height in self._of(room_id) if at < place)

    def note(self, room_id: bytes, place: int, height: int) -> None:
        """Words that are believed, and name the chain as it is here."""
        known = self._of(room_id)
        if any(at <= place and named >= height for at, named in known):
            return
        self._known[room_id] = sorted(
            [(at, named) for at, named in known if at < place or named > height] + [(place, height)]
        )
        self._tables.put_seen_height(room_id, place, height)

    def forget(self) -> None:
        """Places mean other words now."""
        self._known.clear()
        self._tables.forget_seen_heights()

    def _of(self, room_id: bytes) -> list[tuple[int, int]]:
        if room_id not in self._known:
            self._known[room_id] = self._tables.seen_heights(room_id)
        return self._known[room_id]
