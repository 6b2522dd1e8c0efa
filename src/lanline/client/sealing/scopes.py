"""Owns this device's copies of what is sealed for fewer than the group: pairs now, by the logs in which they talk.

Which accounts a log is for, the chain says: the server's word is only the name that the person sees, and the talk is
with whoever has, or had, that name in the group.
"""

from __future__ import annotations

from typing import NamedTuple

from lanline.client.sealing.epochcopy import EpochCopy, Secrets
from lanline.client.sealing.groupcopy import GroupCopy
from lanline.client.sealing.tables import GroupTables
from lanline.crypto.groups import ids
from lanline.proto.chain.reasons import Reason
from lanline.proto.chain.scopes import Scope, pair_scope
from lanline.proto.chain.state import Chain


class OpenRoom(NamedTuple):
    """Its number is the server's, its name what everybody calls it."""

    log: int
    name: str
    """Without the `#`."""


class Pair(NamedTuple):
    """The talk with somebody, or notes to oneself."""

    log: int
    name: str


Place = OpenRoom | Pair


class Sealing(NamedTuple):
    """What a conversation is sealed under: whose epochs, and the id of the room in them."""

    copy: EpochCopy
    room_id: bytes


class PairCopy(EpochCopy):
    def __init__(self, tables: GroupTables, secrets: Secrets, group: GroupCopy, log: int, other: bytes) -> None:
        super().__init__(tables, secrets)
        self._group = group
        self._one, self._other = group.account_id, other
        self._scope: tuple[Chain, Scope] | None = None
        self.log = log

    @property
    def scope(self) -> Scope:
        chain = self._group.chain
        if self._scope is None or self._scope[0] is not chain:
            self._scope = chain, pair_scope(chain, self._one, self._other)
        return self._scope[1]

    @property
    def may_begin(self) -> bool:
        """Both are in the group; else nothing is said any more."""
        chain = self._group.chain
        return chain.is_member(self._one) and chain.is_member(self._other)


class Scopes:
    def __init__(self, group: GroupCopy, tables: GroupTables) -> None:
        self._group = group
        self._tables = tables
        self._pairs: dict[int, dict[bytes, PairCopy]] = {}
        """By log, and by the account of the other one."""
        self._statements: dict[int, dict[int, bytes]] = {}
        """By log and place, those of which nothing was made yet."""
        self._by_id: dict[bytes, EpochCopy] = {}
        self._named: tuple[int, dict[bytes, list[bytes]]] = (0, {})

    def sealings(self, place: Place) -> list[Sealing]:
        """Those that hold in this conversation: first the one under which is sealed now, if there is one."""
        if isinstance(place, OpenRoom):
            return [Sealing(self._group, ids.open_room_id_of(self._group.chain.group_id, place.name))]
        return [Sealing(copy, copy.scope.id) for copy in self._pairs_of(place)]

    def sealing(self, place: Place) -> Sealing | None:
        """None: nobody reads what would be said here."""
        if isinstance(place, Pair):
            found = [each for each in self._pairs_of(place) if each.may_begin]
            return Sealing(found[0], found[0].scope.id) if found else None
        return self.sealings(place)[0]

    def by_id(self, scope_id: bytes) -> EpochCopy | None:
        """Of those that were looked at."""
        return self._group if scope_id == self._group.chain.group_id else self._by_id.get(scope_id)

    def was_member(self, name: str) -> bool:
        return bool(self._accounts_named(name))

    def add_statement(self, log: int, place: int, content: bytes) -> None:
        self._load(log)
        self._statements[log][place] = content

    def forget(self, log: int) -> None:
        """The copy of this log is another now."""
        self._statements.pop(log, None)
        for copy in self._pairs.pop(log, {}).values():
            self._by_id.pop(copy.scope.id, None)

    def end_link(self) -> None:
        """On the next one the server may be another, which has lost some."""
        for log in list(self._statements):
            self.forget(log)

    def _load(self, log: int) -> None:
        if log not in self._statements:
            self._statements[log] = self._tables.statements(log)

    def _pairs_of(self, place: Pair) -> list[PairCopy]:
        """With each account that has, or had, that name; whoever has it now comes first."""
        group = self._group
        if group.device_id not in group.chain.devices:
            return []
        self._load(place.log)
        known = self._pairs.setdefault(place.log, {})
        accounts = self._accounts_named(place.name)
        for other in accounts:
            if other not in known:
                copy = PairCopy(self._tables, group.secrets, group, place.log, other)
                known[other] = self._by_id[copy.scope.id] = copy
        copies = [known[other] for other in accounts]
        self._judge(place.log, copies)
        return copies

    def _accounts_named(self, name: str) -> list[bytes]:
        chain = self._group.chain
        if self._named[0] != chain.height:
            named: dict[bytes, list[bytes]] = {}
            for account_id, account in chain.accounts.items():
                named.setdefault(account.name, []).insert(0, account_id)
            self._named = chain.height, named
        return self._named[1].get(name.encode(), [])

    def _judge(self, log: int, copies: list[PairCopy]) -> None:
        """What names more of the chain than is here waits for it; what holds nowhere is dropped."""
        waiting = self._statements[log]
        for place, content in sorted(waiting.items()):
            found = [copy.add_statement(self._group.chain, place, content) for copy in copies]
            if any(each not in {Reason.SCOPE, Reason.NOT_YET_THERE} for each in found):
                del waiting[place]
