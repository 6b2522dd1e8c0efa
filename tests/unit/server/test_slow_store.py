"""A store whose reads take their time, as a database behind a socket has them: nobody waits but who has asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from lanline.errors import StorageUnusable
from lanline.model.settings import ServerSettings
from lanline.server.chatserver import ChatServer
from lanline.storage.api import View
from lanline.storage.groupcommit import GroupCommit
from lanline.storage.sqlite.engine import SqliteEngine
from lanline.ticket import Ticket
from lanline.wire.chat import admin, answers, conversations, entries, signin
from serverhouse.house import PASSWORD, Client, House

T = TypeVar("T")


class SlowStore(GroupCommit):
    """Looks at once, for a read sees what was committed before it; answers when the test lets it."""

    def __init__(self, engine: SqliteEngine) -> None:
        super().__init__(engine)
        self.is_slow = False
        self.waiting: deque[Callable[[], None]] = deque()

    def read(self, work: Callable[[View], T]) -> Ticket[T]:
        if not self.is_slow:
            return super().read(work)
        found, ticket = super().read(work), Ticket[T]()
        self.waiting.append(lambda: ticket.settle(found.problem or found.result()))
        return ticket

    def answer(self, count: int = 1) -> None:
        for _ in range(count):
            self.waiting.popleft()()


class SlowHouse(House):
    store: Any

    def start(self, *_: object) -> None:
        self.engine = SqliteEngine.open(self.folder)
        self.store = SlowStore(self.engine)
        self.server = ChatServer(
            self.store, self.clock, self.hasher, self.entropy, self.settings, self.operator_fingerprint
        )
        self.server.open().result()

    def answer_all(self) -> None:
        while self.store.waiting:
            self.store.answer()
            self.settle()


@pytest.fixture
def slow(tmp_path: Path) -> SlowHouse:
    return SlowHouse(tmp_path / "data", ServerSettings(is_open=True))


@pytest.fixture
def pair(slow: SlowHouse) -> tuple[Client, Client, int]:
    ann, bob = slow.join("ann"), slow.join("bob")
    log = ann.log("#lobby")
    for number in range(1, 6):
        ann.append(log, number)
    return ann, bob, log


def ids(client: Client, log: int) -> list[int]:
    return [int.from_bytes(entry.entry_id, "big") for entry in client.entries(log)]


def read_back(client: Client, log: int, before: int) -> int:
    request = client.number()
    client.say(entries.ReadBefore(request, log, before, 1))
    return request


def answered(client: Client) -> list[int]:
    return [message.request for message in client.heard() if isinstance(message, entries.EarlierEntries)]


def test_while_one_reads_the_others_talk_on(slow: SlowHouse, pair: tuple[Client, Client, int]) -> None:
    ann, bob, log = pair
    ann.follow(log)
    slow.store.is_slow = True
    bob.follow(log)
    read_back(bob, log, 3)
    place = ann.place(ann.append(log, 6))
    assert place is not None
    assert ids(ann, log) == [1, 2, 3, 4, 5, 6]
    assert ann.ask(conversations.ListRooms(ann.number()), conversations.Rooms)
    assert (ids(bob, log), answered(bob)) == ([], [])
    slow.answer_all()
    assert ids(bob, log) == [1, 2, 3, 4, 5, 6]
    assert len(answered(bob)) == 1


def test_questions_of_one_session_are_answered_in_their_order(
    slow: SlowHouse, pair: tuple[Client, Client, int]
) -> None:
    ann, bob, log = pair
    slow.store.is_slow = True
    requests = [read_back(ann, log, before) for before in (2, 3, 4)]
    other = read_back(bob, log, 5)
    slow.store.waiting.reverse()
    slow.store.answer(2)  # bob's, and the last of ann's
    slow.settle()
    assert (answered(ann), answered(bob)) == ([], [other])
    slow.store.is_slow = False
    requests.append(read_back(ann, log, 5))
    slow.answer_all()
    assert answered(ann) == requests


def test_somebody_signs_in_while_the_store_is_slow_and_misses_nothing(
    slow: SlowHouse, pair: tuple[Client, Client, int]
) -> None:
    ann, bob, log = pair
    direct = ann.ask(conversations.OpenDirect(ann.number(), bob.account), conversations.Opened).log
    for client in (ann, bob):
        client.hang_up()
    slow.stop()
    slow.clients.clear()
    slow.start()
    ann = slow.sign_in("ann")
    slow.store.is_slow = True
    bob = slow.greet("bob")
    bob.say(signin.SignIn(bob.number()))
    assert bob.all(signin.SignedIn) == []
    assert bob.refusal(signin.SignIn(bob.number())).name == "SLOW_DOWN"
    ann.append(direct, 7)
    ann.ask(conversations.CreateRoom(ann.number(), "#new"), conversations.Opened)
    room = ann.log("#new")
    ann.ask(conversations.InviteToRoom(ann.number(), room, ann.signed_in.account + 1), answers.Done)
    slow.answer_all()
    assert bob.last(signin.SignedIn).name == "bob"
    assert bob.conversations()[direct].head == 1
    assert bob.all(conversations.InvitedToRoom)
    slow.store.is_slow = False
    bob.follow(direct)
    assert ids(bob, direct) == [7]
    assert bob.conversations()[log].head == 5


def test_who_leaves_while_the_store_is_slow_leaves_nothing_behind(
    slow: SlowHouse, pair: tuple[Client, Client, int]
) -> None:
    ann, bob, log = pair
    slow.store.is_slow = True
    joining = slow.greet("cyd")
    joining.say(signin.Join(joining.number(), "cyd", PASSWORD, "laptop"))
    coming = slow.greet("bob")
    coming.say(signin.SignIn(coming.number()))
    bob.follow(log)
    read_back(bob, log, 3)
    for client in (joining, coming, bob):
        client.hang_up()
    slow.answer_all()
    slow.store.is_slow = False
    figures = slow.server.figures()
    assert (figures["links"], figures["links_signed_in"], figures["accounts"]) == (1, 1, 2)
    assert ann.place(ann.append(log, 6))
    assert slow.sign_in("bob")


def test_a_link_that_was_given_up_and_lingers_is_let_in_no_more(
    slow: SlowHouse, pair: tuple[Client, Client, int]
) -> None:
    """A link may take its time to close; what the core answers then comes too late."""
    ann, bob, log = pair
    bob.hang_up()
    slow.store.is_slow = True
    coming = slow.greet("bob")
    coming.link.end = lambda _: None  # type: ignore[method-assign]
    coming.say(signin.SignIn(coming.number()))
    slow.pass_time(slow.settings.sign_in_timeout_s + 1)
    slow.answer_all()
    assert coming.all(signin.SignedIn) == []
    assert slow.server.figures()["links_signed_in"] == 1
    slow.store.is_slow = False
    assert slow.sign_in("bob")
    assert ann.place(ann.append(log, 6))


def test_who_is_banned_meanwhile_does_not_come_in(slow: SlowHouse, pair: tuple[Client, Client, int]) -> None:
    ann, bob, _ = pair
    bob.hang_up()
    slow.store.is_slow = True
    coming = slow.greet("bob")
    coming.say(signin.SignIn(coming.number()))
    account = slow.server.core.accounts.by_name("bob")
    assert account is not None
    slow.store.is_slow = False
    operator = slow.sign_in(slow.operator_fingerprint)
    operator.ask(admin.SetBanned(operator.number(), account.id, is_banned=True), answers.Done)
    slow.answer_all()
    assert coming.last(answers.Refused).known_code.name == "BANNED"
    assert ann.link.closed is None


def test_a_read_that_fails_late_is_the_asker_s_alone(
    slow: SlowHouse, pair: tuple[Client, Client, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob, log = pair

    def fail(_: object) -> Ticket[Any]:
        ticket: Ticket[Any] = Ticket()
        slow.store.waiting.append(lambda: ticket.settle(StorageUnusable("the database is away")))
        return ticket

    with monkeypatch.context() as patched:
        patched.setattr(slow.store, "read", fail)
        request = read_back(bob, log, 3)
        bob.follow(log)
        slow.settle()
        slow.answer_all()
    assert isinstance(bob.answer(request), answers.Refused)
    assert bob.link.closed is None
    slow.pass_time(1.5)
    assert ids(bob, log) == [1, 2, 3, 4, 5], "it is tried again"
    assert ann.place(ann.append(log, 6))
