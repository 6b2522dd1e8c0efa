"""What a server says to a client that is signed in, whatever it is: the link may end, the node goes on."""

from __future__ import annotations

from lanline.client.chat.history import History
from lanline.client.chat.node import ChatNode
from lanline.client.chat.session import AsDevice
from lanline.client.view.events import (
    ConversationChanged,
    ConversationOpened,
    EntriesReceived,
    NodeEvent,
    PeopleChanged,
)
from lanline.client.view.values import NodeState
from lanline.model.content import Text
from lanline.model.rooms import Access, Role, Standing
from lanline.proto.channels import Channel
from lanline.proto.events import MessageReceived
from lanline.testing.clock import HandClock
from lanline.testing.link import HandLink
from lanline.wire.chat.answers import Refused, ServerSays
from lanline.wire.chat.conversations import (
    Conversation,
    ConversationGone,
    Conversations,
    InvitedToRoom,
    Member,
    MemberChanged,
    Opened,
    RoomInfo,
)
from lanline.wire.chat.conversations import (
    ConversationChanged as WireChanged,
)
from lanline.wire.chat.directory import People, Person
from lanline.wire.chat.directory import PeopleChanged as WirePeopleChanged
from lanline.wire.chat.entries import Committed, CursorMoved, EarlierEntries, Entries, LogEntry, Place
from lanline.wire.chat.messages import ServerMessage, encode_message
from lanline.wire.chat.signin import SignedIn, Welcome
from targets._peers import join, pieces

_LAB, _ANN, _BEN = 10, 1, 2
_CONTROL = {chr(code) for code in range(32) if chr(code) != "\t"} | {"\x7f"}


def _member(account: int) -> Member:
    return Member(account, Role.MEMBER, Standing.JOINED, False)


def _entry(sequence: int) -> LogEntry:
    return LogEntry(sequence, bytes(16), _BEN, 2, 5, "plain", b"\x82\xa4type\xa4text\xa4text\xa2hi")


_ROOM = RoomInfo(_LAB, "#lab", "glass", Access.OPEN, 2)
_CONVERSATION = Conversation(_LAB, 20_000, 0, 0, _ROOM, _member(_ANN))
_PERSON = Person(_BEN, "ben", True, "192.0.2.1", 5)
_BEGINNING: tuple[ServerMessage, ...] = (
    Welcome(2, "ship", False, 5),
    SignedIn(1, _ANN, "ann", 1, False),
    People((_PERSON,), True),
    Conversations((_CONVERSATION,), True),
)
_SAID: tuple[ServerMessage, ...] = (
    *_BEGINNING,
    Entries(_LAB, (_entry(10_001), _entry(10_002))),
    EarlierEntries(4, _LAB, (_entry(9_999), _entry(10_000))),
    Committed((Place(2, 20_001, 5),)),
    Refused(2, 12, "Slower.", 100),
    Refused(3, 10, "Muted."),
    Opened(3, _LAB),
    WireChanged(Conversation(11, 0, 0, 0, None, None, _BEN)),
    ConversationGone(_LAB, "Gone."),
    WirePeopleChanged((_PERSON,)),
    CursorMoved(_LAB, _BEN, 20_001, 20_001),
    MemberChanged(_LAB, _BEN, _member(_BEN), _ANN),
    InvitedToRoom(_ROOM, _BEN),
    ServerSays("hello"),
)
_IMAGE = History.in_memory().image()


def fuzz_one(data: bytes) -> None:
    clock, link = HandClock(), HandLink(bytes(32))
    node = ChatNode(clock, History.in_memory(_IMAGE), AsDevice())
    node.subscribe(_check)
    node.on_connected(link)
    skipped = data[:1] == b"\xff"
    for message in () if skipped else _BEGINNING:
        link.give(MessageReceived(Channel.CHAT, encode_message(message)))
    node.outbox.say("#lab", Text("one"), bytes(16))
    node.outbox.say("ben", Text("two"), bytes(15) + b"2")
    node.reader.read_earlier(_LAB, 2)
    for what, payload in pieces(data[1:]):
        link.give(MessageReceived(Channel.CHAT, payload))
        if what & 1:
            clock.ring_all()
    assert (link.closed is None) == (node.state is not NodeState.OFFLINE)
    _check_kept(node)


def _check(event: NodeEvent) -> None:
    match event:
        case PeopleChanged(people):
            assert all(not _CONTROL & set(person.name + person.address) for person in people)
        case ConversationOpened(conversation) | ConversationChanged(conversation):
            assert not _CONTROL & set(conversation.title + conversation.topic)
        case EntriesReceived(_, messages):
            numbers = [message.sequence for message in messages]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        case _:
            pass


def _check_kept(node: ChatNode) -> None:
    """Nothing typed is gone, whatever was said: it waits, was refused, or was committed."""
    for conversation in node.conversations.all:
        assert conversation.first <= conversation.delivered or not conversation.delivered
        node.messages(conversation.log)
    assert len(node.outbox.messages) <= 2


def seeds() -> list[bytes]:
    together = [b"\0" + join(*((0, encode_message(message)) for message in _SAID[4:]))]
    whole = [b"\xff" + join(*((1, encode_message(message)) for message in _SAID))]
    return together + whole + [b"\0" + join((1, encode_message(message))) for message in _SAID]
