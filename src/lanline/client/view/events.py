"""Owns the events of a node, in order, each after it is on the disk. They are also the changes that faces are told."""

from __future__ import annotations

import msgspec

from lanline.client.view.values import Conversation, GroupFacts, Message, MessageState, Notifying, Person
from lanline.errors import RefusalCode
from lanline.model.rooms import Role, Standing


class SignedIn(msgspec.Struct, frozen=True, tag=True):
    """Requests are answered from now on. People and conversations follow, and then `Synchronized`."""

    account: int
    name: str
    device: int
    is_admin: bool
    is_new: bool
    """This join made the account."""
    server_name: str


class Synchronized(msgspec.Struct, frozen=True, tag=True):
    """The tables of people and conversations are whole. What was said meanwhile is still on its way: `CaughtUp`."""


class SignInRefused(msgspec.Struct, frozen=True, tag=True):
    """It makes no sense to call again with the same: wrong password, name taken, banned, device not known …"""

    code: RefusalCode
    text: str
    retry_after_s: float = 0.0


class VersionRefused(msgspec.Struct, frozen=True, tag=True):
    """The server speaks none of our versions. `text` says who has to upgrade."""

    text: str
    is_server_newer: bool


class ConnectionLost(msgspec.Struct, frozen=True, tag=True):
    """There is no link to the server any more, and what was under way on it is open: the outbox has it."""

    reason: str
    is_for_good: bool = False
    """The account went offline everywhere, maybe by another program: to come back is for the person to decide."""
    is_own_doing: bool = False
    """This device has ended it to begin another one at once: nothing is lost, and `reason` says why."""
    is_refused: bool = False
    """The server lets this account or device in no more: what it answers to the next call is the end."""


class CallFailed(msgspec.Struct, frozen=True, tag=True):
    """The connector could not reach the server, and will try again in so long."""

    reason: str
    next_try_s: float


class PeopleChanged(msgspec.Struct, frozen=True, tag=True):
    """`came` and `went` are those of them who are online now and were not, and the other way round.

    After signing in all people come once, `is_whole`, with neither in it: nobody wants thirty "has joined" lines then.
    """

    people: tuple[Person, ...]
    came: tuple[Person, ...] = ()
    went: tuple[Person, ...] = ()
    is_whole: bool = False


class ConversationOpened(msgspec.Struct, frozen=True, tag=True):
    """New on this device: joined, created, or somebody has written for the first time."""

    conversation: Conversation


class ConversationChanged(msgspec.Struct, frozen=True, tag=True):
    """Its topic, access, one's rights, cursors or unread count are others now."""

    conversation: Conversation


class ConversationClosed(msgspec.Struct, frozen=True, tag=True):
    log: int
    title: str
    reason: str


class MessageQueued(msgspec.Struct, frozen=True, tag=True):
    """One's own, typed in this process, and on the disk."""

    message: Message


class MessageStateChanged(msgspec.Struct, frozen=True, tag=True):
    """Of one's own message: sent (its place is known now), delivered, read, or refused with the reason."""

    log: int | None
    entry_id: bytes
    state: MessageState
    sequence: int = 0
    time_ms: int = 0
    problem: str = ""
    code: RefusalCode | None = None
    """Why, when it was refused."""


class MessageForgotten(msgspec.Struct, frozen=True, tag=True):
    """One that was refused, and the person has taken off the show."""

    entry_id: bytes


class HistoryFailed(msgspec.Struct, frozen=True, tag=True):
    """The disk takes nothing, so nothing is taken in either; it goes on by itself when there is room again."""

    text: str


class SendingPutOff(msgspec.Struct, frozen=True, tag=True):
    """The server does not take what is queued just now, by its own word; it is asked again by itself."""

    reason: str


class EntriesReceived(msgspec.Struct, frozen=True, tag=True):
    """Dense and in order: the first follows on the last that was reported of this log, or on `CopyParted`.

    One's own are among them.

    `is_live` is false while the log catches up. A message is new to the person when its sequence number is over the
    conversation's `read`.
    """

    log: int
    messages: tuple[Message, ...]
    is_live: bool


class EarlierReceived(msgspec.Struct, frozen=True, tag=True):
    """What `read_earlier` brought, oldest first; none when the beginning is reached."""

    log: int
    messages: tuple[Message, ...]


class CaughtUp(msgspec.Struct, frozen=True, tag=True):
    """The device holds all that was in the log when it began to follow it on this link."""

    log: int


class MemberChanged(msgspec.Struct, frozen=True, tag=True):
    """In a room. Without a role the account stands in no relation to it any more."""

    log: int
    account: int
    name: str
    role: Role | None
    is_muted: bool
    standing: Standing | None
    was: Standing | None
    """How it stood to the room before."""
    by: int
    by_name: str


class InvitedToRoom(msgspec.Struct, frozen=True, tag=True):
    """A face that tells its person of it says so: `NoteInvited`."""

    room: str
    topic: str
    by: int
    by_name: str
    log: int = 0


class IgnoredChanged(msgspec.Struct, frozen=True, tag=True):
    ignored: tuple[tuple[int, str], ...]
    """All whose words are not shown on this device: account and name."""


class NotifyingChanged(msgspec.Struct, frozen=True, tag=True):
    notifying: Notifying


class EntriesOpened(msgspec.Struct, frozen=True, tag=True):
    """What could not be read when it was reported, and can be now. It stands where it stood."""

    log: int
    messages: tuple[Message, ...]


class CopyParted(msgspec.Struct, frozen=True, tag=True):
    """After the server was restored: what this device had of a log beyond `through` is not of it any more.

    The numbers from there on come again, in `EntriesReceived`, with other entries.
    """

    log: int
    through: int


class ServerRestored(msgspec.Struct, frozen=True, tag=True):
    """The server runs on an older state of its data, and this device holds what that does not have: set aside.

    Once, when all that is followed has caught up.
    """

    text: str
    """A sentence for the person, which says where to find it."""
    count: int


class Warned(msgspec.Struct, frozen=True, tag=True):
    """Something that the server shows cannot be as it shows it; a sentence for the person."""

    text: str
    kind: str = ""
    """A word for programs: `model.alarms.AlarmKind`."""
    who: str = ""
    room: str = ""


class GroupChanged(msgspec.Struct, frozen=True, tag=True):
    group: GroupFacts
    news: tuple[str, ...] = ()
    """What has happened, as sentences."""


class ServerSaid(msgspec.Struct, frozen=True, tag=True):
    text: str


NodeEvent = (
    SignedIn
    | Synchronized
    | SignInRefused
    | VersionRefused
    | ConnectionLost
    | CallFailed
    | PeopleChanged
    | ConversationOpened
    | ConversationChanged
    | ConversationClosed
    | MessageQueued
    | MessageStateChanged
    | MessageForgotten
    | SendingPutOff
    | EntriesReceived
    | EarlierReceived
    | CaughtUp
    | MemberChanged
    | InvitedToRoom
    | IgnoredChanged
    | NotifyingChanged
    | ServerSaid
    | Warned
    | GroupChanged
    | CopyParted
    | EntriesOpened
    | ServerRestored
    | HistoryFailed
)
