"""The rows of the group's chain, of epochs, boxes, sealing keys, and of those who ask to be let in."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import starmap
from sqlite3 import Connection

from lanline.model.accounts import AccountId
from lanline.model.groups import Box, ChainHead, EntryRequest
from lanline.model.logs import LogId, LogKind

_STANDS = "SELECT 1 FROM epochs WHERE epochs.scope = boxes.scope AND epochs.epoch_id = boxes.epoch_id"
_BOX = (
    "SELECT boxes.scope, boxes.epoch_id, kind, recipient, generation, giver, data FROM boxes "
    "LEFT JOIN epochs ON epochs.scope = boxes.scope AND epochs.epoch_id = boxes.epoch_id "
    "WHERE kind = ? AND recipient = ? AND boxes.scope = ? AND boxes.epoch_id = ? AND (kind = 3 OR "
    "author IS NOT NULL) ORDER BY author IS NOT giver, given_ms, giver"
)
_PUT_BOX = (
    "INSERT OR REPLACE INTO boxes (scope, epoch_id, kind, recipient, generation, giver, data, given_ms) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_REQUEST = "SELECT account, joiner, signature, left_ms FROM entry_requests "


_PAST_BOX = _BOX.replace("boxes", "past_boxes")


class SqliteGroupsView:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def chain(self) -> ChainHead | None:
        row = self._connection.execute("SELECT log, height, head FROM chains").fetchone()
        return ChainHead(*row) if row else None

    def has_past(self) -> bool:
        return self._connection.execute("SELECT 1 FROM past_chains LIMIT 1").fetchone() is not None

    def past_chains(self) -> list[ChainHead]:
        rows = self._connection.execute("SELECT log, height, head FROM past_chains ORDER BY ended_ms DESC, log DESC")
        return list(starmap(ChainHead, rows))

    def private_room(self, log: LogId) -> bytes | None:
        row = self._connection.execute("SELECT room_id FROM private_rooms WHERE log = ?", (log,)).fetchone()
        return row[0] if row else None

    def private_rooms(self) -> list[LogId]:
        return [LogId(row[0]) for row in self._connection.execute("SELECT log FROM private_rooms ORDER BY log")]

    def epoch_height(self, scope: bytes, epoch_id: bytes) -> int | None:
        found = self._connection.execute(
            "SELECT height FROM epochs WHERE scope = ? AND epoch_id = ?", (scope, epoch_id)
        )
        row = found.fetchone()
        return row[0] if row else None

    def epoch_author(self, scope: bytes, epoch_id: bytes) -> AccountId | None:
        found = self._connection.execute(
            "SELECT author FROM epochs WHERE scope = ? AND epoch_id = ?", (scope, epoch_id)
        )
        row = found.fetchone()
        return row[0] if row else None

    def boxes_of(self, giver: AccountId) -> int:
        count: int = self._connection.execute("SELECT count(*) FROM boxes WHERE giver = ?", (giver,)).fetchone()[0]
        return count

    def epoch_ids(self, scope: bytes) -> set[bytes]:
        return {row[0] for row in self._connection.execute("SELECT epoch_id FROM epochs WHERE scope = ?", (scope,))}

    def epochs_given(self, giver: AccountId, scope: bytes) -> list[bytes]:
        found = self._connection.execute(
            "SELECT epoch_id FROM boxes WHERE giver = ? AND scope = ? GROUP BY epoch_id "
            "ORDER BY max(given_ms) DESC, epoch_id",
            (giver, scope),
        )
        return [row[0] for row in found]

    def boxes(self, kind: int, recipient: bytes, scope: bytes, epoch_ids: Sequence[bytes]) -> list[Box]:
        return self._boxes(_BOX, kind, recipient, scope, epoch_ids)

    def past_boxes(self, kind: int, recipient: bytes, scope: bytes, epoch_ids: Sequence[bytes]) -> list[Box]:
        return self._boxes(_PAST_BOX, kind, recipient, scope, epoch_ids)

    def _boxes(self, select: str, kind: int, recipient: bytes, scope: bytes, epoch_ids: Sequence[bytes]) -> list[Box]:
        found = (self._connection.execute(select, (kind, recipient, scope, epoch_id)) for epoch_id in epoch_ids)
        return [box for rows in found for box in starmap(Box, rows)]

    def recipients(self, giver: AccountId, scope: bytes, epoch_id: bytes) -> set[tuple[int, bytes, int]]:
        found = self._connection.execute(
            "SELECT kind, recipient, generation FROM boxes WHERE giver = ? AND scope = ? AND epoch_id = ?",
            (giver, scope, epoch_id),
        )
        return set(found.fetchall())

    def keys(self, hashes: Sequence[bytes]) -> dict[bytes, bytes]:
        found = {}
        for each in hashes:
            row = self._connection.execute("SELECT data FROM seal_keys WHERE hash = ?", (each,)).fetchone()
            if row and hashlib.sha256(row[0]).digest() == each:  # else the disk has damaged it
                found[each] = row[0]
        return found

    def rsa_half(self, rsa_hash: bytes) -> bytes | None:
        row = self._connection.execute("SELECT rsa_half FROM seal_keys WHERE hash = ?", (rsa_hash,)).fetchone()
        return row[0] if row else None

    def has_epochs(self, scope: bytes) -> bool:
        return bool(self._connection.execute("SELECT 1 FROM epochs WHERE scope = ? LIMIT 1", (scope,)).fetchone())

    def unnamed_keys(self, putter: AccountId) -> int:
        found = self._connection.execute("SELECT count(*) FROM seal_keys WHERE putter = ? AND NOT is_named", (putter,))
        count: int = found.fetchone()[0]
        return count

    def request(self, account: AccountId) -> EntryRequest | None:
        row = self._connection.execute(_REQUEST + "WHERE account = ?", (account,)).fetchone()
        return EntryRequest(*row) if row else None

    def requests(self) -> list[EntryRequest]:
        return list(starmap(EntryRequest, self._connection.execute(_REQUEST + "ORDER BY left_ms, account")))


class SqliteGroups(SqliteGroupsView):
    def found(self) -> LogId:
        added = self._connection.execute(
            "INSERT INTO logs (kind, head) VALUES (?, 0) RETURNING id", (LogKind.CHAIN.value,)
        )
        log = LogId(added.fetchone()[0])
        self._connection.execute("INSERT INTO chains (log, height, head) VALUES (?, 0, ?)", (log, bytes(32)))
        return log

    def put_aside(self, now_ms: int) -> None:
        self._connection.execute("INSERT INTO past_chains SELECT log, height, head, ? FROM chains", (now_ms,))
        columns = "kind, recipient, scope, epoch_id, generation, giver, given_ms, data"
        self._connection.execute(f"INSERT OR REPLACE INTO past_boxes SELECT {columns} FROM boxes")  # noqa: S608 -- our own words
        for table in ("boxes", "chains", "private_rooms", "entry_requests", "device_offers", "device_requests"):
            self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 -- our own words
        self._connection.execute("DELETE FROM invites WHERE invite_id IS NOT NULL")

    def found_room(self, log: LogId, room_id: bytes) -> None:
        self._connection.execute("INSERT INTO private_rooms (log, room_id) VALUES (?, ?)", (log, room_id))

    def move_chain(self, height: int, head: bytes) -> None:
        self._connection.execute("UPDATE chains SET height = ?, head = ?", (height, head))

    def add_epoch(self, scope: bytes, epoch_id: bytes, height: int, author: AccountId) -> None:
        self._connection.execute(
            "INSERT INTO epochs (scope, epoch_id, height, author) VALUES (?, ?, ?, ?)",
            (scope, epoch_id, height, author),
        )
        self._connection.execute(
            "DELETE FROM boxes WHERE scope = ? AND epoch_id = ? AND giver <> ?", (scope, epoch_id, author)
        )
        self._connection.execute(
            "UPDATE accounts SET message_bytes = message_bytes + (SELECT coalesce(sum(length(data)), 0) FROM boxes "
            "WHERE giver = ?1 AND scope = ?2 AND epoch_id = ?3) WHERE id = ?1",
            (author, scope, epoch_id),
        )

    def put_boxes(self, boxes: Sequence[Box], now_ms: int) -> None:
        self._connection.executemany(
            _PUT_BOX,
            [
                (each.scope, each.epoch_id, each.kind, each.recipient, each.generation, each.giver, each.data, now_ms)
                for each in boxes
            ],
        )

    def drop_waiting(self, giver: AccountId, scope: bytes, but: bytes) -> None:
        self._connection.execute(
            f"DELETE FROM boxes WHERE giver = ? AND scope = ? AND epoch_id <> ? AND NOT EXISTS ({_STANDS})",  # noqa: S608 -- our own words
            (giver, scope, but),
        )

    def drop_given(self, giver: AccountId, scope: bytes, epoch_ids: Sequence[bytes]) -> None:
        self._connection.executemany(
            "DELETE FROM boxes WHERE giver = ? AND scope = ? AND epoch_id = ?",
            [(giver, scope, each) for each in epoch_ids],
        )

    def drop_boxes_of_helpers(self, kind: int, recipient: bytes, scope: bytes, epoch_ids: Sequence[bytes]) -> None:
        self._connection.executemany(
            "DELETE FROM boxes WHERE kind = ? AND recipient = ? AND scope = ? AND epoch_id = ? AND giver <> "
            "coalesce((SELECT author FROM epochs WHERE epochs.scope = boxes.scope AND "
            "epochs.epoch_id = boxes.epoch_id), -1)",
            [(kind, recipient, scope, epoch_id) for epoch_id in epoch_ids],
        )

    def drop_stale(self, boxes_before_ms: int, keys_before_ms: int) -> None:
        self._connection.execute(
            f"DELETE FROM boxes WHERE given_ms < ? AND kind <> 3 AND NOT EXISTS ({_STANDS})",  # noqa: S608 -- our own words
            (boxes_before_ms,),
        )
        self._connection.execute("DELETE FROM seal_keys WHERE put_ms < ? AND NOT is_named", (keys_before_ms,))

    def put_keys(self, keys: dict[bytes, bytes], putter: AccountId, now_ms: int) -> None:
        self._connection.executemany(
            "INSERT INTO seal_keys (hash, data, putter, put_ms, is_named) VALUES (?, ?, ?, ?, FALSE) "
            "ON CONFLICT (hash) DO UPDATE SET data = excluded.data, put_ms = excluded.put_ms",
            [(each, data, putter, now_ms) for each, data in keys.items()],
        )

    def put_rsa_key(self, rsa_hash: bytes, public: bytes, half: bytes, putter: AccountId, now_ms: int) -> None:
        self._connection.execute(
            "INSERT OR IGNORE INTO seal_keys (hash, data, putter, put_ms, is_named, rsa_half) "
            "VALUES (?, ?, ?, ?, FALSE, ?)",
            (rsa_hash, public, putter, now_ms, half),
        )

    def name_keys(self, hashes: Sequence[bytes], putter: AccountId | None = None) -> None:
        self._connection.executemany(
            "UPDATE seal_keys SET is_named = TRUE WHERE hash = ?1 AND (?2 IS NULL OR putter = ?2)",
            [(each, putter) for each in hashes],
        )

    def unname_keys(self, hashes: Sequence[bytes], putter: AccountId) -> None:
        self._connection.executemany(
            "UPDATE seal_keys SET is_named = FALSE WHERE hash = ? AND putter = ?", [(each, putter) for each in hashes]
        )

    def put_request(self, request: EntryRequest) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO entry_requests (account, joiner, signature, left_ms) VALUES (?, ?, ?, ?)",
            (request.account, request.joiner, request.signature, request.left_ms),
        )

    def drop_request(self, account: AccountId) -> None:
        self._connection.execute("DELETE FROM entry_requests WHERE account = ?", (account,))
