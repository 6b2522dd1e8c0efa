"""What a dialogue and its driver tell each other: how long to wait, where it is, what is offered, what happened."""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

import msgspec

from lanline.errors import LanlineError, MailDeferred, MailRefused, MailUncertain
from lanline.model.mail.message import Envelope
from lanline.model.mail.refusal import Refusal, Reply
from lanline.model.mail.server import Server, SignIn


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


class Offer(msgspec.Struct, frozen=True):
    extensions: dict[str, str]
    sign_ins: tuple[str, ...]

    @property
    def size_limit_bytes(self) -> int | None:
        words = self.extensions.get("size", "").split()
        limit = int(words[0]) if words and words[0].isascii() and words[0].isdigit() and len(words[0]) < 19 else 0
        return limit or None  # RFC 1870, 3: 0 means that there is no fixed limit

    def check(self, envelope: Envelope, size_bytes: int, server: Server) -> None:
        """Raises MessageUnfit for what would be refused anyway, or come out other than asked for."""
        limit = self.size_limit_bytes
        if limit is not None and size_bytes > limit:
            raise MessageUnfit(
                f"The message has {megabytes(size_bytes)} on the wire and {server} takes at most {megabytes(limit)};"
                " attachments grow by a third on the way. Nothing was sent."
            )
        if envelope.smtputf8 and "smtputf8" not in self.extensions:
            raise MessageUnfit(
                f"An address of this message has letters outside ASCII before the @, and {server} does not take such"
                " addresses (SMTPUTF8). Nothing was sent."
            )
        if (envelope.dsn_notify or envelope.dsn_return or envelope.dsn_id) and "dsn" not in self.extensions:
            raise MessageUnfit(f"{server} sends no delivery reports (DSN): leave out --dsn-…. Nothing was sent.")

    def mail_command(self, envelope: Envelope, size_bytes: int) -> str:
        words = [f"MAIL FROM:<{envelope.sender}>"]
        words += [f"SIZE={size_bytes}"] if "size" in self.extensions else []
        words += ["BODY=8BITMIME"] if (envelope.smtputf8 or envelope.is_8bit) and "8bitmime" in self.extensions else []
        words += ["SMTPUTF8"] if envelope.smtputf8 else []
        words += [f"RET={envelope.dsn_return.upper()}"] if envelope.dsn_return else []
        words += [f"ENVID={envelope.dsn_id}"] if envelope.dsn_id else []
        return " ".join(words)


def offer_of(reply: Reply) -> Offer:
    """The lines after the first; of an extension that is named twice the first counts, and all ways to sign in."""
    words = [line.replace("=", " ", 1).split(None, 1) for line in reply.text.split("\n")[1:] if line.strip()]
    extensions = {word[0].lower(): " ".join(word[1:]).strip() for word in reversed(words)}
    sign_ins = [way for word in words if word[0].upper() == "AUTH" for way in " ".join(word[1:]).lower().split()]
    return Offer(extensions, tuple(dict.fromkeys(sign_ins)))


def megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1_000_000:.1f} MB" if size_bytes >= 100_000 else f"{size_bytes} bytes"


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


class MessageUnfit(MailRefused):
    """The server cannot take this message, whoever sends it."""
