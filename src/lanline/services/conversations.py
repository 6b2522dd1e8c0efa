"""The conversations as they stand in memory: who may read and speak, how far the log has come, and its readers with it.

Changed only by what was committed. Rooms are all here; a conversation of two is read in when one of the two signs in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from lanline.errors import RefusalCode, RequestRefused
from lanline.model.accounts import AccountId, DeviceId
from lanline.model.logs import Cursor, LogId
from lanline.model.rooms import Direct, Membership, Room
from lanline.storage.api import View

_NOWHERE = Cursor()


class Conversation:
    __slots__ = ("_joined", "direct", "head", "last_time_ms", "log", "marks", "members", "room")

    def __init__(self, log: LogId, head: int, last_time_ms: int, held: Room | Direct) -> None:
        self.log = log
        self.head = head
        self.last_time_ms = last_time_ms
        self.room = held if isinstance(held, Room) else None
        self.direct = held if isinstance(held, Direct) else None
        self.members: dict[AccountId, Membership] = {}
        """Of a room: all who stand in any relation to it. Changed by `put` and `drop` only."""
        self._joined = 0
        self.marks: dict[AccountId, Cursor] | None = None
        """How far each account has come, on whichever of its devices; None until somebody asked."""

    def may_read(self, account: AccountId) -> bool:
        if self.direct is not None:
            return account in (self.direct.lower, self.direct.higher)
        member = self.members.get(account)
        return member is not None and member.may_read

    def may_speak(self, account: AccountId) -> bool:
        member = self.members.get(account)
        return self.direct is not None or (member is not None and member.may_speak)

    def readers(self) -> Iterator[AccountId]:
        if self.direct is not None:
            yield from dict.fromkeys((self.direct.lower, self.direct.higher))
        for member in self.members.values():
            if member.may_read:
                yield member.account

    @property
    def size(self) -> int:
        """How many read it."""
        return self._joined if self.direct is None else len({self.direct.lower, self.direct.higher})

    def put(self, member: Membership) -> None:
        self.drop(member.account)
        self.members[member.account] = member
        self._joined += member.may_read

    def drop(self, account: AccountId) -> None:
        before = self.members.pop(account, None)
        if before is not None:
            self._joined -= before.may_read

    def stamp(self, now_ms: int) -> int:
        """The time of the next entry: the clock may jump back, the times of a log do not."""
        self.last_time_ms = max(self.last_time_ms, now_ms)
        return self.last_time_ms

    def mark(self, account: AccountId) -> Cursor:
        return (self.marks or {}).get(account, _NOWHERE)

    def move_mark(self, account: AccountId, cursor: Cursor) -> Cursor | None:
        """Where the account stands now, if that is news."""
        assert self.marks is not None
        before = self.marks.get(account, _NOWHERE)
        moved = before.advanced(cursor.delivered, cursor.read)
        if moved == before:
            return None
        self.marks[account] = moved
        return moved


class Conversations:
    def __init__(self) -> None:
        self._by_log: dict[LogId, Conversation] = {}
        self._of: dict[AccountId, dict[LogId, Conversation]] = {}
        self._has_directs: set[AccountId] = set()

    def load(self, view: View) -> None:
        for room in view.rooms.all():
            conversation = self._read_in(view, room)
            for member in view.rooms.members(room.log):
                self.put_member(conversation, member)

    def load_directs(self, view: View, account: AccountId) -> None:
        """Once for each account: whatever comes later is put here as it is made."""
        if account in self._has_directs:
            return
        for direct in view.rooms.directs(account):
            if direct.log not in self._by_log:
                self._link(self._read_in(view, direct), (direct.lower, direct.higher))
        self._has_directs.add(account)

    def load_marks(
        self, view: View, conversation: Conversation, account_of: Callable[[DeviceId], AccountId | None]
    ) -> None:
        if conversation.marks is not None:
            return
        conversation.marks = {}
        for device, cursor in view.logs.cursors(conversation.log).items():
            account = account_of(device)
            if account is not None:
                conversation.move_mark(account, cursor)

    def _read_in(self, view: View, held: Room | Direct) -> Conversation:
        head = view.logs.heads([held.log]).get(held.log, 0)
        newest = view.logs.before(held.log, head + 1, 1)
        conversation = Conversation(held.log, head, newest[0].time_ms if newest else 0, held)
        self._by_log[held.log] = conversation
        return conversation

    def _link(self, conversation: Conversation, accounts: Iterable[AccountId]) -> None:
        for account in accounts:
            self._of.setdefault(account, {})[conversation.log] = conversation

    def __len__(self) -> int:
        return len(self._by_log)

    def get(self, log: LogId) -> Conversation | None:
        return self._by_log.get(log)

    def readable(self, log: LogId, account: AccountId) -> Conversation:
        """The same answer for what there is not and for what one may not know of."""
        conversation = self._by_log.get(log)
        if conversation is None or not conversation.may_read(account):
            raise RequestRefused(
                RefusalCode.UNKNOWN_CONVERSATION, "There is no such conversation, or you are not in it."
            )
        return conversation

    def of(self, account: AccountId) -> list[Conversation]:
        """Those the account stands in any relation to."""
        return list(self._of.get(account, {}).values())

    def rooms(self) -> list[Conversation]:
        return [conversation for conversation in self._by_log.values() if conversation.room is not None]

    def put_room(self, room: Room) -> Conversation:
        conversation = self._by_log.get(room.log)
        if conversation is None:
            conversation = self._by_log[room.log] = Conversation(room.log, 0, 0, room)
        conversation.room = room
        return conversation

    def put_member(self, conversation: Conversation, member: Membership) -> None:
        conversation.put(member)
        self._link(conversation, (member.account,))

    def drop_member(self, conversation: Conversation, account: AccountId) -> None:
        conversation.drop(account)
        self._of.get(account, {}).pop(conversation.log, None)

    def put_direct(self, view: View, direct: Direct) -> tuple[Conversation, bool]:
        """And whether it was not here before."""
        conversation = self._by_log.get(direct.log)
        if conversation is not None:
            return conversation, False
        conversation = self._read_in(view, direct)
        self._link(conversation, (direct.lower, direct.higher))
        return conversation, True
