"""Owns the tables of groups that this device was in before the one that it goes by: nothing in them seals any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from lanline.client.chat.database import KEEP_FACT, Database
from lanline.client.sealing.chainstate import ChainState
from lanline.client.sealing.tables import CHECKED, GroupTables
from lanline.ids import Entropy
from lanline.wire.chat.entries import LogEntry

_PUT = "INSERT OR REPLACE INTO past_items SELECT ?, "
_OWN = (
    f"{_PUT} height, suite, content FROM own_items",
    f"{_PUT} number + (SELECT max(height) FROM own_items), 'epoch/1', content FROM own_statements",  # noqa: S608 -- our own words
)
_SHOWN = (f"{_PUT} sequence, suite, content FROM chain_items",)
_CHAIN = ("DELETE FROM chain_items", "DELETE FROM chain_states")
_OVER = (
    "INSERT OR REPLACE INTO past_secrets SELECT scope, epoch_id, secret FROM epoch_secrets",
    "UPDATE entries SET suite = 'earlier' WHERE suite = 'opened'",
    "UPDATE outbox SET sealed = NULL",
    "UPDATE OR REPLACE facts SET name = 'was ' || name WHERE name LIKE 'room #%'",
    "DELETE FROM facts WHERE name LIKE 'rsa %' OR name LIKE 'past seed %'",
    "DELETE FROM log_hashes",
    "DELETE FROM own_items",
    "DELETE FROM own_statements",
    "DELETE FROM account_seeds",
    "DELETE FROM epoch_secrets",
)
"""What was opened stays open, and is marked; what waits is sealed anew; and nothing of the old group goes on.

Which names were those of private rooms stays, or a server could say that they are open, for all of the next group.
"""


class PutAside(NamedTuple):
    """What the home has of the group that it leaves."""

    group_id: bytes
    members: list[tuple[str, bytes]]
    """By names as they look, each with the devices that were theirs at the end."""
    is_apart: bool
    """The server shows another chain already, and the own one lies beside it."""


def put_group_aside(database: Database, aside: PutAside | None, *, keeps_shown: bool) -> None:
    """In one write. `keeps_shown`: what is here of the chain that the server shows is that of the next group."""
    with database.write() as writer:
        if aside is not None:
            writer.executemany("INSERT OR REPLACE INTO past_devices VALUES (?, ?)", aside.members)
            writer.execute("DELETE FROM facts WHERE name = ?", (f"{CHECKED} {aside.group_id.hex()}",))
            for statement in _OWN if aside.is_apart else _SHOWN:
                writer.execute(statement, (aside.group_id,))
        for statement in _OVER if keeps_shown else (*_OVER, *_CHAIN):
            writer.execute(statement)


def past_devices(database: Database) -> dict[str, set[bytes]]:
    """Who has been in a group before this one: by names as they look, their devices."""
    found: dict[str, set[bytes]] = {}
    for name, device_id in database.read("SELECT name, device_id FROM past_devices"):
        found.setdefault(name, set()).add(device_id)
    return found


def past_groups(database: Database) -> list[bytes]:
    """Their ids."""
    return [cast("bytes", row[0]) for row in database.read("SELECT DISTINCT group_id FROM past_items")]


class PastTables(GroupTables):
    """Of one group. What it would write as its own chain or state has no place any more."""

    def __init__(self, database: Database, device_secret: bytes, entropy: Entropy, group_id: bytes) -> None:
        super().__init__(database, device_secret, entropy)
        self._group_id = group_id
        self._checked = f"{CHECKED} {group_id.hex()}"

    def items(self, after: int = 0) -> list[tuple[int, str, bytes]]:
        """Without gaps, as a log has them: what names who belongs to the group comes first."""
        rows = self.database.read(
            "SELECT suite, content FROM past_items WHERE group_id = ? ORDER BY number", (self._group_id,)
        )
        return [(place, suite, content) for place, (suite, content) in enumerate(rows, 1) if place > after]

    def own_items(self) -> list[tuple[str, bytes]]:
        return []

    def chain_state(self) -> tuple[int, ChainState] | None:
        return None

    def put_chain_state(self, sequence: int, state: ChainState) -> None:  # noqa: ARG002 -- as the other has it
        """It is followed anew in each program that comes to words of it; only how far it was found to hold is kept."""
        self.database.keep_fact(self._checked, sequence)

    def secrets(self) -> dict[tuple[bytes, bytes], bytes]:
        return self._secrets_in("past_secrets")

    def put_secrets(self, secrets: Mapping[tuple[bytes, bytes], bytes]) -> None:
        self._put_secrets_in("past_secrets", secrets)

    def add_items(self, entries: Sequence[LogEntry], checked_to: int) -> None:
        """What came of its log after this device had left it."""
        with self.database.write() as writer:
            writer.execute(KEEP_FACT, (self._checked, checked_to))
            writer.executemany(
                f"{_PUT} (SELECT max(number) + 1 FROM past_items WHERE group_id = ?), ?, ?",  # noqa: S608 -- our own words
                [(self._group_id, self._group_id, each.suite, each.content) for each in entries],
            )

    @property
    def is_whole(self) -> bool:
        """Its log was read to the end."""
        return self.database.fact(f"was whole {self._group_id.hex()}", 0) == 1

    def note_whole(self) -> None:
        self.database.keep_fact(f"was whole {self._group_id.hex()}", 1)

    def seeds(self) -> dict[int, bytes]:
        return {}

    def put_seed(self, generation: int, seed: bytes) -> None:
        """Fetched anew by each program that lacks something: what seals is not kept."""

    def pinned_rooms(self) -> dict[str, bytes]:
        return {}

    def pin_room(self, name: str, room_id: bytes | None) -> None:
        """Nothing more is said there: a name is no promise any more."""
