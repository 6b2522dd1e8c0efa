"""Owns this device's copies of what is sealed for fewer than the group: pairs and private rooms, by their logs.

Which accounts a log is for, the chain and the room's own entries say. The server's word is only the name that the
person sees: a pair is the talk with whoever has, or had, that name in the group, and a private room keeps the id under
which this device came to know it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import NamedTuple

from lanline.chain.reasons import Reason
from lanline.chain.roomoffers import founding_of
from lanline.chain.scopes import Scope, pair_scope, rsa_pair_scope
from lanline.chain.state import Chain
from lanline.client.sealing.epochcopy import EpochCopy, Secrets
from lanline.client.sealing.groupcopy import GroupCopy
from lanline.client.sealing.roomcopy import RoomCopy
from lanline.client.sealing.tables import GroupTables
from lanline.crypto.groups import ids
from lanline.crypto.groups.epochs import epoch_id_of
from lanline.errors import MalformedPacket
from lanline.wire.sealing.entries import RoomSuite
from lanline.wire.sealing.said import EPOCH_SUITE, EpochBody, decode_epoch
from lanline.wire.sealing.strict import MAX_INTEGER


class OpenRoom(NamedTuple):
    """Its number is the server's, its name what everybody calls it."""

    log: int
    name: str
    """Without the `#`."""


class Pair(NamedTuple):
    """The talk with somebody, or notes to oneself."""

    log: int
    name: str


class PrivateRoom(NamedTuple):
    log: int
    name: str
    """Without the `#`."""


Place = OpenRoom | Pair | PrivateRoom


class Sealing(NamedTuple):
    """What a conversation is sealed under: whose epochs, and the id of the room in them."""

    copy: EpochCopy
    room_id: bytes
    until: int | None = None
    """Only what stands below this place of the log: from before the room was private."""


class PairCopy(EpochCopy):
    def __init__(
        self,
        tables: GroupTables,
        secrets: Secrets,
        group: GroupCopy,
        log: int,
        other: bytes,
        suite: RoomSuite = RoomSuite.HYBRID,
    ) -> None:
        super().__init__(tables, secrets)
        self._suite = suite
        self._group = group
        self._one, self._other = group.account_id, other
        self._scope: tuple[Chain, Scope] | None = None
        self.log = log

    @property
    def scope(self) -> Scope:
        chain = self._group.chain
        if self._scope is None or self._scope[0] is not chain:
            self._scope = chain, pair_scope(chain, self._one, self._other, self._suite)
        return self._scope[1]

    @property
    def may_begin(self) -> bool:
        """Both are in the group; else nothing is said any more."""
        chain = self._group.chain
        return chain.is_member(self._one) and chain.is_member(self._other)


class _Log:
    """What came of keys in one."""

    def __init__(self) -> None:
        self.seen: set[int] = set()
        """The places of all that came."""
        self.statements: dict[int, bytes] = {}
        """By place, those of which nothing was made yet."""
        self.entries: dict[int, bytes] = {}
        """Of a private room, by place."""
        self.pairs: dict[bytes, PairCopy] = {}
        """By the account of the other one."""
        self.rsa_pairs: dict[bytes, PairCopy] = {}
        """The same in the suite `rsa`, where both have a key of it."""
        self.room: RoomCopy | None = None


class Scopes:
    def __init__(self, group: GroupCopy, tables: GroupTables) -> None:
        self._group = group
        self._tables = tables
        self._logs: dict[int, _Log] = {}
        self._by_id: dict[bytes, EpochCopy] = {}
        self._named: tuple[int, dict[bytes, list[bytes]]] = (0, {})
        self._rsa_pairs = tables.rsa_pairs()
        self.tell_sealed_in_rsa: Callable[[str, str], None] = lambda _, text: group.news.append(text)
        """That a conversation, by its title, is sealed in suite `rsa`; a sentence for the person."""
        self.pinned = tables.pinned_rooms()
        self._formerly_private = tables.formerly_private()
        """The private rooms that this device is in, by their names: nothing else goes by one of these."""

    # What a conversation is sealed under.

    def sealings(self, place: Place) -> list[Sealing]:
        """Those that hold in this conversation: first the one under which is sealed now, if there is one."""
        match place:
            case OpenRoom(_, name):
                return [Sealing(self._group, ids.open_room_id_of(self._group.chain.group_id, name))]
            case Pair():
                return [each for other in self._others(place) for each in self._of_pair(place, other)]
            case PrivateRoom():
                room = self.room(place)
                if room is None:
                    return []
                open_id = ids.open_room_id_of(self._group.chain.group_id, place.name)
                return [Sealing(room, room.id), Sealing(self._group, open_id, room.founded_at)]

    def sealing(self, place: Place) -> Sealing | None:
        """None: nobody reads what would be said here."""
        return next((each for each in self.sealings(place) if each.until is None and each.copy.may_begin), None)

    def start_of(self, place: Place) -> bytes | None:
        """What the hash over its log begins with; of a room by its name, also when it is private."""
        chain = self._group.chain
        if isinstance(place, Pair):
            others = self._others(place)
            return (
                ids.log_start_of(ids.pair_id_of(chain.group_id, self._group.account_id, others[0])) if others else None
            )
        return ids.log_start_of(ids.open_room_id_of(chain.group_id, place.name)) if chain.height else None

    def room(self, place: PrivateRoom) -> RoomCopy | None:
        """None: nothing that founds a room of this name has come, or it is another than this device knows."""
        known = self._load(place.log)
        if known.room is None:
            known.room = self._found(place, known)
        if known.room is not None:
            for at, content in known.entries.items():
                known.room.add_entry(content, at)
            known.entries.clear()
            self._judge(known, [known.room])
            self._pin(place, known.room)
        return known.room

    def is_another(self, place: PrivateRoom) -> bool:
        """The server shows another room by the name of one that this device is in."""
        known = self._load(place.log)
        return place.name in self.pinned and known.room is None and any(map(founding_of, known.entries.values()))

    @property
    def in_rsa(self) -> list[int]:
        """The logs that are, of those that were looked at on this link."""
        return sorted(log for log, known in self._logs.items() if self._is_in_rsa(known))

    def _is_in_rsa(self, known: _Log) -> bool:
        if known.room is not None:
            return known.room.room is not None and known.room.room.suite is RoomSuite.RSA
        return any(each.scope.id in self._rsa_pairs for each in known.rsa_pairs.values())

    def is_private(self, log: int, name: str) -> bool:
        """By what this device knows itself: it is in a private room of this name, or the log has an entry of one."""
        known = self._load(log)
        is_named_so = name in self.pinned or name in self._formerly_private
        return is_named_so or known.room is not None or bool(known.entries)

    def by_id(self, scope_id: bytes) -> EpochCopy | None:
        """Of those that were looked at."""
        return self._group if scope_id == self._group.chain.group_id else self._by_id.get(scope_id)

    def was_member(self, name: str) -> bool:
        return bool(self.accounts_named(name.encode()))

    # What comes.

    def add(self, log: int, place: int, suite: str, content: bytes) -> bool:
        """A statement, or an entry of a private room; false: it was here."""
        known = self._load(log)
        if place in known.seen:
            return False
        known.seen.add(place)
        (known.statements if suite == EPOCH_SUITE else known.entries)[place] = content
        return True

    def forget(self, log: int) -> None:
        """The copy of this log is another now."""
        known = self._logs.pop(log, None)
        if known is not None:
            for copy in (*known.pairs.values(), *known.rsa_pairs.values(), *([known.room] if known.room else [])):
                self._by_id.pop(copy.scope.id, None)

    def begin_anew(self) -> None:
        """With what the tables have now, of another group."""
        self._logs.clear()
        self._by_id.clear()
        self._named = (0, {})
        self.pinned = self._tables.pinned_rooms()
        self._formerly_private = self._tables.formerly_private()

    def end_link(self) -> None:
        """On the next one the server may be another, which has lost some."""
        for log in list(self._logs):
            self.forget(log)
        self._named = (0, {})

    def _load(self, log: int) -> _Log:
        if log not in self._logs:
            self._logs[log] = _Log()
            for place, suite, content in self._tables.key_entries(log):
                self.add(log, place, suite, content)
        return self._logs[log]

    # Pairs.

    def _others(self, place: Pair) -> list[bytes]:
        group = self._group
        if group.device_id not in group.chain.devices:
            return []
        known, accounts = self._load(place.log), self.accounts_named(place.name.encode())
        for other in accounts:
            if other not in known.pairs:
                self._add_pair(known.pairs, place.log, other, RoomSuite.HYBRID)
            if other not in known.rsa_pairs and rsa_pair_scope(group.chain, group.account_id, other) is not None:
                self._add_pair(known.rsa_pairs, place.log, other, RoomSuite.RSA)
        copies = (known.pairs.get(other) for other in accounts), (known.rsa_pairs.get(other) for other in accounts)
        self._judge(known, [copy for of_suite in copies for copy in of_suite if copy is not None])
        return accounts

    def _add_pair(self, pairs: dict[bytes, PairCopy], log: int, other: bytes, suite: RoomSuite) -> None:
        copy = PairCopy(self._tables, self._group.secrets, self._group, log, other, suite)
        pairs[other] = self._by_id[copy.scope.id] = copy

    def _of_pair(self, place: Pair, other: bytes) -> list[Sealing]:
        """From the first epoch of suite `rsa` on, nothing that is sealed in the other one stands."""
        copy, in_rsa = self._logs[place.log].pairs[other], self._logs[place.log].rsa_pairs.get(other)
        if in_rsa is None or not (in_rsa.epochs or in_rsa.scope.id in self._rsa_pairs):
            return [Sealing(copy, copy.scope.id)]
        scope_id = in_rsa.scope.id
        if scope_id not in self._rsa_pairs:
            self._rsa_pairs.add(scope_id)
            self._tables.put_rsa_pair(scope_id)
            text = f"Your talk with {place.name} is sealed in suite rsa from now on, for good. {_QUANTUM}"
            self.tell_sealed_in_rsa(place.name, text)
        begun = min((at for _, at in in_rsa.epochs.values()), default=MAX_INTEGER)
        return [Sealing(in_rsa, scope_id), Sealing(copy, copy.scope.id, begun)]

    def rsa_pair(self, place: Pair) -> PairCopy | None:
        """With who has that name now. None: one of the two has no key of the suite."""
        others = self._others(place)
        return self._logs[place.log].rsa_pairs.get(others[0]) if others else None

    def accounts_named(self, name: bytes) -> list[bytes]:
        """Each that has, or had, this name; whoever has it now comes first."""
        chain = self._group.chain
        if self._named[0] != chain.height:
            named: dict[bytes, list[bytes]] = {}
            for account_id, account in chain.accounts.items():
                named.setdefault(account.name, []).insert(0, account_id)
            self._named = chain.height, named
        return self._named[1].get(name, [])

    def foreign_statement(self, log: int, epoch_id: bytes) -> EpochBody | None:
        """The statement of this epoch, if one has come that belongs to no conversation here."""
        for content in self._load(log).statements.values():
            with contextlib.suppress(MalformedPacket):
                body = decode_epoch(content)[1]
                if epoch_id_of(body.commitment) == epoch_id:
                    return body
        return None

    # Private rooms.

    def _found(self, place: PrivateRoom, known: _Log) -> RoomCopy | None:
        """By the first entry of its log that founds one of this name."""
        pinned = self.pinned.get(place.name)
        for at, content in sorted(known.entries.items()):
            room_id = founding_of(content)
            if room_id is None or (pinned is not None and room_id != pinned):
                continue
            copy = RoomCopy(self._tables, self._group.secrets, self._group, place.log, content, at)
            if copy.room is not None and copy.room.name == place.name.encode():
                self._by_id[copy.id] = copy
                return copy
        return None

    def _pin(self, place: PrivateRoom, copy: RoomCopy) -> None:
        pinned = self.pinned.get(place.name)
        if copy.is_in and pinned is None:
            self.pin(place.name, copy.id)
            if copy.scope.is_rsa:
                self.tell_sealed_in_rsa(f"#{place.name}", f"#{place.name} is sealed in suite rsa. {_QUANTUM}")
        elif pinned == copy.id and copy.is_complete and not copy.is_in:
            del self.pinned[place.name]
            self._tables.pin_room(place.name, None)

    def pin(self, name: str, room_id: bytes) -> None:
        """Kept: nothing else goes by this name while this device is in it."""
        self.pinned[name] = room_id
        self._tables.pin_room(name, room_id)

    def _judge(self, known: _Log, copies: list[PairCopy] | list[RoomCopy]) -> None:
        """What names more of the chain, or of the room, than is here waits for it; what holds nowhere is dropped."""
        for place, content in sorted(known.statements.items()):
            found = [copy.add_statement(self._group.chain, place, content) for copy in copies]
            if all(copy.is_complete for copy in copies) and any(each not in _WAIT for each in found):
                del known.statements[place]
        for epoch, _ in (each for copy in copies for each in copy.newest()):
            self._group.coming.note_named(self._group.chain, epoch.device_id, epoch.height)


_QUANTUM = "Who records it, and has a quantum computer later, can read it."
_WAIT = {Reason.SCOPE, Reason.NOT_YET_THERE}
