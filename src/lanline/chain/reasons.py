"""Owns the reasons why an entry, a statement or a word does not hold. Not what a client does then."""

from __future__ import annotations

from enum import Enum


class Reason(Enum):
    FORM = "it is not in the form of an entry of this place"
    PLACE = "it does not stand on the head of the chain"
    GROUP = "it is of another group"
    PROGRAM_TOO_OLD = "the group uses rules that this program does not know"
    DEVICE = "its device is none of a member at this place"
    SIGNATURE = "a signature does not fit"
    WEAK_KEY = "a key under which one signature would fit any message"
    RIGHTS = "its author may not do this"
    NAME = "somebody has this name"
    KNOWN_ID = "an id that was used before"
    INVITE = "the invite is not open"
    NOT_A_MEMBER = "it names somebody who is not there"
    ALREADY_IN = "it names somebody who is in the room"
    LIMIT = "there are too many"
    LEVEL = "the level would fall"
    GENERATION = "it is not of the generation that is due"
    NO_RSA_KEY = "somebody has no key of the suite that the room uses"
    ENDED = "its device was taken out before, as others had said there already"
    TURNED_AROUND = "the server shows it in another order than it was said in"
    UNSEALED = "it came unsealed, after others there that were sealed"
    EARLIER = "it is of a group before this one, after others there that are of this one"
    KIND = "it was said as something else than the server shows it as"
    SUITE = "it is sealed in another suite than this conversation has"
    NOT_LOST = "it is said to have been lost, and was not"
    SCOPE = "it is of another conversation"
    NOT_YET_THERE = "it names a height that the chain here has not reached"
    OTHER_CHAIN = "it names another chain than this one"


class DoesNotHoldError(Exception):
    """Within this package: ends the judging of an entry. What judges gives the reason back as a value."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def require(held: object, reason: Reason) -> None:
    if not held:
        raise DoesNotHoldError(reason)
