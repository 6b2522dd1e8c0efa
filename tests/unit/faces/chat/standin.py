"""A client whose server is the test: what the node would know, and a record of what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from lanline.client.chat.events import NodeEvent
from lanline.client.chat.session import NodeState
from lanline.client.chat.values import Conversation, MemberListing, Message, MessageState, Person, RoomListing
from lanline.errors import InvalidInput, LanlineError
from lanline.faces.chat.paint import Paint
from lanline.faces.chat.places import Places
from lanline.faces.chat.rendering import Speech
from lanline.faces.chat.transcript import Transcript
from lanline.model.content import Content, Text, check_content

ME, ANA, BO = 1, 2, 3
NOON_MS = 1_772_366_400_000


class Node:
    def __init__(self) -> None:
        self.account = ME
        self.name = "me"
        self.is_admin = False
        self.server_name = "ship"
        self.state = NodeState.SYNCHRONIZED
        self.people = (person(ANA, "ana"), person(BO, "bo", is_online=False), person(ME, "me"))
        self.kept: dict[int, list[Message]] = {}
        self.outbox: list[Message] = []
        self.read: dict[int, int] = {}
        self.asked_earlier: list[tuple[int, int]] = []
        self._rows: dict[int, Conversation] = {}

    def add(self, row: Conversation) -> Conversation:
        self._rows[row.log] = row
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
            unread=sum(each.sequence > read and not each.is_own for each in messages),
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

    def read_earlier(self, log: int, limit: int = 200) -> None:
        self.asked_earlier.append((log, limit))

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


class Rooms:
    def __init__(self, node: Node) -> None:
        self._node = node
        self.asked: list[tuple[Any, ...]] = []
        self.problem: LanlineError | None = None
        self.listed: list[RoomListing] = []
        self.listed_members: list[MemberListing] = []

    async def visible(self) -> list[RoomListing]:
        return self.listed

    async def members(self, log: int) -> list[MemberListing]:
        return self.listed_members

    async def join(self, name: str) -> int:
        self._note("join", name)
        return self._node.add(room(90, name)).log

    async def create(self, name: str, topic: str = "", access: Any = None) -> int:
        self._note("create", name, access)
        return self._node.add(room(91, name)).log

    def __getattr__(self, name: str) -> Any:
        async def ask(*arguments: Any, **named: Any) -> None:
            self._note(name, *arguments, *named.values())

        return ask

    def _note(self, *asked: Any) -> None:
        if self.problem is not None:
            raise self.problem
        self.asked.append(asked)


class Client:
    def __init__(self) -> None:
        self.node = Node()
        self.rooms = Rooms(self.node)
        self.events: asyncio.Queue[NodeEvent] = asyncio.Queue()
        self._listeners: list[Callable[[NodeEvent], None]] = []

    def subscribe(self, listener: Callable[[NodeEvent], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def happen(self, event: NodeEvent) -> None:
        self.events.put_nowait(event)
        for listener in list(self._listeners):
            listener(event)

    async def next_event(self) -> NodeEvent:
        return await self.events.get()

    async def wait_synchronized(self, limit_s: float | None = None) -> None: ...

    async def wait_ended(self) -> None:
        await asyncio.Event().wait()


class Stage:
    """A client in the lobby with ana and bo, and what stands on the screen."""

    def __init__(self) -> None:
        self.client: Any = Client()
        self.node = self.client.node
        self.lobby = self.node.add(room(10, "#lobby"))
        self.lab = self.node.add(room(11, "#lab"))
        self.ana = self.node.add(direct(20, "ana", ANA))
        self.places = Places(self.node, "#lobby")
        self.screen = ""
        speech = Speech(Paint(has_colours=False), columns=1000)
        self.transcript = Transcript(self.node, speech, self._write, lambda: NOON_MS)

    def _write(self, text: str) -> None:
        self.screen += text

    def hears(self, log: int, account: int, content: Content | str, state: MessageState | None = None) -> Message:
        """A message that this device has."""
        kept = self.node.kept[log]
        state = state or (MessageState.SENT if account == ME else MessageState.RECEIVED)
        said = Text(content) if isinstance(content, str) else content
        made = Message(log, len(kept) + 1, bytes([log, (len(kept) + 1) % 256]) * 8, account, NOON_MS, said, state)
        kept.append(made)
        return made

    def taken_screen(self) -> str:
        screen, self.screen = self.screen, ""
        return screen


def person(account: int, name: str, *, is_online: bool = True) -> Person:
    return Person(account, name, is_online, f"192.0.2.{account}:4000", NOON_MS)


def room(log: int, title: str, **more: Any) -> Conversation:
    return Conversation(log, title, None, **more)


def direct(log: int, title: str, other: int) -> Conversation:
    return Conversation(log, title, other)
