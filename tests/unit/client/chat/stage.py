"""A node on a stage: a clock that the test turns, links that the test plays the other end of, and what was told."""

from __future__ import annotations

import itertools
import random
from typing import Any, TypeVar

from lanline.client.chat.history import History
from lanline.client.chat.node import ChatNode
from lanline.client.chat.sealed.content import seal
from lanline.client.chat.session import AsDevice, SignInWay
from lanline.client.view import events
from lanline.client.view.values import Message
from lanline.errors import CloseCode
from lanline.model.content import Content, Text
from lanline.model.rooms import Access, Role, Standing
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, MessageReceived, SendBufferDrained
from lanline.testing.clock import HandClock
from lanline.testing.link import HandLink
from lanline.wire.chat.conversations import Conversation, Conversations, Member, RoomInfo
from lanline.wire.chat.directory import People, Person
from lanline.wire.chat.entries import Append, Committed, Entries, LogEntry, Place
from lanline.wire.chat.messages import ServerMessage, decode_client_message, encode_message
from lanline.wire.chat.signin import Hello, Join, SignedIn, SignIn, Welcome

ANN, BEN, CAI = 1, 2, 3
NAMES = {ANN: "ann", BEN: "ben", CAI: "cai"}
LAB, ANN_AND_BEN = 10, 20
START_MS = 1_700_000_000_000

T = TypeVar("T")
_SEEDS = itertools.count()
"""Two processes never draw the same ids."""


class PlayedLink(HandLink):
    """The client's end of a link; the test is the server."""

    def __init__(self, fingerprint: bytes = bytes(32)) -> None:
        super().__init__(fingerprint)
        self.sent: list[Any] = []
        """Decoded, without what was taken."""
        self.channels: list[Channel] = []
        self.is_full = False

    def is_writable(self, channel: Channel) -> bool:
        return super().is_writable(channel) and not self.is_full

    def _send(self, channel: Channel, raw: bytes, messages: list[bytes]) -> int:
        number = super()._send(channel, raw, messages)
        self.sent += map(decode_client_message, messages)
        self.channels.append(channel)
        return number

    def say(self, *messages: ServerMessage) -> None:
        for message in messages:
            if self.closed is None:
                self.say_bytes(encode_message(message))

    def say_bytes(self, payload: bytes) -> None:
        self.give(MessageReceived(Channel.CHAT, payload))

    def die(self, reason: str = "The peer does not answer.") -> None:
        self.end(LinkClosed(CloseCode.UNREACHABLE, reason, by_peer=False))

    def hang_up(self, code: CloseCode, reason: str) -> None:
        self.end(LinkClosed(code, reason, by_peer=True))

    def drain(self) -> None:
        self.is_full = False
        self.give(SendBufferDrained(Channel.CHAT))

    def take(self, kind: type[T]) -> list[T]:
        """What was sent of this kind since the last call."""
        found = [message for message in self.sent if isinstance(message, kind)]
        self.sent = [message for message in self.sent if not isinstance(message, kind)]
        return found

    def commit(self, *appends: Append, after: int, time_ms: int = START_MS) -> None:
        self.say(Committed(tuple(Place(each.request, after + n, time_ms) for n, each in enumerate(appends, 1))))


class Stage:
    """One home: its history, and the node of the process that runs now."""

    def __init__(
        self, way: SignInWay | None = None, *, follows_all: bool = True, history: History | None = None
    ) -> None:
        self.clock = HandClock(0.0)
        self.chance = random.Random(next(_SEEDS))
        self.history = history or History.in_memory()
        self.epoch = b""
        self.told: list[Any] = []
        """All events that no `heard` has taken."""
        self.node = self._start(way or AsDevice(), follows_all)

    def _start(self, way: SignInWay, follows_all: bool) -> ChatNode:
        node = ChatNode(self.clock, self.history, way, follows_all=follows_all)
        node.subscribe(self._hear)
        return node

    def _hear(self, event: events.NodeEvent) -> None:
        self.told.append(event)

    def restart(self, *, follows_all: bool = True) -> None:
        """The process is gone, the disk is as it was after the last commit."""
        self.history = History.in_memory(self.history.image())
        self.told = []
        self.node = self._start(AsDevice(), follows_all)

    def say(self, target: int | str, content: Content, entry_id: bytes | None = None) -> Message:
        return self.node.outbox.say(target, content, entry_id or self.chance.randbytes(16))

    def connect(self, *conversations: Conversation, own: int = ANN, is_new: bool = False) -> PlayedLink:
        """A link on which the node is signed in and synchronized."""
        link = PlayedLink()
        self.node.on_connected(link)
        self.greet(link)
        self.sign_in(link, own, is_new=is_new)
        link.say(people_table(), Conversations(conversations, is_last=True))
        return link

    def greet(self, link: PlayedLink) -> None:
        assert len(link.take(Hello)) == 1
        link.say(Welcome(2, "ship", is_open=False, now_ms=START_MS))

    def sign_in(self, link: PlayedLink, own: int = ANN, *, is_new: bool = False) -> None:
        (asked,) = link.take(SignIn | Join)  # type: ignore[arg-type]
        link.say(SignedIn(asked.request, own, NAMES[own], own * 100, is_admin=False, is_new=is_new, epoch=self.epoch))

    def heard(self, kind: type[T]) -> list[T]:
        found = [event for event in self.told if isinstance(event, kind)]
        self.told = [event for event in self.told if not isinstance(event, kind)]
        return found


def people_table(*online: int) -> People:
    return People(tuple(person(account, is_online=account in online) for account in NAMES), is_last=True)


def person(account: int, *, is_online: bool = True) -> Person:
    return Person(account, NAMES[account], is_online, "192.0.2.1", START_MS)


def lab(head: int = 0, delivered: int = 0, read: int = 0, *, is_muted: bool = False) -> Conversation:
    room = RoomInfo(LAB, "#lab", "glass and wire", Access.OPEN, 3)
    return Conversation(LAB, head, delivered, read, room, Member(ANN, Role.MEMBER, Standing.JOINED, is_muted))


def direct(head: int = 0, delivered: int = 0, read: int = 0, others: tuple[int, int] = (0, 0)) -> Conversation:
    return Conversation(ANN_AND_BEN, head, delivered, read, None, None, BEN, *others)


def entry(sequence: int, account: int = BEN, text: str = "", entry_id: bytes | None = None) -> LogEntry:
    return entry_of(sequence, Text(text or f"text {sequence}"), account, entry_id)


def entry_of(sequence: int, content: Content, account: int = BEN, entry_id: bytes | None = None) -> LogEntry:
    suite, sealed = seal(content)
    name = entry_id or sequence.to_bytes(16, "big")
    return LogEntry(sequence, name, account, account * 100, START_MS + sequence, suite, sealed)


def said(log: int, *sequences: int, account: int = BEN) -> Entries:
    return Entries(log, tuple(entry(sequence, account) for sequence in sequences))


def texts(messages: Any) -> list[str]:
    return [message.content.text for message in messages]
