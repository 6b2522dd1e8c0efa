"""Rooms, who is in them with what rights, and conversations of two."""

from __future__ import annotations

from enum import Enum, IntEnum

import msgspec

from lanline.errors import InvalidInput
from lanline.model.accounts import AccountId, DeviceId
from lanline.model.logs import LogId
from lanline.model.text import safe_line

MAX_TOPIC_LENGTH = 300
MAX_SLOW_S = 6 * 3600
MAX_PINS = 50


class Access(Enum):
    OPEN = "open"
    INVITE_ONLY = "invite-only"


class Room(msgspec.Struct, frozen=True):
    log: LogId
    name: str
    topic: str
    access: Access
    creator: AccountId
    created_ms: int
    slow_s: int = 0
    """So long a member waits between two messages; 0: not at all."""
    pins: tuple[int, ...] = ()
    """The places of entries, the one that was pinned first in front."""


class Role(IntEnum):
    """In the order of rights."""

    MEMBER = 1
    MODERATOR = 2
    OWNER = 3


class Standing(Enum):
    INVITED = "invited"
    JOINED = "joined"
    BANNED = "banned"


class Membership(msgspec.Struct, frozen=True):
    log: LogId
    account: AccountId
    role: Role = Role.MEMBER
    standing: Standing = Standing.JOINED
    is_muted: bool = False
    invited_by: AccountId | None = None
    """Of those who are invited: on whose right that rests. None: nobody's; what stands here is that they are muted."""
    given_from: DeviceId | None = None
    """The device from which they were invited, or were given their role. None: the server's machine, or not known."""

    @property
    def is_banned(self) -> bool:
        return self.standing is Standing.BANNED

    @property
    def may_read(self) -> bool:
        return self.standing is Standing.JOINED

    @property
    def may_speak(self) -> bool:
        return self.may_read and not self.is_muted

    def may_moderate(self, other: Membership) -> bool:
        """Mute, ban or let go: only who stands lower, and nobody oneself."""
        return self.may_read and self.role >= Role.MODERATOR and self.role > other.role

    def may_invite(self, room: Room) -> bool:
        return self.may_read and (room.access is Access.OPEN or self.role >= Role.MODERATOR)

    def may_give(self, role: Role, other: Membership) -> bool:
        """Only an owner makes owners and moderators, and only of those who are in the room."""
        return self.may_read and self.role is Role.OWNER and other.may_read and role is not other.role


class Direct(msgspec.Struct, frozen=True):
    """A conversation of two; of one, for notes to oneself."""

    log: LogId
    lower: AccountId
    higher: AccountId

    def other(self, account: AccountId) -> AccountId:
        return self.higher if account == self.lower else self.lower


def ordered_pair(one: AccountId, other: AccountId) -> tuple[AccountId, AccountId]:
    return (one, other) if one <= other else (other, one)


def pace_text(seconds: int) -> str:
    """`30 s`, `5 min`, `2 h`: the largest unit in which it is whole."""
    size, unit = next(each for each in ((3600, "h"), (60, "min"), (1, "s")) if seconds % each[0] == 0)
    return f"{seconds // size} {unit}"


def checked_pace(seconds: int) -> int:
    if not 0 <= seconds <= MAX_SLOW_S:
        raise InvalidInput(
            f"In a slow room a member waits from 1 to {MAX_SLOW_S:,} seconds between two messages; 0 ends it."
        )
    return seconds


def checked_topic(text: str) -> str:
    if len(text) > MAX_TOPIC_LENGTH:
        raise InvalidInput(f"A topic has at most {MAX_TOPIC_LENGTH} characters; this one has {len(text)}.")
    return safe_line(text).strip()
