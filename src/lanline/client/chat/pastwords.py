"""Owns which words are believed no more once what was said before them is here: `ReadBefore` brings it in pages.

Of two words with the same ids the one at the lower place stands; and above what names the end of a device, nothing
stands that it says. So a log that is read from its end comes to the same as one that is read from its beginning.
"""

from __future__ import annotations

from collections.abc import Sequence

from lanline.client.chat.database import Database
from lanline.client.chat.sealing import DOUBTED, EARLIER, OPENED, doubted
from lanline.client.sealing.scopes import Place
from lanline.client.sealing.tables import GroupTables
from lanline.client.sealing.words import Body, GroupWords
from lanline.proto.chain.reasons import Reason
from lanline.wire.chat.entries import LogEntry

_REPEATS = (
    "SELECT later.sequence FROM entries AS first JOIN entries AS later ON later.log = first.log "
    "AND later.entry_id = first.entry_id AND later.account = first.account AND later.sequence > first.sequence "
    "WHERE first.log = ? AND first.sequence BETWEEN ? AND ? AND first.suite IN ('opened', 'earlier') "
    "AND later.suite IN ('opened', 'earlier', 'doubted')"
)
_ENTRY = (
    "SELECT sequence, entry_id, account, device, time_ms, suite, content FROM entries WHERE log = ? AND sequence = ?"
)


class PastWords:
    def __init__(self, database: Database, tables: GroupTables, words: GroupWords) -> None:
        self._database = database
        self._tables = tables
        self._words = words
        self._recent: dict[int, dict[tuple[int, bytes], int]] = {}
        """By log, the places of those by account and id that may not be on the disk yet."""

    def repeats(self, log: int, entries: Sequence[LogEntry]) -> set[int]:
        """The places of those that stand at another place before, also from before this program began."""
        first = self._tables.first_places(log, [each.entry_id for each in entries])
        recent, found = self._recent.setdefault(log, {}), set[int]()
        for each in entries:
            key, place = (each.account, each.entry_id), each.sequence
            stands = recent.setdefault(key, place)
            if stands < place or first.get(key, place) < place:
                found.add(place)
            elif stands > place:
                recent[key] = place
        return found

    def note_kept(self, log: int, through: int) -> None:
        """It is on the disk up to there."""
        left = {key: place for key, place in self._recent.pop(log, {}).items() if place > through}
        if left:
            self._recent[log] = left

    def note(self, log: int, place: int, body: Body) -> None:
        """Words that are believed, as long as nothing that stands below them and is not here says otherwise."""
        if self._words.has_ended(body.device_id):
            with self._database.write() as writer:
                row = log, place, body.device_id
                writer.execute("INSERT OR REPLACE INTO words_of_ended VALUES (?, ?, ?)", row)

    def struck_by(self, where: Place, page: tuple[LogEntry, ...]) -> list[LogEntry]:
        """What stands above this page, which is on the disk, and is not believed any more: as it is to be kept."""
        if not page:
            return []
        log = where.log
        struck = dict.fromkeys(self._words.take_overtaken(where), Reason.TURNED_AROUND)
        repeats = self._database.read(_REPEATS, (log, page[0].sequence, page[-1].sequence))
        struck |= {int(place): Reason.KNOWN_ID for (place,) in repeats}
        kept = self._database.read("SELECT place, device_id FROM words_of_ended WHERE log = ?", (log,))
        for place, device_id in kept:
            if self._words.is_above_end(where, int(place), device_id):
                struck[int(place)] = Reason.ENDED
        found = [LogEntry(*row) for place in sorted(struck) for row in self._database.read(_ENTRY, (log, place))]
        self._forget(log, struck)
        return [doubted(each, struck[each.sequence]) for each in found if each.suite in {OPENED, EARLIER, DOUBTED}]

    def forget(self, log: int) -> None:
        """The copy of this log is another now."""
        self._recent.pop(log, None)
        with self._database.write() as writer:
            writer.execute("DELETE FROM words_of_ended WHERE log = ?", (log,))

    def _forget(self, log: int, places: dict[int, Reason]) -> None:
        with self._database.write() as writer:
            writer.executemany(
                "DELETE FROM words_of_ended WHERE log = ? AND place = ?", [(log, place) for place in places]
            )
