"""Owns the values of a node: people, conversations, messages and their states. Frozen, and safe to keep.

Names, topics and reasons are already safe to show in a line; what a message says is not: `model.text.safe_text`.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from lanline.model.content import Content, Delete, Edit, Note, Reaction
from lanline.model.rooms import Access, Role


class MessageState(Enum):
    """In the order of a message's life. Of one's own: up to READ, or REFUSED. Of others: RECEIVED."""

    QUEUED = "queued"
    """On this device's disk. It will be sent; also after a crash."""
    SENT = "sent"
    """On the server's disk, for good."""
    DELIVERED = "delivered"
    """A device of the other, or of somebody else in the room, has it."""
    READ = "read"
    REFUSED = "refused"
    """The server does not take it, and `problem` says why. It stays on show here."""
    RECEIVED = "received"


class NodeState(Enum):
    """Of the link to the server."""

    OFFLINE = "offline"
    GREETING = "greeting"
    SIGNING_IN = "signing in"
    SIGNED_IN = "signed in"
    """Requests are answered; the tables of people and conversations are on their way."""
    SYNCHRONIZED = "synchronized"


class Unreadable(msgspec.Struct, frozen=True, tag="unreadable"):
    """An entry that this version cannot open, or that holds nothing sensible."""

    suite: str
    text: str = "(a message this version cannot read)"


class NoWords(msgspec.Struct, frozen=True, tag="keys"):
    """An entry for programs, by which keys are agreed on: it has a place, and there is nothing to show of it."""

    known: Note | None = None
    """Said by the person on a device of theirs, for the others."""


class Message(msgspec.Struct, frozen=True, gc=False):
    log: int | None
    """None: to somebody with whom there is no conversation yet; `destination` names them."""
    sequence: int
    """0 until it is on the server's disk."""
    entry_id: bytes
    account: int
    """Who said it; 0 for oneself before the first sign-in ever."""
    time_ms: int
    """The server's, once committed; before that when it was typed."""
    content: Content | Unreadable | NoWords
    state: MessageState
    destination: str = ""
    problem: str = ""
    code: int = 0
    """Of the refusal: `errors.RefusalCode`."""
    is_ignored: bool = False
    """By somebody whose words this person does not want to see."""
    is_plain: bool = False
    """It lies at the server unsealed: whoever runs that can read it, and could have written it."""

    is_earlier: bool = False
    """It was sealed in a group that was in the place of the present one before."""

    carried_by: int = 0
    """Who has brought it again, after a restored server had lost it; 0: it was not lost."""

    @property
    def is_own(self) -> bool:
        return self.state is not MessageState.RECEIVED

    @property
    def is_said(self) -> bool:
        """It is for the eyes of this person."""
        return not (self.is_ignored or isinstance(self.content, NoWords))

    @property
    def is_news(self) -> bool:
        """It counts as unread until it was read: new words of somebody else, not what becomes of earlier ones."""
        return not self.is_own and self.is_said and not isinstance(self.content, Edit | Delete | Reaction)

    def is_for(self, conversation: Conversation) -> bool:
        return self.log == conversation.log or (self.log is None and self.destination == conversation.title)


ENDED_MARK = " (deleted)"
"""Behind the name of an account that was deleted: somebody else may have the name now. No name has parentheses."""


class Person(msgspec.Struct, frozen=True, gc=False):
    account: int
    name: str
    is_online: bool
    address: str
    seen_ms: int
    is_admin: bool = False
    is_banned: bool = False

    @property
    def is_ended(self) -> bool:
        return self.name.endswith(ENDED_MARK)


class Conversation(msgspec.Struct, frozen=True):
    log: int
    title: str
    """`#lab`, or the other's nickname."""
    other: int | None
    """The account on the other side of a conversation of two; None for a room."""
    topic: str = ""
    topic_from: int = 0
    """The place of the entry that has set it, sealed. 0: none has; what there is, the server says."""
    access: Access = Access.OPEN
    members: int = 2
    role: Role = Role.MEMBER
    is_muted: bool = False
    head: int = 0
    """The newest sequence number that is known of."""
    first: int = 0
    """What this device holds begins after this one; older is fetched with `read_earlier`. 0: it holds all."""
    delivered: int = 0
    """How far this device has it, without a gap."""
    read: int = 0
    others_delivered: int = 0
    others_read: int = 0
    unread: int = 0
    """Messages of others on this device that were not read: those that are news."""
    is_open: bool = True
    """False: left, or sent away. What was said stays readable here."""
    number: int = 0
    """By which this person goes there, as long as this device lives; 0: it was never open here."""
    slow_s: int = 0
    """So long a member waits in this room between two messages."""
    pins: tuple[int, ...] = ()
    """The places of what is pinned in this room, the oldest pin first."""

    @property
    def is_room(self) -> bool:
        return self.other is None


class WaitingPerson(msgspec.Struct, frozen=True):
    """Somebody who waits to be let into the group."""

    name: str
    words: str
    """To compare with those that they see."""


NO_RECOVERY = (
    "You have no recovery key: if you lose your devices, nobody gets you back. Make one: lanline recovery make"
)


class GroupFacts(msgspec.Struct, frozen=True):
    """Of the group, where there is one and this device is in it or waits."""

    trust: dict[int, str] = {}
    """By account: how they came in, by whom, and whether their person was verified."""
    asking: tuple[WaitingPerson, ...] = ()
    """To an admin."""
    devices: tuple[str, ...] = ()
    """The numbers, as the server has them, of devices that ask to be let into this account."""
    notes: tuple[str, ...] = ()
    """What the person should see to; sentences."""
    in_rsa: tuple[int, ...] = ()
    """The logs that are sealed in suite `rsa`."""
    is_founded: bool = False
    """What is said is sealed; what was said before is marked."""
    lacks_recovery: bool = False
    """There is no recovery key, or nobody has seen its words: see `NO_RECOVERY`."""


class Notifying(msgspec.Struct, frozen=True):
    """What this person wants to be called for, and how. Kept on the device."""

    has_bell: bool = True
    has_desktop: bool = True
    of_mentions: bool = True
    of_private: bool = True
    of_all: bool = False
    quiet: str = ""
    """`22:00-07:00`: nobody is called then. Empty: never quiet."""


class RoomListing(msgspec.Struct, frozen=True):
    log: int
    name: str
    topic: str
    access: Access
    members: int
    invited_by: str = ""
    """Who asks this person there; empty: nobody does."""
    is_topic_plain: bool = False
    """It is from before the group, which seals its own: the server says it, and can read it."""


class MemberListing(msgspec.Struct, frozen=True):
    account: int
    name: str
    role: Role
    is_muted: bool
    is_invited: bool
    is_banned: bool


def state_at(conversation: Conversation, sequence: int) -> MessageState:
    """How far one's own message at this place has come."""
    if sequence <= conversation.others_read:
        return MessageState.READ
    if sequence <= conversation.others_delivered:
        return MessageState.DELIVERED
    return MessageState.SENT
