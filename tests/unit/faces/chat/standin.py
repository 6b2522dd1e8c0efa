"""A face whose node is the test: what the view would know, and a record of what was asked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import msgspec

from lanline.client.node import protocol as do
from lanline.client.view.places import Places
from lanline.client.view.transcript import Transcript
from lanline.client.view.values import (
    Conversation,
    GroupFacts,
    MemberListing,
    Message,
    MessageState,
    NodeState,
    Notifying,
    Person,
    RoomListing,
)
from lanline.client.view.view import Change
from lanline.errors import InvalidInput, LanlineError
from lanline.faces.chat.paint import Paint
from lanline.faces.chat.screen import TerminalScreen
from lanline.model.content import Content, Text, check_content

ME, ANA, BO = 1, 2, 3
NOON_MS = 1_772_366_400_000


class View:
    def __init__(self) -> None:
        self.account = ME
        self.name = "me"
        self.is_admin = self.is_restored = False
        self.server_name = "ship"
        self.state = NodeState.SYNCHRONIZED
        self.problem = ""
        self.group = GroupFacts({ANA: "by your invite"})
        self.ignored: dict[int, str] = {}
        self.notifying = Notifying()
        self.is_reminder_due = False
        self.told_invitations: list[int] = []
        self.note_invitation_told = self.told_invitations.append
        self.people = (person(ANA, "ana"), person(BO, "bo", is_online=False), person(ME, "me"))
        self.kept: dict[int, list[Message]] = {}
        self.outbox: list[Message] = []
        self.read: dict[int, int] = {}
        self._rows: dict[int, Conversation] = {}

    def note_reminded(self) -> None:
        self.is_reminder_due = False

    @property
    def is_connected(self) -> bool:
        return self.state is NodeState.SYNCHRONIZED

    def add(self, row: Conversation) -> Conversation:
        known = self._rows.get(row.log)
        number = len(self._rows) + 1 if known is None else known.number
        row = self._rows[row.log] = msgspec.structs.replace(row, number=row.number or number)
        self.kept.setdefault(row.log, [])
        return row

    def drop(self, log: int) -> None:
        self._rows[log] = msgspec.structs.replace(self._rows[log], is_open=False)

    @property
    def conversations(self) -> tuple[Conversation, ...]:
        return tuple(found for log in self._rows if (found := self.conversation(log)) is not None)

    def conversation(self, log: int) -> Conversation | None:
        if log not in self._rows:
            return None
        messages, read = self.kept[log], self.read.get(log, 0)
        return msgspec.structs.replace(
            self._rows[log],
            head=len(messages),
            delivered=len(messages),
            read=read,
            unread=sum(each.sequence > read and each.is_news for each in messages),
        )

    def conversation_titled(self, title: str) -> Conversation | None:
        return next((each for each in self.conversations if each.title.casefold() == title.casefold()), None)

    def person(self, account: int) -> Person | None:
        return next((each for each in self.people if each.account == account), None)

    def person_named(self, name: str) -> Person | None:
        return next((each for each in self.people if each.name.casefold() == name.casefold()), None)

    def messages(self, log: int, *, before: int | None = None, last: int = 100) -> list[Message]:
        kept = [each for each in self.kept.get(log, []) if before is None or each.sequence < before]
        return kept[-last:]

    def mark_read(self, log: int, through: int) -> None:
        self.read[log] = max(through, self.read.get(log, 0))

    def refuse_all(self) -> None:
        self.outbox = [msgspec.structs.replace(each, state=MessageState.REFUSED) for each in self.outbox]

    def say_again(self, entry_id: bytes) -> None:
        self.outbox = [
            msgspec.structs.replace(each, state=MessageState.QUEUED) if each.entry_id == entry_id else each
            for each in self.outbox
        ]

    def forget(self, entry_id: bytes) -> None:
        self.outbox = [each for each in self.outbox if each.entry_id != entry_id]

    def say(self, target: int | str, content: Content) -> Message:
        check_content(content)
        found = self.conversation_titled(target) if isinstance(target, str) else self.conversation(target)
        if found is None and isinstance(target, str) and target.startswith("#"):
            raise InvalidInput(f"You are not in {target}.")
        said = Message(
            found.log if found else None,
            0,
            len(self.outbox).to_bytes(16, "big"),
            ME,
            NOON_MS,
            content,
            MessageState.QUEUED,
            destination=target if isinstance(target, str) else "",
        )
        self.outbox.append(said)
        return said


class Face:
    def __init__(self) -> None:
        self.view = View()
        self.said_here: set[bytes] = set()
        self.asked: list[Any] = []
        self.problem: LanlineError | None = None
        self.listed: tuple[RoomListing, ...] = ()
        self.listed_members: tuple[MemberListing, ...] = ()
        self.changes: asyncio.Queue[Change] = asyncio.Queue()
        self._has_changed = asyncio.Event()

    async def ask(self, command: Any) -> Any:  # noqa: PLR0911 -- one for each command
        match command:
            case do.ListRooms():
                return do.RoomsListed(self.listed)
            case do.ListMembers():
                return do.MembersListed(self.listed_members)
            case do.SayAgain(entry_id):
                self.view.say_again(entry_id)
                return do.Done()
            case do.Forget(entry_id):
                self.view.forget(entry_id)
                return do.Done()
        if self.problem is not None:
            raise self.problem
        self.asked.append(command)
        match command:
            case do.JoinRoom(name):
                return do.Opened(self.view.add(room(90, name)).log)
            case do.CreateRoom(name):
                return do.Opened(self.view.add(room(91, name)).log)
        return do.Done()

    async def say(self, target: int | str, content: Content) -> Message:
        said = self.view.say(target, content)
        self.said_here.add(said.entry_id)
        return said

    async def read(self, log: int, last: int, *, before: int | None = None, after: int | None = None) -> list[Message]:
        kept = self.view.kept.get(log, [])
        if after is not None:
            return kept[after : after + last]
        return [each for each in kept if before is None or each.sequence < before][-last:]

    def happen(self, change: Change) -> None:
        self.changes.put_nowait(change)
        self._has_changed.set()

    async def next_change(self) -> Change:
        return await self.changes.get()

    async def wait_until(self, condition: Callable[[], bool], limit_s: float | None = None) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while not condition():
                    self._has_changed.clear()
                    await self._has_changed.wait()
        return condition()

    async def wait_synchronized(self, limit_s: float | None = None) -> None: ...

    async def wait_ended(self) -> None:
        await asyncio.Event().wait()


class Stage:
    """A face in the lobby with ana and bo, and what stands on the screen."""

    def __init__(self) -> None:
        self.face: Any = Face()
        self.view = self.face.view
        self.lobby = self.view.add(room(10, "#lobby"))
        self.lab = self.view.add(room(11, "#lab"))
        self.ana = self.view.add(direct(20, "ana", ANA))
        self.places = Places(self.view, "#lobby")
        self.written = ""
        paint = Paint(has_colours=False)
        self.rows_above = 0
        self.screen = TerminalScreen(
            self.view,
            paint,
            write=self._write,
            rows_above=lambda: self.rows_above,
            width=lambda: 1000,
            now=lambda: NOON_MS,
        )
        self.transcript = Transcript(self.view, self.screen)

    def _write(self, text: str) -> None:
        self.written += text

    def hears(self, log: int, account: int, content: Content | str, state: MessageState | None = None) -> Message:
        """A message that this device has."""
        kept = self.view.kept[log]
        state = state or (MessageState.SENT if account == ME else MessageState.RECEIVED)
        said = Text(content) if isinstance(content, str) else content
        made = Message(log, len(kept) + 1, bytes([log, (len(kept) + 1) % 256]) * 8, account, NOON_MS, said, state)
        kept.append(made)
        return made

    def ignores(self, message: Message) -> Message:
        """The same, of somebody whose words are not to be shown."""
        assert message.log is not None
        kept = self.view.kept[message.log]
        hidden = kept[kept.index(message)] = msgspec.structs.replace(message, is_ignored=True)
        self.view.ignored[message.account] = "somebody"
        return hidden

    def taken_screen(self) -> str:
        screen, self.written = self.written, ""
        return screen


def person(account: int, name: str, *, is_online: bool = True) -> Person:
    return Person(account, name, is_online, f"192.0.2.{account}:4000", NOON_MS)


def room(log: int, title: str, **more: Any) -> Conversation:
    return Conversation(log, title, None, **more)


def direct(log: int, title: str, other: int) -> Conversation:
    return Conversation(log, title, other)
