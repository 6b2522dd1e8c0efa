"""Looks into the server's database at every commit: nothing that was there is gone or another, no cursor has gone back.

Logs go by the names that people know: a room's own, or those of the two who talk.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from lanline.model.content import Content, Text
from lanline.model.logs import MAX_HIDDEN_STEP_MS
from lanline.storage.sqlite.engine import SqliteEngine, SqliteView
from sim.system.ledger import Ledger, Marks, PromiseBroken, Stands

_TIME = "SELECT time_ms FROM entries WHERE log = ? AND sequence = ?"
_ENTRIES = "SELECT sequence, account, time_ms, content FROM entries WHERE log = ? AND sequence > ? ORDER BY sequence"
_JOINED = "SELECT account FROM memberships WHERE log = ? AND standing = 'joined'"
_SPEAKERS = "SELECT log, account FROM memberships WHERE standing = 'joined' AND NOT is_muted"
_CURSORS = "SELECT log, device, account, delivered, read FROM cursors JOIN devices ON devices.id = device"
_sealed: msgspec.msgpack.Decoder[Content] = msgspec.msgpack.Decoder(Content)


def between(one: str, other: str) -> str:
    return " and ".join(sorted((one, other)))


@dataclass(slots=True)
class Truth:
    """How things stand on the server's disk."""

    readers: dict[str, set[str]] = field(default_factory=dict)
    """By log, who may read it."""
    barred: set[str] = field(default_factory=set)
    """Whom the server does not let in any more."""
    revoked: set[bytes] = field(default_factory=set)
    """The keys of devices that it does not know any more."""
    cursors: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """By log and person: delivered and read, on whichever device."""
    delivered: dict[tuple[bytes, str], int] = field(default_factory=dict)
    """By the key of the device, and log."""
    topics: dict[str, str] = field(default_factory=dict)


class Auditor:
    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.names: dict[int, str] = {}
        self.wheres: dict[int, str] = {}
        self.barred: set[tuple[str, str]] = set()
        """Who once could not speak any more where they could before."""
        self.reached: dict[tuple[str, str], tuple[int, int]] = {}
        """By log and person: delivered and read, on whichever device."""
        self._speakers: dict[str, set[str]] = {}
        self._marks = Marks()

    def audit(self, engine: SqliteEngine) -> None:
        engine.read(lambda view: self._audit(view, is_whole=False))

    def audit_whole(self, engine: SqliteEngine) -> None:
        """After a crash: all from the first entry on."""
        engine.read(lambda view: self._audit(view, is_whole=True))

    def _audit(self, view: SqliteView, *, is_whole: bool) -> None:
        execute = view.connection.execute
        heads = execute("SELECT id, head FROM logs").fetchall()
        for where in set(self.ledger.logs) - {self._where(view, log) for log, _ in heads} if is_whole else ():
            self.ledger.expect_kept(where, 0)
        for log, head in heads:
            where = self._where(view, log)
            known = len(self.ledger.logs[where])
            if is_whole:
                self.ledger.expect_kept(where, head)
            if is_whole or head != known:
                self._take(view, log, 0 if is_whole else known)
            if len(self.ledger.logs[where]) != head:
                raise PromiseBroken(f"{where} says that its head is {head}, and has {len(self.ledger.logs[where])}")
        self._note_cursors(view)
        self._note_speakers(view)

    def _note_cursors(self, view: SqliteView) -> None:
        for log, device, account, delivered, read in view.connection.execute(_CURSORS).fetchall():
            self._marks.see(("the server's delivered of", log, device), delivered)
            self._marks.see(("the server's read of", log, device), read)
            key = self._where(view, log), self._name(view, account)
            known = self.reached.get(key, (0, 0))
            self.reached[key] = max(known[0], delivered), max(known[1], read)

    def _note_speakers(self, view: SqliteView) -> None:
        speakers: dict[str, set[str]] = {where: set() for where in self._speakers}
        for log, account in view.connection.execute(_SPEAKERS).fetchall():
            speakers.setdefault(self._where(view, log), set()).add(self._name(view, account))
        for where, names in self._speakers.items():
            self.barred.update((where, name) for name in names - speakers[where])
        self._speakers = speakers

    def _take(self, view: SqliteView, log: int, after: int) -> None:
        entries = []
        (last_ms,) = view.connection.execute(_TIME, (log, after)).fetchone() or (0,)
        for sequence, account, time_ms, content in view.connection.execute(_ENTRIES, (log, after)).fetchall():
            if 0 < last_ms - time_ms <= MAX_HIDDEN_STEP_MS:
                raise PromiseBroken(f"the time of {self.wheres[log]} {sequence} is a little before its predecessor's")
            last_ms = time_ms
            said = _sealed.decode(content)
            assert isinstance(said, Text)
            entries.append(Stands(sequence, self._name(view, account), said.text))
        self.ledger.commit(self.wheres[log], entries)

    def _name(self, view: SqliteView, account: int) -> str:
        if account not in self.names:
            (name,) = view.connection.execute("SELECT name FROM accounts WHERE id = ?", (account,)).fetchone()
            self.names[account] = name
        return self.names[account]

    def _where(self, view: SqliteView, log: int) -> str:
        if log not in self.wheres:
            room = view.connection.execute("SELECT name FROM rooms WHERE log = ?", (log,)).fetchone()
            if room is None:
                pair = view.connection.execute("SELECT lower, higher FROM directs WHERE log = ?", (log,)).fetchone()
                self.wheres[log] = between(self._name(view, pair[0]), self._name(view, pair[1]))
            else:
                (self.wheres[log],) = room
        return self.wheres[log]

    # ---- at the end ----

    def truth(self, engine: SqliteEngine) -> Truth:
        return engine.read(self._truth)

    def _truth(self, view: SqliteView) -> Truth:
        execute = view.connection.execute
        truth = Truth()
        for log, where in self.wheres.items():
            pair = execute("SELECT lower, higher FROM directs WHERE log = ?", (log,)).fetchone()
            accounts = pair or [row[0] for row in execute(_JOINED, (log,)).fetchall()]
            truth.readers[where] = {self._name(view, account) for account in accounts}
        truth.barred = {name for (name,) in execute("SELECT name FROM accounts WHERE is_banned").fetchall()}
        truth.cursors = dict(self.reached)
        for fingerprint, log, delivered in execute(
            "SELECT fingerprint, log, delivered FROM cursors JOIN devices ON devices.id = device"
        ).fetchall():
            truth.delivered[fingerprint, self._where(view, log)] = delivered
        truth.revoked = {row[0] for row in execute("SELECT fingerprint FROM devices WHERE revoked_ms IS NOT NULL")}
        for log, topic in execute("SELECT log, topic FROM rooms").fetchall():
            truth.topics[self._where(view, log)] = topic
        return truth
