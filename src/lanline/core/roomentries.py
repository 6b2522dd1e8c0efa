"""Owns how entries of private rooms come back in full, of which a restored server has the stubs only.

Whoever brings one proves nothing by that: the stub in the chain has its hash, and the tag of its room at its height.
A room that was founded after the backup is made again by the entry that founds it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import ClassVar

from lanline.chain.roomoffers import founding_of, full_entry_of
from lanline.chain.rooms import ChainRoom, replay
from lanline.chain.state import Chain
from lanline.core.changes import Appended, Change, RoomChanged
from lanline.core.commands import Authority, Command, Decision
from lanline.core.groupstate import KEY_SUITE, GroupState, room_contents
from lanline.core.history import check_not_gathering
from lanline.core.privatemembers import follow_members, left_out
from lanline.errors import InvalidInput
from lanline.model.accounts import AccountId, DeviceId
from lanline.model.logs import ENTRY_ID_BYTES, Entry, LogId, NewEntry
from lanline.model.names import checked_room_name
from lanline.model.rooms import Access, Room
from lanline.storage.api import Transaction, View


class BringEntries(Command[None], frozen=True):
    contents: tuple[bytes, ...]
    """Those of one room rise by their heights."""

    fills_disk: ClassVar[bool] = True

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        by.check_person()
        check_not_gathering(transaction)
        state, changes = by.context.groups.at(transaction), list[Change]()
        for content in self.contents:
            changes += _bring(transaction, by, state, content)
        return None, changes


def _bring(transaction: Transaction, by: Authority, state: GroupState, content: bytes) -> list[Change]:
    """Nothing, where it is here already or fits no stub."""
    found = full_entry_of(state.chain, content)
    log = None if found is None else _log_of(transaction, found.room_id)
    if found is None or (log is None and found.name is None):
        return []
    changes: list[Change] = []
    before = None if log is None else by.context.groups.room_at(transaction, log)
    known: ChainRoom | Sequence[AccountId] = before or ()
    if log is None:
        made = _make_room(transaction, by, state, found.name or b"")
        if made is None:
            return []
        room, known = made
        log = room.log
        transaction.groups.found_room(log, found.room_id)
        changes.append(RoomChanged(room, is_new=True, cursors=transaction.logs.cursors(log)))
    elif before is None or found.height not in before.lacking:
        return []
    entry_id = hashlib.sha256(content).digest()[:ENTRY_ID_BYTES]
    entry = NewEntry(log, entry_id, AccountId(0), DeviceId(0), by.context.now_ms, KEY_SUITE, content)
    [at] = transaction.logs.append([entry])
    told = Entry(log, at.sequence, entry_id, entry.account, entry.device, at.time_ms, KEY_SUITE, content)
    changes.append(Appended(log, at.sequence, [told]))
    by.context.groups.forget_room(found.room_id)
    after = by.context.groups.room_at(transaction, log)
    assert after is not None
    return [*changes, *follow_members(transaction, by, state, log, known, after)]


def holding(view: View, chain: Chain, contents: Sequence[bytes]) -> set[int]:
    """The heights of the stubs in this chain that these stand for, as entries that hold in their rooms."""
    brought: dict[bytes, dict[int, bytes]] = {}
    for content in contents:
        found = full_entry_of(chain, content)
        if found is not None:
            brought.setdefault(found.room_id, {})[found.height] = content
    heights = set[int]()
    for room_id, entries in brought.items():
        log = _log_of(view, room_id)
        known = entries if log is None else room_contents(view, log) | entries
        founding = next((each for each in known.values() if founding_of(each) == room_id), None)
        room = None if founding is None else replay(chain, founding, known)
        if isinstance(room, ChainRoom):
            heights |= entries.keys() - {height for height, _ in room.broken}
    return heights


def _log_of(view: View, room_id: bytes) -> LogId | None:
    return next((log for log in view.groups.private_rooms() if view.groups.private_room(log) == room_id), None)


def _make_room(
    transaction: Transaction, by: Authority, state: GroupState, founded: bytes
) -> tuple[Room, list[AccountId]] | None:
    """Or the open one that it closes, and who has to go from it. None: another sealed room has the name."""
    try:
        name = checked_room_name(f"#{founded.decode()}")
    except InvalidInput:
        return None
    room = transaction.rooms.by_name(name)
    if room is not None and transaction.groups.private_room(room.log) is not None:
        return None
    if room is None:
        return transaction.rooms.create(name, "", Access.INVITE_ONLY, by.account, by.context.now_ms), []
    closed = Room(room.log, room.name, "", Access.INVITE_ONLY, room.creator, room.created_ms)
    known = left_out(transaction, state, room)
    transaction.rooms.change(closed)
    return closed, known
