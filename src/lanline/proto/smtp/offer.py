"""What a server says it can do, and what a message asks of it."""

from __future__ import annotations

import msgspec

from lanline.errors import MailRefused
from lanline.model.mail.message import Envelope
from lanline.model.mail.refusal import Reply
from lanline.model.mail.server import Server


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


class MessageUnfit(MailRefused):
    """The server cannot take this message, whoever sends it."""


def megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1_000_000:.1f} MB" if size_bytes >= 100_000 else f"{size_bytes} bytes"
