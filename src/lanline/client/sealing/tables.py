"""Owns the tables of the group in a home's database: copies of what the server has, and secrets opened from them.

All of it is a cache: thrown away, it is read and opened anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from lanline.client.chat.database import Database
from lanline.wire.chat.entries import LogEntry

_CHECKED = "chain_checked_to"


class GroupTables:
    def __init__(self, database: Database) -> None:
        self._database = database

    def items(self) -> list[tuple[int, str, bytes]]:
        """The log of the chain: place, suite and content."""
        rows = self._database.read("SELECT sequence, suite, content FROM chain_items ORDER BY sequence")
        return cast("list[tuple[int, str, bytes]]", rows)

    def checked_to(self) -> int:
        """The place up to which this device has found every item to hold."""
        rows = self._database.read("SELECT value FROM facts WHERE name = ?", (_CHECKED,))
        return cast("int", rows[0][0]) if rows else 0

    def add_items(self, entries: Sequence[LogEntry], checked_to: int) -> None:
        """What has come, and how far what came before was found to hold."""
        with self._database.write() as writer:
            writer.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (_CHECKED, checked_to))
            writer.executemany(
                "INSERT OR REPLACE INTO chain_items VALUES (?, ?, ?)",
                [(each.sequence, each.suite, each.content) for each in entries],
            )

    def key_entries(self, log: int) -> list[tuple[int, str, bytes]]:
        """Statements of epochs and entries of a private room that this device keeps of a log: by their places."""
        rows = self._database.read(
            "SELECT sequence, suite, content FROM entries WHERE log = ? AND suite IN ('epoch/1', 'key/1') "
            "ORDER BY sequence",
            (log,),
        )
        return cast("list[tuple[int, str, bytes]]", rows)

    def stands_before(self, log: int, place: int, account: int, entry_id: bytes) -> bool:
        """Whether this device has had it at another place of the log."""
        rows = self._database.read(
            "SELECT 1 FROM entries WHERE log = ? AND entry_id = ? AND account = ? AND sequence < ? LIMIT 1",
            (log, entry_id, account, place),
        )
        return bool(rows)

    def log_hash(self, log: int) -> tuple[int, bytes] | None:
        """Over all that this device has of a log, and up to which place; see `History.add_entries`."""
        rows = self._database.read("SELECT value FROM facts WHERE name = ?", (f"hash {log}",))
        kept = cast("bytes", rows[0][0]) if rows else b""
        return (int.from_bytes(kept[:8], "big"), kept[8:]) if kept else None

    def pinned_rooms(self) -> dict[str, bytes]:
        """The ids of the private rooms that this device is in, by the names under which it came to know them."""
        rows = self._database.read("SELECT name, value FROM facts WHERE name LIKE 'room #%'")
        return {name.removeprefix("room #"): room_id for name, room_id in cast("list[tuple[str, bytes]]", rows)}

    def pin_room(self, name: str, room_id: bytes | None) -> None:
        """None: it is not in it any more, and the name may be that of another."""
        with self._database.write() as writer:
            if room_id is None:
                writer.execute("DELETE FROM facts WHERE name = ?", (f"room #{name}",))
            else:
                writer.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (f"room #{name}", room_id))

    def secrets(self) -> dict[tuple[bytes, bytes], bytes]:
        """Of epochs: by scope and id."""
        rows = self._database.read("SELECT scope, epoch_id, secret FROM epoch_secrets")
        return {(scope, epoch_id): secret for scope, epoch_id, secret in cast("list[tuple[bytes, bytes, bytes]]", rows)}

    def put_secrets(self, secrets: Mapping[tuple[bytes, bytes], bytes]) -> None:
        with self._database.write() as writer:
            writer.executemany(
                "INSERT OR REPLACE INTO epoch_secrets VALUES (?, ?, ?)",
                [(scope, epoch_id, secret) for (scope, epoch_id), secret in secrets.items()],
            )

    def seeds(self) -> dict[int, bytes]:
        """Of the own account: by generation."""
        return dict(cast("list[tuple[int, bytes]]", self._database.read("SELECT generation, seed FROM account_seeds")))

    def put_seed(self, generation: int, seed: bytes) -> None:
        with self._database.write() as writer:
            writer.execute("INSERT OR REPLACE INTO account_seeds VALUES (?, ?)", (generation, seed))

    def keys(self, hashes: Sequence[bytes]) -> dict[bytes, bytes]:
        """Sealing keys of others, by their hashes."""
        found: dict[bytes, bytes] = {}
        for each in hashes:
            rows = self._database.read("SELECT data FROM seal_keys WHERE hash = ?", (each,))
            if rows:
                found[each] = cast("bytes", rows[0][0])
        return found

    def put_keys(self, keys: Mapping[bytes, bytes]) -> None:
        with self._database.write() as writer:
            writer.executemany("INSERT OR REPLACE INTO seal_keys VALUES (?, ?)", list(keys.items()))

    def forget(self) -> None:
        """All of it."""
        with self._database.write() as writer:
            writer.execute("DELETE FROM facts WHERE name = ?", (_CHECKED,))
            for table in ("chain_items", "epoch_secrets", "account_seeds", "seal_keys"):
                writer.execute(f"DELETE FROM {table}")  # noqa: S608 -- our own words
