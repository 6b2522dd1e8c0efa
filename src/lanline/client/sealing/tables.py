"""Owns the tables of the group in a home's database: copies of what the server has, and secrets opened from them.

What the server has too is a cache: thrown away (`forget`), it is read and opened anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lanline.client.chat.database import KEEP_FACT, KEEP_STATEMENT, Database
from lanline.client.sealing.chainstate import ChainState, decode_state, encode_state
from lanline.crypto.groups.ids import expand
from lanline.crypto.groups.keys import hash_of_key
from lanline.ids import Entropy
from lanline.wire.chat.entries import LogEntry

_CACHE = b"lanline cache 1\0"
"""Not of the protocol: nobody else ever sees what is sealed under it."""
_WHICH_SEED = b"lanline past seed 1\0"
"""As well."""
_NONCE_BYTES = 12
CHECKED = "chain_checked_to"
"""Of a group before this one: with its id behind it."""
_EPOCH_SINCE = "epoch since"
_PAST_SEED = "past seed "
"""With its generation behind it, and which seed it is: a branch of the chain that was put aside may have another."""
_CACHES = ("chain_items", "chain_states", "epoch_secrets", "account_seeds", "seal_keys")
_KEEP_STATEMENTS = (
    "INSERT OR REPLACE INTO own_statements SELECT sequence, content FROM chain_items WHERE suite = 'epoch/1'"
)
_IDS_AT_ONCE = 500
_FIRST_PLACES = (
    "SELECT account, entry_id, min(sequence) FROM entries INDEXED BY ix_entries_entry_id "
    "WHERE log = ? AND entry_id IN ({}) GROUP BY account, entry_id"
)
"""Without the name of the index SQLite reads the whole log."""


class GroupTables:
    _checked = CHECKED

    def __init__(self, database: Database, device_secret: bytes, entropy: Entropy) -> None:
        self.database = database
        self._cipher = AESGCM(expand(device_secret, _CACHE))
        """What would open what others seal is worth nothing without the keys of this device."""
        self._entropy = entropy

    def items(self, after: int = 0) -> list[tuple[int, str, bytes]]:
        """The log of the chain: place, suite and content."""
        items = "SELECT sequence, suite, content FROM chain_items WHERE sequence > ? ORDER BY sequence"
        return cast("list[tuple[int, str, bytes]]", self.database.read(items, (after,)))

    def chain_state(self) -> tuple[int, ChainState] | None:
        """What the chain said, and up to which place."""
        rows = self.database.read("SELECT sequence, state FROM chain_states")
        state = self._opened(rows[0][1]) if rows else None
        known = None if state is None else decode_state(state)
        return None if known is None else (rows[0][0], known)

    def put_chain_state(self, sequence: int, state: ChainState) -> None:
        """With all up to there found to hold."""
        with self.database.write() as writer:
            writer.execute(KEEP_FACT, (self._checked, sequence))
            writer.execute("DELETE FROM chain_states")
            writer.execute("INSERT INTO chain_states VALUES (?, ?)", (sequence, self._sealed(encode_state(state))))

    def checked_to(self) -> int:
        """The place up to which this device has found every item to hold."""
        return self.database.fact(self._checked, 0)

    def add_items(self, entries: Sequence[LogEntry], checked_to: int) -> None:
        """What has come, and how far what came before was found to hold."""
        with self.database.write() as writer:
            writer.execute(KEEP_FACT, (self._checked, checked_to))
            writer.executemany(
                "INSERT OR REPLACE INTO chain_items VALUES (?, ?, ?)",
                [(each.sequence, each.suite, each.content) for each in entries],
            )

    def read_chain_anew(self, own: Sequence[tuple[str, bytes]]) -> None:
        """The log may be another one now. What this device goes by meanwhile is kept, by its heights."""
        with self.database.write() as writer:
            if own:
                writer.execute(_KEEP_STATEMENTS)
            writer.execute("DELETE FROM chain_items")
            writer.execute("DELETE FROM chain_states")
            writer.execute("DELETE FROM facts WHERE name = ?", (CHECKED,))
            writer.executemany(
                "INSERT OR REPLACE INTO own_items VALUES (?, ?, ?)",
                [(height, suite, content) for height, (suite, content) in enumerate(own, 1)],
            )

    def statement(self, epoch_id: bytes) -> bytes:
        """Of an epoch that a restored server may have lost; empty: this device has none."""
        rows = self.database.read("SELECT content FROM kept_statements WHERE epoch_id = ?", (epoch_id,))
        return cast("bytes", rows[0][0]) if rows else b""

    def put_statement(self, epoch_id: bytes, statement: bytes) -> None:
        self.database.run(KEEP_STATEMENT, (epoch_id, statement))

    def epoch_since(self, epoch_id: bytes) -> int | None:
        """Since when this device could seal under it, by its clock. None: it is not the one that was noted last."""
        known = self.database.fact(_EPOCH_SINCE, b"")
        return int.from_bytes(known[len(epoch_id) :], "big") if known.startswith(epoch_id) else None

    def put_epoch_since(self, epoch_id: bytes, since_ms: int) -> None:
        self.database.keep_fact(_EPOCH_SINCE, epoch_id + since_ms.to_bytes(8, "big"))

    def own_items(self) -> list[tuple[str, bytes]]:
        """From height 1 on; none where the server shows the same."""
        rows = self.database.read("SELECT suite, content FROM own_items ORDER BY height")
        return cast("list[tuple[str, bytes]]", rows)

    def forget_own_items(self) -> None:
        with self.database.write() as writer:
            writer.execute("DELETE FROM own_items")
            writer.execute("DELETE FROM own_statements")

    def chain_history(self, kind: str) -> bytes | None:
        """Of the server, when something was last done for it: `read`, `keys` or `coming`, say."""
        return self.database.fact(f"chain {kind}", b"") or None

    def put_chain_history(self, kind: str, history: bytes) -> None:
        self.database.keep_fact(f"chain {kind}", history)

    def kept_room_entries(self) -> list[bytes]:
        rows = self.database.read("SELECT content FROM kept_room_entries")
        return [cast("bytes", row[0]) for row in rows]

    def forget_room_entries(self) -> None:
        self.database.run("DELETE FROM kept_room_entries")

    def key_entries(self, log: int) -> list[tuple[int, str, bytes]]:
        """Statements of epochs and entries of a private room that this device keeps of a log: by their places."""
        rows = self.database.read(
            "SELECT sequence, suite, content FROM entries WHERE log = ? AND suite IN ('epoch/1', 'key/1') "
            "ORDER BY sequence",
            (log,),
        )
        return cast("list[tuple[int, str, bytes]]", rows)

    def first_places(self, log: int, entry_ids: Sequence[bytes]) -> dict[tuple[int, bytes], int]:
        """Of those that this device has: by account and id, the lowest place in the log."""
        newest = self.database.read("SELECT max(entry_id) FROM entries WHERE log = ?", (log,))[0][0] or b""
        known = [each for each in entry_ids if each <= newest]  # an id begins with the time
        found: dict[tuple[int, bytes], int] = {}
        for start in range(0, len(known), _IDS_AT_ONCE):
            some = known[start : start + _IDS_AT_ONCE]
            rows = self.database.read(_FIRST_PLACES.format(", ".join("?" * len(some))), (log, *some))
            found |= {(account, entry_id): place for account, entry_id, place in rows}
        return found

    def first_believed(self, log: int, account: int, entry_id: bytes, body: bytes) -> int | None:
        """The lowest place of these words, where they are shown. Nothing else under their id takes it."""
        [[place]] = self.database.read(
            "SELECT min(sequence) FROM entries WHERE log = ? AND account = ? AND entry_id = ? AND content = ? "
            "AND suite IN ('opened', 'earlier')",
            (log, account, entry_id, body),
        )
        return None if place is None else int(place)

    def carried_words(self, log: int) -> list[tuple[int, bytes]]:
        """That somebody has brought: places, the lowest first, and what is kept of each."""
        rows = self.database.read(
            "SELECT c.place, e.content FROM carried_words c JOIN entries e ON e.log = c.log AND e.sequence = c.place "
            "WHERE c.log = ? ORDER BY c.place",
            (log,),
        )
        return cast("list[tuple[int, bytes]]", rows)

    def pinned_rooms(self) -> dict[str, bytes]:
        """The ids of the private rooms that this device is in, by the names under which it came to know them."""
        rows = self.database.read("SELECT name, value FROM facts WHERE name LIKE 'room #%'")
        return {name.removeprefix("room #"): room_id for name, room_id in cast("list[tuple[str, bytes]]", rows)}

    def formerly_private(self) -> set[str]:
        """Names of private rooms that this device was in, in a group before."""
        rows = self.database.read("SELECT name FROM facts WHERE name LIKE 'was room #%'")
        return {name.removeprefix("was room #") for (name,) in cast("list[tuple[str]]", rows)}

    def pin_room(self, name: str, room_id: bytes | None) -> None:
        """None: it is not in it any more, and the name may be that of another."""
        if room_id is None:
            self.database.run("DELETE FROM facts WHERE name = ?", (f"room #{name}",))
        else:
            self.database.keep_fact(f"room #{name}", room_id)

    def secrets(self) -> dict[tuple[bytes, bytes], bytes]:
        """Of epochs: by scope and id."""
        return self._secrets_in("epoch_secrets")

    def _secrets_in(self, table: str) -> dict[tuple[bytes, bytes], bytes]:
        rows = self.database.read(f"SELECT scope, epoch_id, secret FROM {table}")  # noqa: S608 -- our own words
        found = [(row[:2], self._opened(row[2])) for row in cast("list[tuple[bytes, bytes, bytes]]", rows)]
        return {key: secret for key, secret in found if secret is not None}

    def secret_before(self, scope: bytes, epoch_id: bytes) -> bytes | None:
        """As it was before the caches were thrown away, or in a group before this one."""
        before = "SELECT secret FROM past_secrets WHERE scope = ? AND epoch_id = ?"
        rows = self.database.read(before, (scope, epoch_id))
        return self._opened(cast("bytes", rows[0][0])) if rows else None

    def put_secrets(self, secrets: Mapping[tuple[bytes, bytes], bytes]) -> None:
        self._put_secrets_in("epoch_secrets", secrets)

    def _put_secrets_in(self, table: str, secrets: Mapping[tuple[bytes, bytes], bytes]) -> None:
        self.database.run_many(
            f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?)",  # noqa: S608 -- our own words
            [(scope, epoch_id, self._sealed(secret)) for (scope, epoch_id), secret in secrets.items()],
        )

    def seeds(self) -> dict[int, bytes]:
        """Of the own account: by generation."""
        return dict(self._opened_seeds("SELECT generation, seed FROM account_seeds"))

    def past_seeds(self) -> list[tuple[int, bytes]]:
        """What was here once: of one generation there may be several."""
        return self._opened_seeds(
            f"SELECT CAST(substr(name, {len(_PAST_SEED) + 1}) AS INTEGER), value FROM facts "  # noqa: S608 -- our own words
            f"WHERE name LIKE '{_PAST_SEED}%'"
        )

    def _opened_seeds(self, query: str, *values: int) -> list[tuple[int, bytes]]:
        rows = self.database.read(query, values)
        found = [(number, self._opened(seed)) for number, seed in cast("list[tuple[int, bytes]]", rows)]
        return [(number, seed) for number, seed in found if seed is not None]

    def put_seed(self, generation: int, seed: bytes) -> None:
        before = self._seed(generation)
        if before != [(generation, seed)]:
            self._keep_past_seeds(before)
            self.database.run("INSERT OR REPLACE INTO account_seeds VALUES (?, ?)", (generation, self._sealed(seed)))

    def _seed(self, generation: int) -> list[tuple[int, bytes]]:
        return self._opened_seeds("SELECT generation, seed FROM account_seeds WHERE generation = ?", generation)

    def _keep_past_seeds(self, seeds: Iterable[tuple[int, bytes]]) -> None:
        """Nobody else may have them any more, and the chain that they fit may come back."""
        for number, seed in seeds:
            name = f"{_PAST_SEED}{number} {expand(seed, _WHICH_SEED, 8).hex()}"
            self.database.keep_fact(name, self._sealed(seed))

    def rsa_half(self, generation: int) -> bytes | None:
        """The private half of the own account's RSA key."""
        half = self.database.fact(f"rsa {generation}", b"")
        return self._opened(half) if half else None

    def put_rsa_half(self, generation: int, half: bytes) -> None:
        self.database.keep_fact(f"rsa {generation}", self._sealed(half))

    def rsa_pairs(self) -> set[bytes]:
        """The ids of the talks of two that were sealed in suite `rsa` once: in no other suite from then on."""
        rows = self.database.read("SELECT value FROM facts WHERE name LIKE 'pair rsa %'")
        return {cast("bytes", row[0]) for row in rows}

    def put_rsa_pair(self, scope: bytes) -> None:
        self.database.keep_fact(f"pair rsa {scope.hex()}", scope)

    def _sealed(self, secret: bytes) -> bytes:
        nonce = self._entropy(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, None)

    def _opened(self, sealed: bytes) -> bytes | None:
        """None: of other keys, or damaged. It is fetched again."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
        except (InvalidTag, ValueError):
            return None

    def keys(self, hashes: Sequence[bytes]) -> dict[bytes, bytes]:
        """Sealing keys of others, by their hashes."""
        found: dict[bytes, bytes] = {}
        for each in hashes:
            rows = self.database.read("SELECT data FROM seal_keys WHERE hash = ?", (each,))
            if rows:
                found[each] = cast("bytes", rows[0][0])
        return found

    def put_keys(self, keys: Mapping[bytes, bytes]) -> None:
        self.database.run_many("INSERT OR REPLACE INTO seal_keys VALUES (?, ?)", list(keys.items()))

    def seen_heights(self, room_id: bytes) -> list[tuple[int, int]]:
        rows = self.database.read("SELECT place, height FROM seen_heights WHERE room_id = ? ORDER BY place", (room_id,))
        return cast("list[tuple[int, int]]", rows)

    def put_seen_heights(self, rows: Sequence[tuple[bytes, int, int]]) -> None:
        """Each a room, a place and a height."""
        self.database.run_many("INSERT OR REPLACE INTO seen_heights VALUES (?, ?, ?)", rows)

    def forget_seen_heights(self) -> None:
        self.database.run("DELETE FROM seen_heights")

    def doubt_chain(self) -> None:
        """Every signature of it is to be checked again."""
        with self.database.write() as writer:
            writer.execute("DELETE FROM chain_states")
            writer.execute("DELETE FROM facts WHERE name LIKE ?", (f"{CHECKED}%",))

    def drop_secrets(self, wrong: Iterable[tuple[bytes, bytes]]) -> None:
        self.database.run_many("DELETE FROM epoch_secrets WHERE scope = ? AND epoch_id = ?", list(wrong))

    def drop_seed(self, generation: int) -> None:
        self._keep_past_seeds(self._seed(generation))
        self.database.run("DELETE FROM account_seeds WHERE generation = ?", (generation,))

    def drop_wrong_keys(self) -> int:
        """Sealing keys of others that are not those which their hashes name. How many there were."""
        rows = cast("list[tuple[bytes, bytes]]", self.database.read("SELECT hash, data FROM seal_keys"))
        wrong = [(name,) for name, data in rows if hash_of_key(data) != name]
        self.database.run_many("DELETE FROM seal_keys WHERE hash = ?", wrong)
        return len(wrong)

    def copy_to(self, other: Database) -> None:
        """For a home that has nothing of the group yet."""
        if other.read("SELECT 1 FROM chain_items LIMIT 1"):
            return
        with other.write() as writer:
            for table in _CACHES:
                rows = self.database.read(f"SELECT * FROM {table}")  # noqa: S608 -- our own words
                if rows:
                    places = ", ".join("?" * len(rows[0]))
                    writer.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({places})", rows)  # noqa: S608 -- as above
            writer.execute(KEEP_FACT, (CHECKED, self.checked_to()))

    def forget(self) -> None:
        """All that the server can give once more, in one write. What this device alone has seen stays: the places and
        heights that words have named, and the hash over each log. The secrets of epochs and the seeds are kept too,
        for a server that has lost their boxes meanwhile; each is checked before it is used again.
        """
        self._keep_past_seeds(self.seeds().items())
        with self.database.write() as writer:
            writer.execute("INSERT OR REPLACE INTO past_secrets SELECT scope, epoch_id, secret FROM epoch_secrets")
            writer.execute("DELETE FROM facts WHERE name LIKE ? OR name LIKE 'rsa %'", (f"{CHECKED}%",))
            for table in _CACHES:
                writer.execute(f"DELETE FROM {table}")  # noqa: S608 -- our own words
