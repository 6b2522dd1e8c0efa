"""A whole message, and its bytes on the wire.

The bytes are made of segments: what stands in memory, and attachments, which are read only while they go out. So the
size is known before anything is read, and a message of any size takes the memory of one chunk. The same message gives
the same bytes each time.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator
from email.utils import format_datetime, parsedate_to_datetime
from typing import ClassVar, TypeAlias

import msgspec

from lanline.errors import InvalidInput
from lanline.model.mail.address import Mailbox, parse_mailboxes
from lanline.model.mail.body import base64_lines, base64_size_bytes, encoded_text
from lanline.model.mail.field import mailbox_field, parameter, text_field, token_field
from lanline.model.mail.text import checked_line, shown

_FIELD_NAME = re.compile(r"[!-9;-~]{1,60}")  # RFC 5322, 3.6.8
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")
CONTENT_ID = re.compile(r"[\w@!$*+~.-]+", re.ASCII)
"""The name of an inline picture: that which a link of HTML and an identifier of mail both hold as it is."""
_MESSAGE_ID = re.compile(r"[!-;=?-~]{1,200}@[!-;=?-~]{1,200}")
_OWN_FIELDS = frozenset(
    ("from", "to", "cc", "bcc", "subject", "date", "message-id", "mime-version", "content-type",
     "content-transfer-encoding", "return-path", "received")
)  # fmt: skip
_MAILBOX_FIELDS = frozenset(["reply-to", "sender", "mail-followup-to", "disposition-notification-to", "errors-to"])


class Attachment(msgspec.Struct, frozen=True):
    """`chunks` is called each time the message goes out, and yields `size_bytes` in all."""

    name: str
    media_type: str
    size_bytes: int
    chunks: Callable[[], Iterable[bytes]]
    is_inline: bool = False
    """Shown where the HTML says `cid:NAME`."""

    @property
    def is_base64(self) -> bool:
        """All but a message, whose lines are ASCII and end with CRLF (RFC 2046, 5.2.1)."""
        return self.media_type != "message/rfc822"


class LongText(msgspec.Struct, frozen=True):
    """A text that is not held in memory: UTF-8, each line ended by CRLF."""

    size_bytes: int
    chunks: Callable[[], Iterable[bytes]]
    is_base64: ClassVar = True


Segment: TypeAlias = bytes | Attachment | LongText


class Envelope(msgspec.Struct, frozen=True):
    """What the server is told; who reads the message sees its header instead."""

    sender: str
    recipients: tuple[str, ...]
    smtputf8: bool
    is_8bit: bool = False
    dsn_notify: str = ""
    """RFC 3461: of what the sender wants to be told by mail, what of the message comes back, and under which name."""
    dsn_return: str = ""
    dsn_id: str = ""


class Parcel(msgspec.Struct, frozen=True):
    """A message ready for a server, freshly written or taken from the outbox, where it is known by its token."""

    message_id: str
    envelope: Envelope
    size_bytes: int
    chunks: Callable[[], Iterable[bytes]]
    token: str = ""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    sender: Mailbox
    to: tuple[Mailbox, ...] = ()
    cc: tuple[Mailbox, ...] = ()
    bcc: tuple[Mailbox, ...] = ()
    subject: str = ""
    text: str | LongText | None = None
    html: str | LongText | None = None
    attachments: tuple[Attachment, ...] = ()
    extra_fields: tuple[tuple[str, str], ...] = ()
    date: dt.datetime
    token: str
    """Unique and printable: the boundaries are made from it, and the Message-ID where `own_id` gives none."""
    own_id: str = ""
    dsn: tuple[str, str, str] = ("", "", "")

    @property
    def message_id(self) -> str:
        return self.own_id or f"<{self.token}@{self.sender.domain}>"

    def parcel(self) -> Parcel:
        header = self._header()
        segments = [header, *self._content()]
        size_bytes = sum(_wire_bytes(segment) for segment in segments)
        recipients = tuple(dict.fromkeys(mailbox.address for mailbox in (*self.to, *self.cc, *self.bcc)))
        smtputf8 = not (header.isascii() and all(address.isascii() for address in recipients))
        envelope = Envelope(self.sender.address, recipients, smtputf8, False, *self.dsn)
        return Parcel(self.message_id, envelope, size_bytes, lambda: _chunks(segments), self.token)

    def _header(self) -> bytes:
        fields = (
            token_field("Date", format_datetime(self.date)),
            mailbox_field("From", [self.sender]),
            mailbox_field("To", self.to) if self.to else b"",
            mailbox_field("Cc", self.cc) if self.cc else b"",
            b"" if self.to or self.cc else b"To: undisclosed-recipients:;\r\n",
            text_field("Subject", self.subject),
            token_field("Message-ID", self.message_id),
            *[_extra_field(name, value) for name, value in self.extra_fields],
            b"MIME-Version: 1.0\r\n",
        )
        return b"".join(fields)

    def _content(self) -> list[Segment]:
        attached = [_attachment(attachment) for attachment in self.attachments if not attachment.is_inline]
        inline = [_attachment(attachment) for attachment in self.attachments if attachment.is_inline]
        plain = _text_part("plain", self.text or "")
        if self.html is not None:
            html = self._joined("related", [_text_part("html", self.html), *inline])
            plain = html if self.text is None else self._joined("alternative", [plain, html])
        return self._joined("mixed", [plain, *attached])

    def _joined(self, subtype: str, parts: list[list[Segment]]) -> list[Segment]:
        """One part is joined with nothing."""
        if len(parts) == 1:
            return parts[0]
        boundary = f"=_{self.token}.{subtype}"
        kind = ';\r\n type="text/html"' if subtype == "related" else ""  # RFC 2387, 3.1
        segments: list[Segment] = [f'Content-Type: multipart/{subtype};\r\n boundary="{boundary}"{kind}\r\n'.encode()]
        for part in parts:
            segments += [f"\r\n--{boundary}\r\n".encode(), *part]
        return [*segments, f"\r\n--{boundary}--\r\n".encode()]


def checked_field(name: str, value: str) -> tuple[str, str]:
    """A header field of the person's own; those that Lanline writes itself have options of their own."""
    if not _FIELD_NAME.fullmatch(name):
        raise InvalidInput(f"{shown(name)} is not the name of a header field; give it as --header 'Name: value'.")
    if name.lower() in _OWN_FIELDS:
        raise InvalidInput(f"The header field {name} is written by Lanline itself; --header cannot set it.")
    checked_line(value, f"The header field {name}")
    _extra_field(name, value.strip())
    return name, value.strip()


def checked_media_type(media_type: str | None) -> str:
    """RFC 2046, 5.2.1: `message/*` and `multipart/*` must not be base64, which attachments are."""
    if media_type is None or not _MEDIA_TYPE.fullmatch(media_type) or media_type.startswith(("message/", "multipart/")):
        return "application/octet-stream"
    return media_type


def checked_message_id(text: str) -> str:
    """RFC 5322, 3.6.4, with or without its angle brackets."""
    plain = text.strip().removeprefix("<").removesuffix(">")
    if not _MESSAGE_ID.fullmatch(plain):
        raise InvalidInput(f"{shown(text)} is no Message-ID; it looks like <word@example.org>.")
    return f"<{plain}>"


def checked_date(text: str) -> dt.datetime:
    """As header fields have it (RFC 5322), or as ISO 8601 does."""
    for reader in (dt.datetime.fromisoformat, parsedate_to_datetime):
        with contextlib.suppress(ValueError, TypeError, IndexError):
            date = reader(text)
            return date if date.tzinfo is not None else date.astimezone()
    raise InvalidInput(f"{shown(text)} is no date; write it as 2026-03-04T12:00:00+01:00.")


def _extra_field(name: str, value: str) -> bytes:
    if name.lower() in _MAILBOX_FIELDS:
        return mailbox_field(name, parse_mailboxes(value, f"The header field {name}"))
    return text_field(name, value)


def _text_part(subtype: str, text: str | LongText) -> list[Segment]:
    encoding, content = ("base64", text) if isinstance(text, LongText) else encoded_text(text)
    return [_part_header(f"text/{subtype}; charset=utf-8", encoding) + b"\r\n", content]


def _attachment(attachment: Attachment) -> list[Segment]:
    header = _part_header(attachment.media_type, "base64" if attachment.is_base64 else "7bit")
    if attachment.is_inline:
        header += f"Content-ID: <{attachment.name}>\r\n".encode()
    disposition = "inline" if attachment.is_inline else "attachment"
    header += f"Content-Disposition: {disposition}{parameter('filename', attachment.name)}\r\n\r\n".encode()
    return [header, attachment]


def _part_header(content_type: str, encoding: str) -> bytes:
    return f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n".encode()


def _wire_bytes(segment: Segment) -> int:
    if isinstance(segment, bytes):
        return len(segment)
    return base64_size_bytes(segment.size_bytes) if segment.is_base64 else segment.size_bytes


def _chunks(segments: list[Segment]) -> Iterator[bytes]:
    for segment in segments:
        chunks = [segment] if isinstance(segment, bytes) else segment.chunks()
        yield from chunks if isinstance(segment, bytes) or not segment.is_base64 else base64_lines(chunks)
