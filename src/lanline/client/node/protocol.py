"""Owns what faces and a home's node say to each other: commands in, changes of the view out. Form: docs/client.md.

One value of JSON each, so that a page can speak it over a WebSocket as a program does over a socket; there, each value
has its length in four bytes before it. The first of each side are `Hello` and `Welcome`. A command has a number, and
one answer with the same number follows. After `Follow`, a `Snapshot` and then its changes come as they happen.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from lanline import errors
from lanline.client.node.films import FilmCommand, FilmResult
from lanline.client.node.groupcommands import GroupCommand, GroupResult
from lanline.client.node.owncommands import OwnCommand
from lanline.client.view.values import Conversation, MemberListing, Message, MessageState, RoomListing
from lanline.client.view.view import Change, Problem
from lanline.errors import InvalidInput, LanlineError, LinkNotOpen, ProtocolViolation, RefusalCode, RequestRefused
from lanline.model.content import Content
from lanline.model.rooms import Access, Role

PROTOCOL = 4
MAX_COMMAND_BYTES = 1024 * 1024
MAX_VALUE_BYTES = 1024 * 1024 * 1024
"""A snapshot holds all that waits to be sent, however much that is."""


class FaceCommand(msgspec.Struct, frozen=True, tag=True):
    """What a face wants. The answer is `Done` where nothing else is named."""


# Saying.


class Say(FaceCommand, frozen=True, tag="say"):
    """To a log, or to a `#room` or nickname, under an id that the face has chosen: a repeat is harmless.

    Answered with `Said` once it is on the disk.
    """

    target: int | str
    content: Content
    entry_id: bytes


class WaitSent(FaceCommand, frozen=True, tag="wait_sent"):
    """Answered with `Outcome` when the message is on the server's disk or refused, or after so long."""

    entry_id: bytes
    limit_s: float


class SayAgain(FaceCommand, frozen=True, tag="say_again"):
    entry_id: bytes


class Forget(FaceCommand, frozen=True, tag="forget"):
    """One that was refused."""

    entry_id: bytes


# Reading.


class Follow(FaceCommand, frozen=True, tag="follow"):
    is_there: bool = True
    """Somebody sits at this face, or a program that stays: others are told that this account is there."""


class WaitReady(FaceCommand, frozen=True, tag="wait_ready"):
    """Until the tables of people and conversations are whole; with `is_patient` false, or the server is seen away."""

    limit_s: float
    is_patient: bool = True
    with_group: bool = False
    """And what the group's chain says is here."""


class WaitCaughtUp(FaceCommand, frozen=True, tag="wait_caught_up"):
    """Until all that was said meanwhile is here, or after so long."""

    limit_s: float


class MarkRead(FaceCommand, frozen=True, tag="mark_read"):
    log: int
    through: int


class Read(FaceCommand, frozen=True, tag="read"):
    """Answered with `Page`: at most so many messages, the newest before `before`, or the oldest after `after`. Of the
    newest only those count that say something.

    For the newest, what this device does not have is fetched from the server first, when that is there, and one's own
    may be ahead of what others said before them. What is read with `after` has no gap and ends where one begins.
    """

    log: int
    last: int
    before: int | None = None
    after: int | None = None
    limit_s: float = 30.0


class ReadLost(FaceCommand, frozen=True, tag="read_lost"):
    """What a restored server has lost of a `#room` or of the talk with somebody. Answered with `LostMessages`."""

    title: str


class ReportMessage(FaceCommand, frozen=True, tag="report_message"):
    """Shows it to the admins, with what proves who said it. Answered with `Reported`."""

    log: int
    sequence: int
    reason: str = ""


# Rooms and the account.


class ListRooms(FaceCommand, frozen=True, tag="list_rooms"):
    """Answered with `RoomsListed`."""


class ListMembers(FaceCommand, frozen=True, tag="list_members"):
    """Answered with `MembersListed`."""

    log: int


class CreateRoom(FaceCommand, frozen=True, tag="create_room"):
    """Answered with `Opened`."""

    name: str
    topic: str = ""
    access: Access = Access.OPEN
    in_rsa: bool = False
    """A private one, sealed in suite `rsa`."""


class JoinRoom(FaceCommand, frozen=True, tag="join_room"):
    """Answered with `Opened`."""

    name: str


class LeaveRoom(FaceCommand, frozen=True, tag="leave_room"):
    log: int


class SetTopic(FaceCommand, frozen=True, tag="set_topic"):
    log: int
    topic: str


class SetAccess(FaceCommand, frozen=True, tag="set_access"):
    log: int
    access: Access


class SetSlow(FaceCommand, frozen=True, tag="set_slow"):
    log: int
    slow_s: int


class SetPinned(FaceCommand, frozen=True, tag="set_pinned"):
    """By its place."""

    log: int
    sequence: int
    is_pinned: bool


class Invite(FaceCommand, frozen=True, tag="invite"):
    log: int
    account: int


class SetRole(FaceCommand, frozen=True, tag="set_role"):
    log: int
    account: int
    role: Role


class SetMuted(FaceCommand, frozen=True, tag="set_muted"):
    log: int
    account: int
    is_muted: bool


class SendAway(FaceCommand, frozen=True, tag="send_away"):
    log: int
    account: int


class SetBanned(FaceCommand, frozen=True, tag="set_banned"):
    log: int
    account: int
    is_banned: bool


class ChangePassword(FaceCommand, frozen=True, tag="change_password"):
    """`old` is empty where the account has none yet."""

    old: str
    new: str


class Deregister(FaceCommand, frozen=True, tag="deregister"):
    pass


class Stop(FaceCommand, frozen=True, tag="stop"):
    """The node says goodbye to the server and ends."""

    begins_anew: bool = False
    """One that is kept for good opens its home again then, in which something has changed."""
    passphrase: str | None = None
    """What its keys lie under then; empty: nothing. None: the same as before."""


AnyCommand = (
    Say | WaitSent | SayAgain | Forget | ReportMessage | Follow | WaitReady | WaitCaughtUp | MarkRead | Read | ReadLost
    | ListRooms | ListMembers | CreateRoom | JoinRoom | LeaveRoom | SetTopic | SetAccess | Invite | SetRole | SetMuted
    | SetSlow | SetPinned | SendAway | SetBanned | ChangePassword | Deregister
    | Stop | FilmCommand | GroupCommand | OwnCommand
)  # fmt: skip

ASKED_ONCE = (ReportMessage, CreateRoom, LeaveRoom, SendAway, ChangePassword, Deregister)
"""What a face does not ask again by itself when the node has ended before the answer: it may have been done."""


# Answers.


class Done(msgspec.Struct, frozen=True, tag="done"):
    pass


class Said(msgspec.Struct, frozen=True, tag="said"):
    message: Message


class Outcome(msgspec.Struct, frozen=True, tag="outcome"):
    state: MessageState
    """Sent, refused or queued."""
    problem: str = ""
    code: int = 0


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    problem: str = ""
    """Why it is not; empty when it is."""


class Page(msgspec.Struct, frozen=True, tag="page"):
    conversation: Conversation
    messages: tuple[Message, ...]


class LostMessage(msgspec.Struct, frozen=True):
    name: str
    """Of who said it, then."""
    message: Message


class LostMessages(msgspec.Struct, frozen=True, tag="lost"):
    messages: tuple[LostMessage, ...]


class Reported(msgspec.Struct, frozen=True, tag="reported"):
    admins: tuple[str, ...]
    """To whom it goes."""
    is_proven: bool
    """Whether they can see for themselves who said it."""


class RoomsListed(msgspec.Struct, frozen=True, tag="rooms"):
    rooms: tuple[RoomListing, ...]


class MembersListed(msgspec.Struct, frozen=True, tag="members"):
    members: tuple[MemberListing, ...]


class Opened(msgspec.Struct, frozen=True, tag="opened"):
    log: int


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    problem: Problem


Result = (
    Done
    | Said
    | Outcome
    | Reported
    | Ready
    | Page
    | LostMessages
    | RoomsListed
    | MembersListed
    | Opened
    | Failed
    | FilmResult
    | GroupResult
)


# What is sent.


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    protocol: int
    program: str
    """The version of the program, as 0.1.0."""
    hears: bool = False
    """What its person has to know is said in `Welcome`."""


class Welcome(msgspec.Struct, frozen=True, tag="welcome"):
    protocol: int
    program: str
    notice: str = ""
    """Of the file of this home's keys; a sentence, said to the first that hears it."""


class Request(msgspec.Struct, frozen=True, tag="request"):
    number: int
    command: AnyCommand


class Answer(msgspec.Struct, frozen=True, tag="answer"):
    number: int
    result: Result


class Changed(msgspec.Struct, frozen=True, tag="changed"):
    change: Change


FromFace = Hello | Request
FromNode = Welcome | Answer | Changed

_encoder = msgspec.json.Encoder()
_LENGTH_BYTES = 4


def encode(value: FromFace | FromNode) -> bytes:
    """Raises InvalidInput for text that is no UTF-8."""
    try:
        data = _encoder.encode(value)
    except UnicodeEncodeError as cause:
        whose = "What was typed" if isinstance(value, FromFace) else "What this device has to tell"
        raise InvalidInput(f"{whose} is not UTF-8 text.") from cause
    return len(data).to_bytes(_LENGTH_BYTES, "big") + data


class Frames:
    """Cuts what comes from a socket into values."""

    def __init__(self, max_bytes: int = MAX_VALUE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()

    def receive_bytes(self, data: bytes) -> Iterator[bytes]:
        """Raises ProtocolViolation."""
        self._buffer += data
        while len(self._buffer) >= _LENGTH_BYTES:
            size = int.from_bytes(self._buffer[:_LENGTH_BYTES], "big")
            if size > self._max_bytes:
                raise ProtocolViolation("it sent a value that is too large")
            if len(self._buffer) < _LENGTH_BYTES + size:
                return
            value = bytes(self._buffer[_LENGTH_BYTES : _LENGTH_BYTES + size])
            del self._buffer[: _LENGTH_BYTES + size]
            yield value


def unanswered() -> LinkNotOpen:
    return LinkNotOpen("The process that owns this home has ended before it answered. See whether it was done.")


def error_of(problem: Problem) -> LanlineError:
    """As it was raised in the node."""
    kind = getattr(errors, problem.kind, LanlineError)
    if kind is RequestRefused:
        return RequestRefused(RefusalCode(problem.code), problem.text, problem.retry_after_s)
    error = kind(problem.text)
    assert isinstance(error, LanlineError)
    return error
