"""Owns the values in which the core tells what was committed, or who came and went. Not who is told.

All changes go through one stream, in the order of the commits. What the core itself holds in memory is moved by these
values and by nothing else; a gateway sees each after the core has taken it in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from lanline.core.groupstate import GroupState
from lanline.model.accounts import Account, AccountId, Device, DeviceId
from lanline.model.devices import DeviceRequest
from lanline.model.groups import EntryRequest
from lanline.model.logs import Cursor, Entry, LogId
from lanline.model.rooms import Direct, Membership, Room

_LOG = logging.getLogger(__name__)


class Actor(msgspec.Struct, frozen=True, eq=False):
    """Who asks, on which device. Each program is one of its own, so that it can be left out when others are told."""

    account: AccountId
    device: DeviceId = DeviceId(0)

    @property
    def is_operator(self) -> bool:
        """Whoever holds the key in the server's folder: an admin without an account."""
        return self.account == 0


OPERATOR = Actor(AccountId(0))
Cursors = Mapping[DeviceId, Cursor]
"""How far the devices are that a change concerns, so that nobody need read it to describe the conversation."""


class Appended(msgspec.Struct, frozen=True, gc=False):
    """`entries` end at the head and follow each other. What is between them and the head before is in the store."""

    log: LogId
    head: int
    entries: Sequence[Entry]


class RoomChanged(msgspec.Struct, frozen=True):
    room: Room
    is_new: bool
    cursors: Cursors
    """Of everybody in it."""


class MemberStepped(msgspec.Struct, frozen=True):
    """In, out, or to other rights."""

    room: Room
    account: AccountId
    before: Membership | None
    after: Membership | None
    by: AccountId
    cursors: Cursors
    """Of the account's devices, when it reads the room now."""


class ConversationEnded(msgspec.Struct, frozen=True):
    """A room that was deleted, or notes of who is gone."""

    log: LogId
    name: str
    """Of a room."""
    readers: tuple[AccountId, ...]
    """Until then."""


class DirectOpened(msgspec.Struct, frozen=True):
    """A conversation of two that was not there before."""

    direct: Direct


class AccountChanged(msgspec.Struct, frozen=True):
    account: Account
    is_new: bool = False
    reason: str = ""
    """Of a ban, for the one who is banned."""


class DeviceChanged(msgspec.Struct, frozen=True):
    """Added, or revoked."""

    device: Device
    is_new: bool = False


class PasswordChanged(msgspec.Struct, frozen=True):
    account: AccountId
    by: Actor


class CursorMoved(msgspec.Struct, frozen=True):
    """How far an account is in a log, on whichever of its devices."""

    log: LogId
    account: AccountId
    cursor: Cursor
    by: Actor | None
    """The only program that said so; None: several of the device did."""
    is_furthest: bool = False
    """Somebody knows by it for the first time that another has come so far."""


class PresenceChanged(msgspec.Struct, frozen=True):
    account: AccountId
    is_online: bool
    address: str
    seen_ms: int


class ChainGrew(msgspec.Struct, frozen=True):
    """The group, as it is now."""

    state: GroupState


class BoxesGiven(msgspec.Struct, frozen=True):
    """Of an epoch that stands."""

    scope: bytes
    epoch_id: bytes
    recipients: frozenset[bytes]


class RequestLeft(msgspec.Struct, frozen=True):
    """Somebody asks to be let into the group."""

    request: EntryRequest


class DeviceAsked(msgspec.Struct, frozen=True):
    """A device of an account waits for another one of it to take it into the group."""

    request: DeviceRequest


class DeviceAnswered(msgspec.Struct, frozen=True):
    request: DeviceRequest


class FilmSpaceLimited(msgspec.Struct, frozen=True):
    most_bytes: int
    """Of all films together; 0: as much as the disk has."""


class ServerWarned(msgspec.Struct, frozen=True):
    """Something that its admins should see to."""

    text: str


Change = (
    Appended
    | RoomChanged
    | MemberStepped
    | DirectOpened
    | ConversationEnded
    | AccountChanged
    | DeviceChanged
    | PasswordChanged
    | CursorMoved
    | PresenceChanged
    | ChainGrew
    | BoxesGiven
    | RequestLeft
    | DeviceAsked
    | DeviceAnswered
    | FilmSpaceLimited
    | ServerWarned
)
Handlers = dict[type, Callable[[Any], None]]


class ChangeStream:
    """Tells the parts of the core first, all changes of one commit, and then the gateways."""

    def __init__(self) -> None:
        self._parts: list[Handlers] = []
        self._subscribers: list[Callable[[Sequence[Change]], None]] = []

    def add_part(self, handlers: Handlers) -> None:
        self._parts.append(handlers)

    def subscribe(self, subscriber: Callable[[Sequence[Change]], None]) -> None:
        """It is given the changes of each commit at once. What it raises is logged, and keeps nobody else from them."""
        self._subscribers.append(subscriber)

    def emit(self, changes: Sequence[Change]) -> None:
        if not changes:
            return
        for change in changes:
            kind = type(change)
            for handlers in self._parts:
                handler = handlers.get(kind)
                if handler is not None:
                    handler(change)
        for subscriber in self._subscribers:
            try:
                subscriber(changes)
            except Exception:  # noqa: BLE001 -- one gateway's trouble is no other's
                _LOG.exception("A gateway could not tell what has changed.")
