"""Looks into the server's database at every commit: nothing that was there is gone or another, no cursor has gone back.

Logs go by the names that people know: a room's own, or those of the two who talk.
"""

from __future__ import annotations

import msgspec

from lanline.model.content import Content, Text
from lanline.storage.sqlite.engine import SqliteEngine, SqliteView
from sim.system.ledger import Ledger, Marks, PromiseBroken, Stands

_ENTRIES = "SELECT sequence, account, time_ms, content FROM entries WHERE log = ? AND sequence > ? ORDER BY sequence"
_JOINED = "SELECT account FROM memberships WHERE log = ? AND standing = 'joined'"
_sealed: msgspec.msgpack.Decoder[Content] = msgspec.msgpack.Decoder(Content)


def between(one: str, other: str) -> str:
    return " and ".join(sorted((one, other)))


class Auditor:
    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.names: dict[int, str] = {}
        self.wheres: dict[int, str] = {}
        self._marks = Marks()

    def audit(self, engine: SqliteEngine) -> None:
        engine.read(lambda view: self._audit(view, is_whole=False))

    def audit_whole(self, engine: SqliteEngine) -> None:
        """After a crash: all from the first entry on."""
        engine.read(lambda view: self._audit(view, is_whole=True))

    def _audit(self, view: SqliteView, *, is_whole: bool) -> None:
        execute = view.driver.execute
        heads = execute("SELECT id, head FROM logs").fetchall()
        for log, head in heads:
            where = self._where(view, log)
            known = len(self.ledger.logs[where])
            if is_whole:
                self.ledger.expect_kept(where, head)
            if is_whole or head != known:
                self._take(view, log, 0 if is_whole else known)
            if len(self.ledger.logs[where]) != head:
                raise PromiseBroken(f"{where} says that its head is {head}, and has {len(self.ledger.logs[where])}")
        for log, device, delivered, read in execute("SELECT log, device, delivered, read FROM cursors").fetchall():
            self._marks.see(("the server's delivered of", log, device), delivered)
            self._marks.see(("the server's read of", log, device), read)

    def _take(self, view: SqliteView, log: int, after: int) -> None:
        entries = []
        last_ms = 0
        for sequence, account, time_ms, content in view.driver.execute(_ENTRIES, (log, after)).fetchall():
            if time_ms < last_ms:
                raise PromiseBroken(f"the time of {self.wheres[log]} {sequence} is before that of its predecessor")
            last_ms = time_ms
            said = _sealed.decode(content)
            assert isinstance(said, Text)
            entries.append(Stands(sequence, self._name(view, account), said.text))
        self._marks.see(("the time of", log), last_ms or self._marks.of(("the time of", log)))
        self.ledger.commit(self.wheres[log], entries)

    def _name(self, view: SqliteView, account: int) -> str:
        if account not in self.names:
            (name,) = view.driver.execute("SELECT name FROM accounts WHERE id = ?", (account,)).fetchone()
            self.names[account] = name
        return self.names[account]

    def _where(self, view: SqliteView, log: int) -> str:
        if log not in self.wheres:
            room = view.driver.execute("SELECT name FROM rooms WHERE log = ?", (log,)).fetchone()
            if room is None:
                pair = view.driver.execute("SELECT lower, higher FROM directs WHERE log = ?", (log,)).fetchone()
                self.wheres[log] = between(self._name(view, pair[0]), self._name(view, pair[1]))
            else:
                (self.wheres[log],) = room
        return self.wheres[log]

    # ---- at the end ----

    def readers(self, engine: SqliteEngine) -> dict[str, set[str]]:
        """By log, who may read it now."""

        def look(view: SqliteView) -> dict[str, set[str]]:
            found: dict[str, set[str]] = {}
            for log, where in self.wheres.items():
                pair = view.driver.execute("SELECT lower, higher FROM directs WHERE log = ?", (log,)).fetchone()
                accounts = pair or [row[0] for row in view.driver.execute(_JOINED, (log,)).fetchall()]
                found[where] = {self._name(view, account) for account in accounts}
            return found

        return engine.read(look)

    def banned(self, engine: SqliteEngine) -> set[str]:
        def look(view: SqliteView) -> set[str]:
            return {name for (name,) in view.driver.execute("SELECT name FROM accounts WHERE is_banned").fetchall()}

        return engine.read(look)

    def cursors(self, engine: SqliteEngine) -> dict[tuple[bytes, str], tuple[int, int]]:
        """By the key of the device and the log: delivered and read."""

        def look(view: SqliteView) -> dict[tuple[bytes, str], tuple[int, int]]:
            rows = view.driver.execute(
                "SELECT fingerprint, log, delivered, read FROM cursors JOIN devices ON devices.id = device"
            ).fetchall()
            return {
                (fingerprint, self._where(view, log)): (delivered, read) for fingerprint, log, delivered, read in rows
            }

        return engine.read(look)
