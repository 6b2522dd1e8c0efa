"""Owns the events of a conversation of two hosts."""

from __future__ import annotations

import msgspec

from lanline.errors import LanlineError


class Waiting(msgspec.Struct, frozen=True):
    """Nobody is there yet."""

    calls: str | None


class NotReached(msgspec.Struct, frozen=True):
    """The first call of a row was in vain; the calls go on."""

    calls: str
    reason: str


class Joined(msgspec.Struct, frozen=True):
    """`first_met` is empty when this key was never seen before: then the words are to be compared."""

    name: str
    address: str
    words: list[str]
    first_met: str


class Left(msgspec.Struct, frozen=True):
    name: str
    reason: str
    will_return: bool


class TextReceived(msgspec.Struct, frozen=True):
    name: str
    text: str


class TextDelivered(msgspec.Struct, frozen=True):
    """The other side has shown it."""

    number: int
    text: str


class CallerRefused(msgspec.Struct, frozen=True):
    """Somebody called who is not let in."""

    reason: str


class Ended(msgspec.Struct, frozen=True):
    """It cannot go on; the error says why."""

    error: LanlineError


PeerEvent = Waiting | NotReached | Joined | Left | TextReceived | TextDelivered | CallerRefused | Ended
