"""Owns the conversations as they stand in memory: who may read and speak, and how far each log has come.

Moved by the stream of changes alone. Rooms are all here; a conversation of two is read in when one of the two signs in.
Not how far people have read, which `cursors` owns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from lanline.core.changes import (
    Appended,
    ChainGrew,
    ConversationEnded,
    DirectOpened,
    Handlers,
    MemberStepped,
    RoomChanged,
)
from lanline.core.commands import unknown_conversation
from lanline.core.groupstate import TOPIC_SUITE
from lanline.model.accounts import AccountId
from lanline.model.logs import Entry, LogId
from lanline.model.rooms import Access, Direct, Membership, Room
from lanline.storage.api import View

_NO_LOG = LogId(0)


class Conversation:
    __slots__ = ("_joined", "direct", "head", "is_chain", "log", "members", "room", "topic")

    def __init__(self, head: int, held: Room | Direct | None, log: LogId = _NO_LOG) -> None:
        """`log` without `held`: that of the group's chain."""
        self.log = held.log if held is not None else log
        self.is_chain = held is None
        self.head = head
        self.room = held if isinstance(held, Room) else None
        self.direct = held if isinstance(held, Direct) else None
        self.topic: Entry | None = None
        """The newest that sets it, sealed. A plain one, of before there was a group, stands in the room."""
        self.members: dict[AccountId, Membership] = {}
        """Of a room: all who stand in any relation to it. Changed by `put` and `drop` only."""
        self._joined = 0

    def may_read(self, account: AccountId) -> bool:
        if self.direct is not None:
            return account in (self.direct.lower, self.direct.higher)
        member = self.members.get(account)
        return self.is_chain or (member is not None and member.may_read)

    def readers(self) -> Iterator[AccountId]:
        if self.direct is not None:
            yield from dict.fromkeys((self.direct.lower, self.direct.higher))
        for member in self.members.values():
            if member.may_read:
                yield member.account

    def concerned(self) -> list[AccountId]:
        """All who stand in any relation to it."""
        return [*self.members] if self.direct is None else [self.direct.lower, self.direct.higher]

    @property
    def size(self) -> int:
        """How many read it."""
        return self._joined if self.direct is None else len({self.direct.lower, self.direct.higher})

    @property
    def is_open(self) -> bool:
        return self.room is not None and self.room.access is Access.OPEN

    def is_visible_to(self, account: AccountId) -> bool:
        """In the list of rooms."""
        member = self.members.get(account)
        if member is None:
            return self.is_open
        return member.may_read or member.invited_by is not None or (self.is_open and not member.is_banned)

    def put(self, member: Membership) -> None:
        self.drop(member.account)
        self.members[member.account] = member
        self._joined += member.may_read

    def drop(self, account: AccountId) -> None:
        before = self.members.pop(account, None)
        if before is not None:
            self._joined -= before.may_read


class Conversations:
    def __init__(self) -> None:
        self._by_log: dict[LogId, Conversation] = {}
        self._of: dict[AccountId, dict[LogId, Conversation]] = {}
        self._has_directs: set[AccountId] = set()
        self._reads = 0
        """Of conversations of two, under way."""
        self._heads_meanwhile: dict[LogId, int] = {}
        """Of logs that moved during such a read and were not here yet."""

    def load(self, view: View) -> None:
        for room in view.rooms.all():
            conversation = self._by_log[room.log] = Conversation(_head(view, room.log), room)
            conversation.topic = view.logs.newest_topic(room.log)
            for member in view.rooms.members(room.log):
                self._put_member(conversation, member)

    def load_chain(self, log: LogId, view: View) -> None:
        """The group's, which everybody reads. 0: nobody has founded one yet."""
        if log:
            self._by_log[log] = Conversation(_head(view, log), None, log)

    # Conversations of two. In between the two steps the loop may go on.

    def begin_directs(self, account: AccountId) -> bool:
        """False: they are here, and what comes later is put here as it is made."""
        if account in self._has_directs:
            return False
        self._reads += 1
        return True

    def end_directs(self, account: AccountId, found: Iterable[tuple[Direct, int]] | None) -> None:
        """What `read_directs` has found; None: it failed."""
        self._reads -= 1
        if found is not None:
            for direct, head in found:
                if direct.log not in self._by_log:
                    self._put_direct(direct, max(head, self._heads_meanwhile.get(direct.log, 0)))
            self._has_directs.add(account)
        if not self._reads:
            self._heads_meanwhile.clear()

    # Looking.

    def get(self, log: LogId) -> Conversation | None:
        return self._by_log.get(log)

    def readable(self, log: LogId, account: AccountId) -> Conversation:
        """The same answer for what there is not and for what one may not know of."""
        conversation = self._by_log.get(log)
        if conversation is None or not conversation.may_read(account):
            raise unknown_conversation()
        return conversation

    def head_for(self, log: LogId, account: AccountId) -> int | None:
        """None: the account may not read it."""
        conversation = self._by_log.get(log)
        return conversation.head if conversation is not None and conversation.may_read(account) else None

    def of(self, account: AccountId) -> list[Conversation]:
        """Those the account stands in any relation to."""
        return list(self._of.get(account, {}).values())

    def rooms(self) -> list[Conversation]:
        return [conversation for conversation in self._by_log.values() if conversation.room is not None]

    # The stream.

    def handlers(self) -> Handlers:
        return {
            Appended: self._note_appended,
            RoomChanged: self._note_room,
            MemberStepped: self._note_step,
            DirectOpened: self._note_opened,
            ConversationEnded: self._note_ended,
            ChainGrew: self._note_chain,
        }

    def _note_appended(self, change: Appended) -> None:
        conversation = self._by_log.get(change.log)
        if conversation is not None:
            conversation.head = max(conversation.head, change.head)
            for entry in change.entries:
                if entry.suite == TOPIC_SUITE and conversation.room is not None:
                    conversation.topic = entry
                    conversation.room = msgspec.structs.replace(conversation.room, topic="")
        elif self._reads:
            self._heads_meanwhile[change.log] = change.head

    def _note_chain(self, change: ChainGrew) -> None:
        """Its first entry was appended in the same commit, and told before."""
        log = change.state.log
        if log and log not in self._by_log:
            self._by_log[log] = Conversation(1, None, log)

    def _note_room(self, change: RoomChanged) -> None:
        self._put_room(change.room)

    def _note_step(self, change: MemberStepped) -> None:
        conversation = self._put_room(change.room)
        if change.after is not None:
            self._put_member(conversation, change.after)
        else:
            conversation.drop(change.account)
            self._of.get(change.account, {}).pop(conversation.log, None)

    def _note_opened(self, change: DirectOpened) -> None:
        if change.direct.log not in self._by_log:
            self._put_direct(change.direct, 0)

    def _note_ended(self, change: ConversationEnded) -> None:
        conversation = self._by_log.pop(change.log, None)
        if conversation is not None:
            for account in conversation.concerned():
                self._of.get(account, {}).pop(change.log, None)

    def _put_room(self, room: Room) -> Conversation:
        conversation = self._by_log.get(room.log)
        if conversation is None:
            conversation = self._by_log[room.log] = Conversation(0, room)
        conversation.room = room
        return conversation

    def _put_member(self, conversation: Conversation, member: Membership) -> None:
        conversation.put(member)
        self._of.setdefault(member.account, {})[conversation.log] = conversation

    def _put_direct(self, direct: Direct, head: int) -> None:
        conversation = self._by_log[direct.log] = Conversation(head, direct)
        for account in (direct.lower, direct.higher):
            self._of.setdefault(account, {})[direct.log] = conversation


def read_directs(view: View, account: AccountId) -> list[tuple[Direct, int]]:
    """With the heads of their logs."""
    return [(direct, _head(view, direct.log)) for direct in view.rooms.directs(account)]


def _head(view: View, log: LogId) -> int:
    return view.logs.heads([log]).get(log, 0)
