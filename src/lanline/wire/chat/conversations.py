"""Rooms and conversations of two: what one is in, making and leaving them, and the rights of members."""

from __future__ import annotations

from typing import Annotated

import msgspec

from lanline.model.rooms import Access, Role, Standing
from lanline.wire.chat.entries import LogEntry
from lanline.wire.chat.limits import Id, LongText, Request, Sequence, ShortText

Seconds = Annotated[int, msgspec.Meta(ge=0, le=2**31)]


class RoomInfo(msgspec.Struct, frozen=True, array_like=True):
    log: Id
    name: ShortText
    topic: LongText
    """Of before there was a group, which the server can read; empty once it was set by an entry."""
    access: Access
    members: int
    topic_entry: LogEntry | None = None
    """The newest that sets it, for who may read it."""


class Member(msgspec.Struct, frozen=True, array_like=True, gc=False):
    account: Id
    role: Role
    standing: Standing
    is_muted: bool


class Conversation(msgspec.Struct, frozen=True, array_like=True):
    """A log that this account may read. A room has `room` and `me`; a conversation of two has `other`."""

    log: Id
    head: Sequence
    delivered: Sequence
    """How far this device has come."""
    read: Sequence
    """How far any device of this account has read."""
    room: RoomInfo | None = None
    me: Member | None = None
    other: Id | None = None
    other_delivered: Sequence = 0
    other_read: Sequence = 0
    slow_s: Seconds = 0
    """How long a member waits in this room between two messages."""
    pins: tuple[Sequence, ...] = ()
    """The places of the pinned entries of a room, the oldest pin first."""


class Conversations(msgspec.Struct, frozen=True, array_like=True, tag=69):
    conversations: tuple[Conversation, ...]
    is_last: bool


class ConversationChanged(msgspec.Struct, frozen=True, array_like=True, tag=70):
    """New to this account, or its name, topic, access or own rights are others now."""

    conversation: Conversation


class ConversationGone(msgspec.Struct, frozen=True, array_like=True, tag=71):
    """The account may no longer read it: it left, or was sent away."""

    log: Id
    reason: LongText


class Opened(msgspec.Struct, frozen=True, array_like=True, tag=72):
    """The answer of create, join and open; its `ConversationChanged` came before."""

    request: Request
    log: Id


class CreateRoom(msgspec.Struct, frozen=True, array_like=True, tag=6):
    request: Request
    name: ShortText
    topic: LongText = ""
    access: Access = Access.OPEN


class JoinRoom(msgspec.Struct, frozen=True, array_like=True, tag=7):
    request: Request
    name: ShortText


class LeaveRoom(msgspec.Struct, frozen=True, array_like=True, tag=8):
    request: Request
    log: Id


class OpenDirect(msgspec.Struct, frozen=True, array_like=True, tag=9):
    request: Request
    account: Id


class SetTopic(msgspec.Struct, frozen=True, array_like=True, tag=10):
    request: Request
    log: Id
    topic: LongText


class SetAccess(msgspec.Struct, frozen=True, array_like=True, tag=11):
    request: Request
    log: Id
    access: Access


class InviteToRoom(msgspec.Struct, frozen=True, array_like=True, tag=12):
    request: Request
    log: Id
    account: Id


class SetRole(msgspec.Struct, frozen=True, array_like=True, tag=13):
    request: Request
    log: Id
    account: Id
    role: Role


class SetMuted(msgspec.Struct, frozen=True, array_like=True, tag=14):
    request: Request
    log: Id
    account: Id
    is_muted: bool


class SendAway(msgspec.Struct, frozen=True, array_like=True, tag=15):
    """Out of a room; to come back is not forbidden."""

    request: Request
    log: Id
    account: Id


class SetBannedFromRoom(msgspec.Struct, frozen=True, array_like=True, tag=16):
    request: Request
    log: Id
    account: Id
    is_banned: bool


class ListRooms(msgspec.Struct, frozen=True, array_like=True, tag=17):
    """Those one may see: open ones, and those one is in or invited to; an admin sees all."""

    request: Request


class Rooms(msgspec.Struct, frozen=True, array_like=True, tag=73):
    request: Request
    rooms: tuple[RoomInfo, ...]
    is_last: bool = True
    """More follow in another of these: see `pieces`."""


class ListMembers(msgspec.Struct, frozen=True, array_like=True, tag=18):
    request: Request
    log: Id


class Members(msgspec.Struct, frozen=True, array_like=True, tag=74):
    request: Request
    log: Id
    members: tuple[Member, ...]
    is_last: bool = True


class MemberChanged(msgspec.Struct, frozen=True, array_like=True, tag=75):
    """Told to all who are in the room. Without `member` the account has left."""

    log: Id
    account: Id
    member: Member | None
    by: Id
    members: int = 0
    """How many are in the room now."""
    was: Standing | None = None
    """How they stood to the room before."""


class InvitedToRoom(msgspec.Struct, frozen=True, array_like=True, tag=76):
    room: RoomInfo
    by: Id
    is_new: bool = False
    """It is from just now; what was open already is told again at each sign-in."""


class SetSlow(msgspec.Struct, frozen=True, array_like=True, tag=176):
    request: Request
    log: Id
    slow_s: Seconds


class SetPinned(msgspec.Struct, frozen=True, array_like=True, tag=177):
    request: Request
    log: Id
    sequence: Sequence
    is_pinned: bool
