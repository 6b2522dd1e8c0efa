"""Owns the tables about a server that was restored: which copies are unproven, what was set aside, what can be brought
back, and the hashes over logs. Not how copies are compared: `comparison`.

Hashes are kept of the newest place, and of older ones at distances that grow: where a log is cut, as after a restore of
the server, the nearest older one is the one to go on from. What is hashed: `client/sealing/logchain`.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
from msgspec import structs

from lanline.client.chat.database import KEEP_FACT, KEEP_STATEMENT, Database
from lanline.client.chat.sealed.content import (
    AGAIN,
    CARRIED,
    EARLIER,
    OPENED,
    PLAIN,
    KeptCarried,
    carried_words,
)
from lanline.client.sealing.logchain import Seen
from lanline.client.view.events import ServerRestored
from lanline.crypto.groups.epochs import epoch_id_of
from lanline.errors import MalformedPacket
from lanline.wire.chat.entries import LogEntry
from lanline.wire.chat.offers import MAX_CARRIED_BYTES
from lanline.wire.sealing.said import CARRIED_SUITE, SAID_SUITE, decode_carried, decode_epoch

_MAX_KEPT = 160
_SUITES_KEPT = {SAID_SUITE, CARRIED_SUITE}
_ALL_OF_NEWEST = 16


def put_hash(writer: sqlite3.Connection, log: int, seen: Seen) -> None:
    writer.execute("INSERT OR REPLACE INTO log_hashes VALUES (?, ?, ?)", (log, *seen))
    rows = writer.execute("SELECT place FROM log_hashes WHERE log = ? ORDER BY place DESC", (log,)).fetchall()
    if len(rows) > _MAX_KEPT:
        dropped = [(log, place) for place in too_near([place for (place,) in rows])]
        writer.executemany("DELETE FROM log_hashes WHERE log = ? AND place = ?", dropped)


def cut_hashes(writer: sqlite3.Connection, log: int, through: int) -> None:
    writer.execute("DELETE FROM log_hashes WHERE log = ? AND place > ?", (log, through))


def hash_at_or_below(database: Database, log: int, place: int) -> Seen | None:
    rows = database.read(
        "SELECT place, hash FROM log_hashes WHERE log = ? AND place <= ? ORDER BY place DESC LIMIT 1", (log, place)
    )
    return (rows[0][0], rows[0][1]) if rows else None


def too_near(places: Sequence[int]) -> list[int]:
    """Newest first. Of the others one is left in each stretch, and stretches are longer the further back they lie."""
    newest, left, dropped = places[0], set[tuple[int, int]](), []
    for each in reversed(places[_ALL_OF_NEWEST:]):
        length = 1 << ((newest - each) // 4).bit_length() - 1
        stretch = length, each // length
        if stretch in left:
            dropped.append(each)
        left.add(stretch)
    return dropped


_BELIEVED = {PLAIN, OPENED, EARLIER}
_BROUGHT = {CARRIED, AGAIN}
_MAX_SEALED_KEPT = 10_000
KEPT_OF_CATCH_UP = 1_000
"""Of what came while this device was away: whoever was there when it was said has it, too."""


def may_be_brought(came: Sequence[LogEntry]) -> list[LogEntry]:
    """Of what came, what is kept as it came: sealed words that are not too long."""
    return [each for each in came if each.suite in _SUITES_KEPT and len(each.content) <= MAX_CARRIED_BYTES]


def put_sealed(writer: sqlite3.Connection, log: int, came: Sequence[LogEntry]) -> None:
    """Words as they came or went out, of which the newest are kept."""
    rows = [(log, each.sequence, each.entry_id, each.content) for each in came if each.suite == SAID_SUITE]
    for each in came:
        if each.suite == CARRIED_SUITE:
            with contextlib.suppress(MalformedPacket):
                carried = decode_carried(each.content)
                rows.append((log, each.sequence, carried.entry_id, carried.said))
    writer.executemany("INSERT OR IGNORE INTO sealed_words (log, sequence, entry_id, said) VALUES (?, ?, ?, ?)", rows)
    writer.execute(
        "DELETE FROM sealed_words WHERE position <= (SELECT max(position) FROM sealed_words) - ?", (_MAX_SEALED_KEPT,)
    )


def note_carried(writer: sqlite3.Connection, log: int, entries: Sequence[LogEntry]) -> None:
    """What somebody has brought is not set aside any more, and is shown once."""
    for each in [each for each in entries if each.suite in _BROUGHT]:
        if each.suite == CARRIED:
            words = carried_words(each)
            row = log, each.sequence, words.account, words.entry_id
            writer.execute("INSERT OR REPLACE INTO carried_words VALUES (?, ?, ?, ?)", row)
        if each.content:
            _drop_brought(writer, carried_words(each))


def _drop_brought(writer: sqlite3.Connection, words: KeptCarried) -> None:
    """Only the same sealed bytes: anybody can take an id, and the number of an account is the server's word."""
    found = writer.execute(
        "SELECT log, account, entry_id, said FROM set_aside WHERE sealed_id = ? AND said IS NOT NULL", (words.entry_id,)
    ).fetchall()
    for *key, said in found:
        if hashlib.sha256(said).digest() == words.said_hash:
            writer.execute(_DROP, key)


def drop_returned(writer: sqlite3.Connection, log: int, entries: Sequence[LogEntry]) -> None:
    """What a restored server has after all is no longer set aside, where it is believed."""
    if writer.execute("SELECT 1 FROM set_aside LIMIT 1").fetchone():
        rows = [
            (log, each.account, each.entry_id, each.content, each.sequence)
            for each in entries
            if each.suite in _BELIEVED
        ]
        writer.executemany(_DROP_RETURNED, rows)
    note_carried(writer, log, entries)


def said_by_account(entries: Sequence[LogEntry], account: int) -> list[LogEntry]:
    """Also what somebody else has brought, under the id that it was said with. Nothing that is not believed."""
    if account not in {each.account for each in entries} and CARRIED not in {each.suite for each in entries}:
        return []
    return [
        structs.replace(each, entry_id=carried_words(each).entry_id) if each.suite == CARRIED else each
        for each in entries
        if (each.account == account and each.suite in _BELIEVED)
        or (each.suite == CARRIED and carried_words(each).account == account)
    ]


_DROP = "DELETE FROM set_aside WHERE log = ? AND account = ? AND entry_id = ?"
_DROP_RETURNED = (
    "DELETE FROM set_aside WHERE log = ?1 AND account = ?2 AND entry_id = ?3 AND (content = ?4 OR suite = 'doubted' "
    "OR said = (SELECT said FROM sealed_words WHERE log = ?1 AND sequence = ?5))"
)
_MOVE = (
    "INSERT OR IGNORE INTO set_aside "
    "SELECT e.log, e.entry_id, u.title, e.sequence, e.account, coalesce(p.name, ''), e.time_ms, e.suite, e.content, "
    "?3, 0, w.entry_id, w.said, '' FROM entries e JOIN unproven u ON u.log = e.log "
    "LEFT JOIN people_then p ON p.account = e.account "
    "LEFT JOIN sealed_words w ON w.log = e.log AND w.sequence = e.sequence "
    "WHERE e.log = ?1 AND e.sequence > ?2 AND e.suite NOT IN ('epoch/1', 'key/1', 'again')"
)
_PUT_CURSORS = (
    "UPDATE cursors SET first = min(first, ?2), delivered = ?2, has_begun = (?2 > 0), read = ?3, "
    "others_delivered = ?4, others_read = ?5 WHERE log = ?1"
)
_STATEMENTS = (
    "SELECT content FROM entries WHERE suite = 'epoch/1' UNION SELECT content FROM chain_items WHERE suite = 'epoch/1' "
    "UNION SELECT content FROM own_statements"
)
_ASIDE = (
    "INSERT OR IGNORE INTO set_aside SELECT e.log, e.entry_id, coalesce(l.title, ''), e.sequence, e.account, "
    "coalesce(p.name, ''), e.time_ms, e.suite, e.content, '', 0, w.entry_id, w.said, '' FROM entries e "
    "LEFT JOIN logs l ON l.log = e.log LEFT JOIN people p ON p.account = e.account "
    "LEFT JOIN sealed_words w ON w.log = e.log AND w.sequence = e.sequence WHERE e.log = ? AND e.sequence = ?"
)


def set_aside_others(writer: sqlite3.Connection, log: int, entries: Sequence[LogEntry]) -> None:
    """One's own, to which the server gave places where it shows something else now: it was put back in silence."""
    if not entries:
        return
    here = writer.execute(
        "SELECT sequence, account, entry_id FROM entries WHERE log = ? AND sequence BETWEEN ? AND ?",
        (log, entries[0].sequence, entries[-1].sequence),
    ).fetchall()
    if not here:
        return
    came = {each.sequence: (each.account, each.entry_id) for each in entries}
    for sequence, *kept in here:
        if came.get(sequence) != tuple(kept):
            writer.execute(_ASIDE, (log, sequence))
            writer.execute("DELETE FROM entries WHERE log = ? AND sequence = ?", (log, sequence))
            writer.execute("DELETE FROM sealed_words WHERE log = ? AND sequence = ?", (log, sequence))


_MAX_TITLES = 3


class LostEntry(msgspec.Struct, frozen=True):
    """One that this device has and the server has not, any more."""

    log: int
    title: str
    name: str
    """Of who said it; the account's number may be somebody else's now."""
    entry: LogEntry
    reason: str = ""
    """Why the server does not take it; empty where nobody has brought it yet."""


class SetAsideWords(NamedTuple):
    """What is set aside, and can be brought back, as it was sealed."""

    log: int
    account: int
    row_id: bytes
    title: str
    entry_id: bytes


class LostEntries:
    def __init__(self, database: Database) -> None:
        self._database = database
        self.epoch = database.fact("epoch", "")
        """Of the server, as this home knows it; hexadecimal, empty when it is not known."""
        self.may_have_untold = self.may_bring = True

    def begin(self, epoch: str) -> None:
        """Nothing that is kept counts before it is proven."""
        with self._database.write() as writer:
            _doubt_all(writer)
            writer.execute(KEEP_FACT, ("epoch", epoch))
        self.epoch = epoch

    def doubt(self, log: int) -> None:
        """One log of which the server has less than this device: it was restored behind everybody's back."""
        with self._database.write() as writer:
            _keep_names(writer)
            _keep_room_entries(writer)
            _keep_statements(writer)
            writer.execute("INSERT OR IGNORE INTO unproven SELECT log, title FROM logs WHERE log = ?", (log,))

    def unproven(self) -> set[int]:
        return {log for (log,) in self._database.read("SELECT log FROM unproven")}

    def identity(self, log: int, sequence: int) -> tuple[object, ...] | None:
        """By which an entry is the same one: its id, who said it, and when the server took it."""
        found = self._database.read(
            "SELECT entry_id, account, time_ms FROM entries WHERE log = ? AND sequence = ?", (log, sequence)
        )
        return found[0] if found else None

    def hash_at_or_below(self, log: int, place: int) -> Seen | None:
        return hash_at_or_below(self._database, log, place)

    def part(
        self, log: int, agreed: int, read: int, others_delivered: int, others_read: int, known: bytes | None
    ) -> None:
        """All after `agreed` goes aside, and the copy ends there; 0 for a copy of which nothing is to stay.

        `known`: the hash over what stays.
        """
        with self._database.write() as writer:
            writer.execute(_MOVE, (log, agreed, self.epoch))
            writer.execute("DELETE FROM entries WHERE log = ? AND sequence > ?", (log, agreed))
            writer.execute("DELETE FROM sealed_words WHERE log = ? AND sequence > ?", (log, agreed))
            writer.execute("DELETE FROM carried_words WHERE log = ? AND place > ?", (log, agreed))
            cut_hashes(writer, log, agreed)
            if known is not None:
                put_hash(writer, log, (agreed, known))
            writer.execute(_PUT_CURSORS, (log, agreed, read, others_delivered, others_read))
            writer.execute("DELETE FROM unproven WHERE log = ?", (log,))
        self.may_have_untold = self.may_bring = True

    def take_news(self) -> ServerRestored | None:
        """How many were set aside that the person was not told of, and where; told by this."""
        self.may_have_untold = False
        rows = self._database.read(
            "SELECT title, count(*) FROM set_aside WHERE NOT is_told GROUP BY title ORDER BY title"
        )
        if not rows:
            return None
        self._database.run("UPDATE set_aside SET is_told = 1 WHERE NOT is_told")
        count = sum(count for _, count in rows)
        return ServerRestored(_sentence(count, [title for title, _ in rows]), count)

    # What can be brought back.

    def to_bring(self) -> list[SetAsideWords]:
        """In the order of their places."""
        rows = self._database.read(
            "SELECT log, account, entry_id, title, sealed_id FROM set_aside "
            "WHERE said IS NOT NULL AND reason = '' ORDER BY log, time_ms, sequence"
        )
        self.may_bring = bool(rows)
        return [SetAsideWords(*row) for row in rows]

    def as_sealed(self, words: SetAsideWords) -> bytes:
        [[said]] = self._database.read(
            "SELECT said FROM set_aside WHERE log = ? AND account = ? AND entry_id = ?", words[:3]
        )
        return bytes(said)

    def note_refused(self, refused: Iterable[tuple[SetAsideWords, str]]) -> None:
        """With the reason. What the server says that it has is dropped when it is read, and not by its word."""
        with self._database.write() as writer:
            for words, reason in refused:
                key = words.log, words.account, words.row_id
                writer.execute(
                    "UPDATE set_aside SET reason = ? WHERE log = ? AND account = ? AND entry_id = ?", (reason, *key)
                )

    def entries(self) -> list[LostEntry]:
        """Oldest first within each conversation."""
        rows = self._database.read(
            "SELECT log, title, name, reason, sequence, entry_id, account, account, time_ms, suite, content "
            "FROM set_aside ORDER BY log, time_ms, sequence"
        )
        return [LostEntry(log, title, name, LogEntry(*entry), reason) for log, title, name, reason, *entry in rows]


def _keep_room_entries(writer: sqlite3.Connection) -> None:
    """Who was in private rooms, by their entries: the restored server has only stubs of those that it has lost."""
    found = writer.execute("SELECT content FROM entries WHERE suite = 'key/1'").fetchall()
    rows = [(hashlib.sha256(content).digest(), content) for (content,) in found]
    writer.executemany("INSERT OR IGNORE INTO kept_room_entries VALUES (?, ?)", rows)


def _keep_statements(writer: sqlite3.Connection) -> None:
    """Those of epochs: with them comes back what was sealed under epochs that the server has lost."""
    for (content,) in writer.execute(_STATEMENTS).fetchall():
        with contextlib.suppress(MalformedPacket):
            writer.execute(KEEP_STATEMENT, (epoch_id_of(decode_epoch(content)[1].commitment), content))


def _doubt_all(writer: sqlite3.Connection) -> None:
    _keep_names(writer)
    _keep_room_entries(writer)
    _keep_statements(writer)
    writer.execute(
        "INSERT OR IGNORE INTO unproven SELECT c.log, coalesce(l.title, '') FROM cursors c "
        "LEFT JOIN logs l ON l.log = c.log UNION SELECT e.log, coalesce(l.title, '') FROM entries e "
        "LEFT JOIN logs l ON l.log = e.log"
    )
    # Which conversations there are is for the server to say, and which log is meant by what waits to be sent:
    # under a number that was given out again it would go to others.
    writer.execute("UPDATE logs SET is_open = 0, head = 0")
    writer.execute("UPDATE outbox SET log = NULL, sealed = NULL")


def _keep_names(writer: sqlite3.Connection) -> None:
    """Those of the oldest time that something unproven is left of."""
    writer.execute("DELETE FROM people_then WHERE NOT EXISTS (SELECT 1 FROM unproven)")
    writer.execute("INSERT OR IGNORE INTO people_then SELECT account, name FROM people")


def _sentence(count: int, titles: Sequence[str]) -> str:
    are, them = ("is", "it") if count == 1 else ("are", "them")
    what = "1 message" if count == 1 else f"{count} messages"
    shown = list(titles[:_MAX_TITLES])
    where = f"{', '.join(shown)} and elsewhere" if len(titles) > _MAX_TITLES else " and ".join(shown)
    return (
        f"The server was restored from an older backup: {what} in {where} {are} not there any more. This device has "
        f"set {them} aside, and what was sealed is brought back by those who have it; lanline log '{shown[0]}' "
        "--set-aside shows what is not."
    )
