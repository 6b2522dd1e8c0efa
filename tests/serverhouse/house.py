"""The server with its store on a disk, and clients that speak to it in messages of the wire."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from lanline.core.films import FilmShelf
from lanline.errors import CloseCode, RefusalCode
from lanline.model.settings import ServerSettings
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, MessageReceived
from lanline.server.chatserver import ChatServer
from lanline.storage.api import Engine
from lanline.storage.groupcommit import GroupCommit
from lanline.storage.sqlite.engine import SqliteEngine
from lanline.testing.clock import HandClock
from lanline.testing.link import BUFFER_BYTES, HandLink
from lanline.wire.chat import answers, blobs, conversations, entries, signin
from lanline.wire.chat.messages import ClientMessage, decode_server_message, encode_message

M = TypeVar("M")
PASSWORD = "correct horse"


class HandHasher:
    """Answers when the test lets it; or at once."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.fails = False
        self.waits = False
        self.waiting: list[Callable[[], None]] = []

    def hash(self, password: str, when_done: Callable[[str | None], None], *, is_member: bool = False) -> None:
        self._answer(lambda: when_done(None if self.fails else f"hash of {password}"))

    def verify(
        self,
        password: str,
        password_hash: str | None,
        when_done: Callable[[bool | None], None],
        *,
        is_member: bool = False,
    ) -> None:
        self.asked.append((password, password_hash))
        self._answer(lambda: when_done(None if self.fails else password_hash == f"hash of {password}"))

    def _answer(self, answer: Callable[[], None]) -> None:
        if self.waits:
            self.waiting.append(answer)
        else:
            answer()

    def answer_all(self) -> None:
        waiting, self.waiting = self.waiting, []
        for answer in waiting:
            answer()


class House:
    def __init__(
        self, folder: Path, settings: ServerSettings | None = None, shelf: FilmShelf | None = None, **changes: Any
    ) -> None:
        self.folder = folder
        self.shelf = shelf
        self.clock = HandClock()
        self.hasher = HandHasher()
        self.settings = settings or ServerSettings(**{"is_open": True, **changes})
        self.entropy = random.Random(1).randbytes
        self.clients: list[Client] = []
        self.operator_fingerprint = b"o" * 32
        self.free_bytes = 10**12
        self.start()

    def start(self, wrap: Callable[[Engine], Engine] = lambda engine: engine) -> None:
        self.engine = wrap(SqliteEngine.open(self.folder))
        self.store = GroupCommit(self.engine)
        self.server = ChatServer(
            self.store,
            self.clock,
            self.hasher,
            self.entropy,
            self.settings,
            self.operator_fingerprint,
            lambda: self.free_bytes,
            shelf=self.shelf,
        )
        self.server.open().result()

    def stop(self) -> None:
        self.store.close()

    def settle(self) -> None:
        """Until nothing happens any more at this moment: timers that are due, the disk, links."""
        is_busy = True
        while is_busy:
            is_busy = self.clock.run_due()
            if self.store.has_waiting:
                self.store.flush()
                is_busy = True
            for client in self.clients:
                if client.link.is_reading and client.link.arrive():
                    is_busy = True

    def pass_time(self, seconds: float) -> None:
        self.clock.pass_time(seconds)
        self.settle()

    def call(
        self, key: bytes | str, buffer_bytes: int = BUFFER_BYTES, address: tuple[str, int] = ("10.0.0.1", 4000)
    ) -> Client:
        fingerprint = key if isinstance(key, bytes) else key.encode().ljust(32, b".")
        client = Client(self, HandLink(fingerprint, buffer_bytes))
        self.clients.append(client)
        self.server.on_accept(client.link, address)
        return client

    def greet(self, key: bytes | str, **how: Any) -> Client:
        client = self.call(key, **how)
        client.say(signin.Hello((2,), "test"))
        return client

    def join(self, name: str, key: str | None = None, **how: Any) -> Client:
        """A person with an account and a device, signed in."""
        client = self.greet(key or name, **how)
        client.join(name)
        return client

    def sign_in(self, key: bytes | str, **how: Any) -> Client:
        client = self.greet(key, **how)
        client.signed_in = client.ask(signin.SignIn(client.number()), signin.SignedIn)
        return client


class Client:
    def __init__(self, house: House, link: HandLink) -> None:
        self.house = house
        self.link = link
        self.signed_in: signin.SignedIn
        self._numbers = 0
        self._heard: list[Any] = []
        self._read = 0

    @property
    def account(self) -> int:
        return self.signed_in.account

    def number(self) -> int:
        self._numbers += 1
        return self._numbers

    def say(self, message: ClientMessage, channel: Channel = Channel.CHAT, *, settles: bool = True) -> None:
        self.say_bytes(encode_message(message), channel, settles=settles)

    def say_bytes(self, payload: bytes, channel: Channel = Channel.CHAT, *, settles: bool = True) -> None:
        self.link.give(MessageReceived(channel, payload))
        if settles:
            self.house.settle()

    def heard(self) -> list[Any]:
        """All that has arrived, from the beginning."""
        self._heard += [decode_server_message(payload) for _, payload in self.link.arrived[len(self._heard) :]]
        return self._heard.copy()

    def all(self, kind: type[M]) -> list[M]:
        return [message for message in self.heard() if isinstance(message, kind)]

    def last(self, kind: type[M]) -> M:
        return self.all(kind)[-1]

    def take(self) -> list[Any]:
        """What has arrived since the last time."""
        heard = self.heard()[self._read :]
        self._read += len(heard)
        return heard

    def answer(self, request: int) -> Any:
        answers_ = [message for message in self.heard() if getattr(message, "request", None) == request]
        assert len(answers_) == 1, answers_
        return answers_[0]

    def ask(self, message: Any, kind: type[M], channel: Channel = Channel.CHAT) -> M:
        self.say(message, channel)
        answer = self.answer(message.request)
        assert isinstance(answer, kind), answer
        return answer

    def refusal(self, message: Any, channel: Channel = Channel.CHAT) -> RefusalCode:
        return self.ask(message, answers.Refused, channel).known_code

    def join(self, name: str, password: str = PASSWORD, token: bytes | None = None) -> signin.SignedIn:
        message = signin.Join(self.number(), name, password, "laptop", token)
        self.signed_in = self.ask(message, signin.SignedIn)
        return self.signed_in

    def conversations(self) -> dict[int, conversations.Conversation]:
        """As told at sign-in and since."""
        known: dict[int, conversations.Conversation] = {}
        for message in self.heard():
            if isinstance(message, conversations.Conversations):
                known.update((each.log, each) for each in message.conversations)
            elif isinstance(message, conversations.ConversationChanged):
                known[message.conversation.log] = message.conversation
            elif isinstance(message, conversations.ConversationGone):
                known.pop(message.log, None)
        return known

    def log(self, name: str) -> int:
        [log] = [each.log for each in self.conversations().values() if each.room and each.room.name == name]
        return log

    def append(self, log: int, number: int, content: bytes = b"hi", *, settles: bool = True) -> int:
        """The number stands for the id. Returns that of the request."""
        request = self.number()
        message = entries.Append(request, log, number.to_bytes(16, "big"), "plain", content)
        self.say(message, settles=settles)
        return request

    def place(self, request: int) -> entries.Place | None:
        places = [place for message in self.all(entries.Committed) for place in message.places]
        found = [place for place in places if place.request == request]
        assert len(found) <= 1
        return found[0] if found else None

    def follow(self, log: int, after: int = 0) -> None:
        self.say(entries.Follow(log, after))

    def entries(self, log: int) -> list[entries.LogEntry]:
        return [entry for message in self.all(entries.Entries) if message.log == log for entry in message.entries]

    def hang_up(self) -> None:
        self.link.end(LinkClosed(CloseCode.DONE, "", by_peer=True))
        self.house.settle()


__all__ = ["PASSWORD", "Client", "HandHasher", "House", "blobs"]
