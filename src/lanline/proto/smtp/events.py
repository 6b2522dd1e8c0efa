"""What a dialogue and its driver tell each other: how long to wait, where it is, what happened, what ends it."""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

import msgspec

from lanline.errors import LanlineError, MailDeferred, MailUncertain
from lanline.model.mail.refusal import Refusal, Reply
from lanline.model.mail.server import SignIn
from lanline.proto.smtp.offer import Offer


class Timeouts(msgspec.Struct, frozen=True):
    """Seconds without progress, which is what the other side acknowledged.

    RFC 5321, 4.5.3.2.6: the last reply may take ten minutes, and who gives up earlier sends mail twice.
    """

    reply_s: float = 60.0
    last_reply_s: float = 600.0


class State(Enum):
    READY = "ready"
    WAITING = "waiting for a reply"
    TLS = "waiting for TLS"
    CONTENT = "taking the message"
    CLOSED = "closed"


MOVES = {
    State.READY: {State.WAITING, State.CLOSED},
    State.WAITING: {State.READY, State.TLS, State.CONTENT, State.CLOSED},
    State.TLS: {State.WAITING, State.CLOSED},
    State.CONTENT: {State.WAITING, State.CLOSED},
    State.CLOSED: set[State](),
}


class TlsRequested(msgspec.Struct, frozen=True):
    pass


class Opened(msgspec.Struct, frozen=True):
    offer: Offer


class SignedIn(msgspec.Struct, frozen=True):
    way: SignIn


class ContentRequested(msgspec.Struct, frozen=True):
    accepted: tuple[str, ...]


class Delivered(msgspec.Struct, frozen=True):
    """The server has the message for `accepted`; each of the others has its refusal."""

    accepted: tuple[str, ...]
    refused: tuple[Refusal, ...]
    reply: Reply
    interrupted: bool = False


class Failed(msgspec.Struct, frozen=True):
    problem: LanlineError


class Closed(msgspec.Struct, frozen=True):
    pass


Event: TypeAlias = TlsRequested | Opened | SignedIn | ContentRequested | Delivered | Failed | Closed


class ConnectionBroke(MailDeferred):
    """It ended without a word, as servers do with connections that they have seen enough of."""


class DeliveryUncertain(MailUncertain):
    """`accepted` are those who may have it; the refused ones do not."""

    def __init__(self, text: str, accepted: tuple[str, ...], refused: tuple[Refusal, ...]) -> None:
        super().__init__(text)
        self.accepted = accepted
        self.refused = refused
