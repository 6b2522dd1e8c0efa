"""Owns how entries of private rooms are taken: on the head of the chain, where a stub stands for each, those that hold.

In the same transaction the server's own table of who is in the room follows them. Who may bring one is their rule's
word alone: an admin of the server, or of the group, who is not in the room has no say in it.
"""

from __future__ import annotations

import hashlib
from typing import ClassVar

import msgspec

from lanline.chain.reasons import Reason
from lanline.chain.roomoffers import RoomOffer, judge_room_offer
from lanline.chain.rooms import ChainRoom
from lanline.core.changes import Appended, ChainGrew, Change, RoomChanged
from lanline.core.commands import Authority, Command, Decision
from lanline.core.groupstate import KEY_SUITE, STUB_SUITE, GroupState
from lanline.core.history import check_not_gathering
from lanline.core.keyentries import MAX_ASKEW_MS, KeyPlace, check_whole, does_not_hold
from lanline.core.privatemembers import follow_members, left_out
from lanline.errors import RefusalCode, RequestRefused
from lanline.model.accounts import AccountId, DeviceId
from lanline.model.logs import ENTRY_ID_BYTES, Entry, LogId, NewEntry
from lanline.model.rooms import Access, Role, Room
from lanline.storage.api import Transaction

_NOBODY = AccountId(0), DeviceId(0)
"""Who made an entry of a room is told to its members only."""


class AppendRoomKey(Command[KeyPlace], frozen=True):
    log: LogId
    content: bytes

    fills_disk: ClassVar[bool] = True

    def decide(self, transaction: Transaction, by: Authority) -> Decision[KeyPlace]:
        by.check_person()
        state, room = by.context.groups.at(transaction), _room(transaction, self.log)
        entry_id = _id_of(self.content)
        stands = transaction.logs.find(self.log, by.account, entry_id)
        if stands is not None:
            return KeyPlace(state.log, transaction.logs.heads([state.log])[state.log], 0), ()
        check_not_gathering(transaction)
        before = by.context.groups.room_at(transaction, self.log)
        _check_may_bring(transaction, by, room, is_new=before is None)
        if before is not None:
            check_whole(before)
        offer = judge_room_offer(state.chain, before, self.content)
        if isinstance(offer, Reason):
            raise does_not_hold(offer)
        self._check(by, offer, room, is_new=before is None)
        _check_not_banned(transaction, state, room, before, offer.room)
        place, changes = self._append(transaction, by, state, offer, entry_id)
        known = before or left_out(transaction, state, room)
        if before is None:
            transaction.groups.found_room(self.log, offer.room.room_id)
            changes += _close(transaction, room)
        after = by.context.groups.at(transaction)
        by.context.groups.keep_room(offer.chain, offer.room, transaction.logs.heads([self.log])[self.log])
        changes += follow_members(transaction, by, after, self.log, known, offer.room)
        return place, changes

    @staticmethod
    def _check(by: Authority, offer: RoomOffer, room: Room, *, is_new: bool) -> None:
        if abs(offer.time_ms - by.context.now_ms) > MAX_ASKEW_MS:
            text = "The clock of this device is more than five minutes off that of the server. Set it, and try again."
            raise RequestRefused(RefusalCode.INVALID, text)
        if is_new and offer.room.name.decode() != room.name.removeprefix("#"):
            raise RequestRefused(RefusalCode.INVALID, "In the group the room has the same name as on the server.")

    def _append(
        self, transaction: Transaction, by: Authority, state: GroupState, offer: RoomOffer, entry_id: bytes
    ) -> tuple[KeyPlace, list[Change]]:
        account, device, now_ms = by.account, by.actor.device, by.context.now_ms
        new = [
            NewEntry(state.log, _id_of(offer.stub), *_NOBODY, now_ms, STUB_SUITE, offer.stub),
            NewEntry(self.log, entry_id, account, device, now_ms, KEY_SUITE, self.content),
        ]
        places = transaction.logs.append(new)
        transaction.groups.move_chain(offer.chain.height, offer.chain.head)
        after = by.context.groups.keep(GroupState(state.log, offer.chain))
        changes: list[Change] = []
        for each, at in zip(new, places, strict=True):
            entry = Entry(
                each.log, at.sequence, each.entry_id, each.account, each.device, at.time_ms, each.suite, each.content
            )
            changes.append(Appended(each.log, at.sequence, [entry]))
        return KeyPlace(state.log, places[0].sequence, offer.chain.height), [*changes, ChainGrew(after)]


def _id_of(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()[:ENTRY_ID_BYTES]


def _room(transaction: Transaction, log: LogId) -> Room:
    room = transaction.rooms.by_log(log)
    if room is None:
        raise RequestRefused(RefusalCode.UNKNOWN_CONVERSATION, "There is no such room, or you are not in it.")
    return room


def _check_may_bring(transaction: Transaction, by: Authority, room: Room, *, is_new: bool) -> None:
    """Who is not in a room does not learn that there is one."""
    mine = transaction.rooms.membership(room.log, by.account)
    if mine is None or not mine.may_read:
        raise RequestRefused(RefusalCode.UNKNOWN_CONVERSATION, "There is no such room, or you are not in it.")
    if is_new and mine.role is not Role.OWNER:
        raise RequestRefused(RefusalCode.NOT_ALLOWED, "Only an owner of the room says who may come in.")


def _check_not_banned(
    transaction: Transaction, state: GroupState, room: Room, before: ChainRoom | None, after: ChainRoom
) -> None:
    for account_id in after.members.keys() - (set() if before is None else before.members.keys()):
        account = state.account_of(transaction, account_id)
        member = None if account is None else transaction.rooms.membership(room.log, account)
        if member is not None and member.is_banned:
            text = f"One of them is banned from {room.name}. Lift the ban first."
            raise RequestRefused(RefusalCode.NOT_ALLOWED, text)


def _close(transaction: Transaction, room: Room) -> list[Change]:
    """From now on it is for those whom the entries name."""
    closed = msgspec.structs.replace(room, topic="", access=Access.INVITE_ONLY)
    transaction.rooms.change(closed)
    return [RoomChanged(closed, is_new=False, cursors=transaction.logs.cursors(room.log))]
