"""Owns what the chain of the group says where the database stands: remembered by its head, or read anew from its log.

The rules are `lanline.chain`, which every client runs too. A state never changes, so any thread that asks may keep it;
only the one that writes makes the next one out of the newest.
"""

from __future__ import annotations

from typing import NamedTuple

from lanline.chain.roomoffers import founding_of, height_of
from lanline.chain.rooms import ChainRoom, catch_up, replay
from lanline.chain.rules import follow
from lanline.chain.scopes import Scope, group_scope, pair_scope, room_scope, rsa_pair_scope
from lanline.chain.state import Chain
from lanline.errors import StorageDamaged
from lanline.model.accounts import AccountId
from lanline.model.groups import ChainHead
from lanline.model.logs import LogId
from lanline.model.rooms import Access
from lanline.storage.api import View

KEY_SUITE, STUB_SUITE, EPOCH_SUITE, SAID_SUITE = "key/1", "stub/1", "epoch/1", "said/1"
TOPIC_SUITE, CARRIED_SUITE = "topic/1", "carried/1"
SEALED_SUITES = (SAID_SUITE, TOPIC_SUITE)
_KEPT = 64
_KEPT_ROOMS = 1000
_READ_AT_ONCE = 1000


class ChainMember(NamedTuple):
    """Who a link is by the chain."""

    account_id: bytes
    device_id: bytes


class GroupState:
    """The chain at one head, and whose link is whose."""

    __slots__ = ("_by_link", "chain", "is_awaited", "log")

    def __init__(self, log: LogId, chain: Chain, *, is_awaited: bool = False) -> None:
        """`is_awaited`: the operator has put the group aside, and nobody has founded another yet."""
        self.log = log
        self.chain = chain
        self.is_awaited = is_awaited
        self._by_link: dict[bytes, ChainMember] | None = None

    @property
    def is_founded(self) -> bool:
        return self.chain.height > 0

    def member_by_link(self, fingerprint: bytes) -> ChainMember | None:
        """By the key of a link: a live device of a member."""
        if self._by_link is None:
            chain = self.chain
            live = (each for account in chain.names.values() for each in chain.accounts[account].devices)
            self._by_link = {
                chain.devices[each].link_fingerprint: ChainMember(chain.devices[each].account, each) for each in live
            }
        return self._by_link.get(fingerprint)

    def member_of(self, view: View, account: AccountId) -> bytes | None:
        """Who an account of the server is in the group, by any of its devices that the chain has."""
        for device in view.accounts.devices(account):
            member = self.member_by_link(device.fingerprint)
            if member is not None:
                return member.account_id
        return None

    def account_of(self, view: View, account_id: bytes) -> AccountId | None:
        """The other way round."""
        for each in self.chain.accounts[account_id].devices:
            device = view.accounts.device_by_fingerprint(self.chain.devices[each].link_fingerprint)
            if device is not None:
                return device.account
        return None


class _KnownRoom(NamedTuple):
    head: bytes
    """Of the chain, at the height of the room."""
    room: ChainRoom
    through: int
    """In the room's log."""


class GroupStates:
    def __init__(self) -> None:
        self._known: dict[bytes, GroupState] = {}
        self._rooms: dict[bytes, _KnownRoom] = {}

    def at(self, view: View) -> GroupState:
        """Of this view or transaction. With nothing founded, an empty chain."""
        stands = view.groups.chain()
        if stands is None:
            return AWAITED if view.groups.has_past() else _NOTHING
        return self._known.get(stands.head) or self.keep(_replayed(view, stands))

    def past(self, view: View) -> list[GroupState]:
        """Groups that were put aside, as they ended: the newest first."""
        return [self._known.get(each.head) or self.keep(_replayed(view, each)) for each in view.groups.past_chains()]

    def keep(self, state: GroupState) -> GroupState:
        while len(self._known) >= _KEPT:
            self._known.pop(next(iter(self._known)), None)
        self._known[state.chain.head] = state
        return state

    def room_at(self, view: View, log: LogId) -> ChainRoom | None:
        """A private room as its members have signed it, at the head of the chain. None: it is none."""
        room_id = view.groups.private_room(log)
        if room_id is None:
            return None
        chain, known = self.at(view).chain, self._rooms.get(room_id)
        if known is not None and chain.head_at(known.room.height) == known.head:
            room, through = known.room, known.through
            if room.height == chain.height:
                return room
            contents, through = _contents(view, log, through)
            room = catch_up(chain, room, contents)
        else:
            contents, through = _contents(view, log, 0)
            founding = next(each for each in contents.values() if founding_of(each) == room_id)
            replayed = replay(chain, founding, contents)
            assert isinstance(replayed, ChainRoom), "the entry that founded a room does not hold"
            room = replayed
        self.keep_room(chain, room, through)
        return room

    def keep_room(self, chain: Chain, room: ChainRoom, through: int) -> None:
        if len(self._rooms) >= _KEPT_ROOMS:
            self._rooms.clear()
        self._rooms[room.room_id] = _KnownRoom(chain.head, room, through)

    def forget_room(self, room_id: bytes) -> None:
        """An entry that it lacked has come: it is replayed anew."""
        self._rooms.pop(room_id, None)

    def scope_of(self, view: View, log: LogId, named: bytes | None = None) -> Scope | None:
        """None: nothing sealed can be said there. A pair has a second one in the suite `rsa`: its own, once it has been
        used there, and for who names it.
        """
        state = self.at(view)
        if not state.is_founded:
            return None
        room = view.rooms.by_log(log)
        if log == state.log or (room is not None and room.access is Access.OPEN):
            return group_scope(state.chain)
        private = self.room_at(view, log)
        if private is not None:
            return room_scope(state.chain, private)
        direct = view.rooms.direct(log)
        one = None if direct is None else state.member_of(view, direct.lower)
        other = None if direct is None else state.member_of(view, direct.higher)
        return None if one is None or other is None else _pair_scope(view, state.chain, one, other, named)


def _pair_scope(view: View, chain: Chain, one: bytes, other: bytes, named: bytes | None) -> Scope:
    scope = pair_scope(chain, one, other)
    in_rsa = None if named == scope.id else rsa_pair_scope(chain, one, other)
    if in_rsa is None:
        return scope
    return in_rsa if named == in_rsa.id or view.groups.has_epochs(in_rsa.id) else scope


def room_contents(view: View, log: LogId) -> dict[int, bytes]:
    return _contents(view, log, 0)[0]


def _contents(view: View, log: LogId, after: int) -> tuple[dict[int, bytes], int]:
    """Entries of a private room by their heights, and how far they were read."""
    contents: dict[int, bytes] = {}
    while items := view.logs.keyed(log, after, _READ_AT_ONCE):
        after = items[-1].sequence
        for each in items:
            height = height_of(each.content) if each.suite == KEY_SUITE else None
            if height is not None:
                contents[height] = each.content
    return contents, after


def _replayed(view: View, stands: ChainHead) -> GroupState:
    """The server takes into this log only what it has checked. Raises StorageDamaged where it is another by now."""
    chain, after = Chain(), 0
    while items := view.logs.after(stands.log, after, _READ_AT_ONCE):
        after = items[-1].sequence
        for each in items:
            if each.suite != EPOCH_SUITE:
                chain, _ = follow(chain, each.suite, each.content, is_checked=True)
    if (chain.height, chain.head) != (stands.height, stands.head):
        raise StorageDamaged(_DAMAGED)
    return GroupState(stands.log, chain)


_DAMAGED = (
    "The database is damaged: the entries that say who is in the group are not those that were written. Restore it "
    "from a backup, into another folder; what has been said since, members bring by themselves."
)
_NOTHING = GroupState(LogId(0), Chain())
AWAITED = GroupState(LogId(0), Chain(), is_awaited=True)
