"""A whole message, and its bytes on the wire.

The bytes are made of segments: what stands in memory, and attachments, which are read only while they go out. So the
size is known before anything is read, and a message of any size takes the memory of one chunk. The same message gives
the same bytes each time.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator
from email.utils import format_datetime

import msgspec

from lanline.errors import InvalidInput
from lanline.model.mail.address import Mailbox, parse_mailboxes
from lanline.model.mail.body import base64_lines, base64_size_bytes, encoded_text
from lanline.model.mail.field import mailbox_field, parameter, text_field, token_field
from lanline.model.mail.text import checked_line, shown

_FIELD_NAME = re.compile(r"[!-9;-~]{1,60}")  # RFC 5322, 3.6.8
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")
_OWN_FIELDS = frozenset(
    [
        "from",
        "to",
        "cc",
        "bcc",
        "subject",
        "date",
        "message-id",
        "mime-version",
        "content-type",
        "content-transfer-encoding",
        "return-path",
        "received",
    ]
)
_MAILBOX_FIELDS = frozenset(["reply-to", "sender", "mail-followup-to", "disposition-notification-to", "errors-to"])


class Attachment(msgspec.Struct, frozen=True):
    """`chunks` is called each time the message goes out, and yields `size_bytes` in all."""

    name: str
    media_type: str
    size_bytes: int
    chunks: Callable[[], Iterable[bytes]]


class Envelope(msgspec.Struct, frozen=True):
    """What the server is told; who reads the message sees its header instead."""

    sender: str
    recipients: tuple[str, ...]
    smtputf8: bool


class Parcel(msgspec.Struct, frozen=True):
    """A message ready for a server, freshly written or taken from the outbox."""

    message_id: str
    envelope: Envelope
    size_bytes: int
    chunks: Callable[[], Iterable[bytes]]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    sender: Mailbox
    to: tuple[Mailbox, ...] = ()
    cc: tuple[Mailbox, ...] = ()
    bcc: tuple[Mailbox, ...] = ()
    subject: str = ""
    text: str | None = None
    html: str | None = None
    attachments: tuple[Attachment, ...] = ()
    extra_fields: tuple[tuple[str, str], ...] = ()
    date: dt.datetime
    token: str
    """Unique and printable: the Message-ID and the boundaries are made from it."""

    @property
    def message_id(self) -> str:
        return f"<{self.token}@{self.sender.domain}>"

    def parcel(self) -> Parcel:
        header = self._header()
        segments = [header, *self._content()]
        size_bytes = sum(
            len(segment) if isinstance(segment, bytes) else base64_size_bytes(segment.size_bytes)
            for segment in segments
        )
        return Parcel(self.message_id, self._envelope(header), size_bytes, lambda: _chunks(segments))

    def _envelope(self, header: bytes) -> Envelope:
        recipients = tuple(dict.fromkeys(mailbox.address for mailbox in (*self.to, *self.cc, *self.bcc)))
        smtputf8 = not (header.isascii() and all(address.isascii() for address in recipients))
        return Envelope(self.sender.address, recipients, smtputf8)

    def _header(self) -> bytes:
        fields = [
            token_field("Date", format_datetime(self.date)),
            mailbox_field("From", [self.sender]),
            mailbox_field("To", self.to) if self.to else b"",
            mailbox_field("Cc", self.cc) if self.cc else b"",
            b"" if self.to or self.cc else b"To: undisclosed-recipients:;\r\n",
            text_field("Subject", self.subject),
            token_field("Message-ID", self.message_id),
            *[_extra_field(name, value) for name, value in self.extra_fields],
            b"MIME-Version: 1.0\r\n",
        ]
        return b"".join(fields)

    def _content(self) -> list[bytes | Attachment]:
        if not self.attachments:
            return [self._texts()]
        boundary = f"=_{self.token}.mixed"
        segments: list[bytes | Attachment] = [_multipart("mixed", boundary), _delimiter(boundary), self._texts()]
        for attachment in self.attachments:
            segments += [_delimiter(boundary), _attachment_header(attachment), attachment]
        return [*segments, _delimiter(boundary, last=True)]

    def _texts(self) -> bytes:
        if self.html is None:
            return _text_part("plain", self.text or "")
        if self.text is None:
            return _text_part("html", self.html)
        boundary = f"=_{self.token}.texts"
        parts = [_text_part("plain", self.text), _text_part("html", self.html)]
        delimited = b"".join(_delimiter(boundary) + part for part in parts)
        return _multipart("alternative", boundary) + delimited + _delimiter(boundary, last=True)


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


def _extra_field(name: str, value: str) -> bytes:
    if name.lower() in _MAILBOX_FIELDS:
        return mailbox_field(name, parse_mailboxes(value, f"The header field {name}"))
    return text_field(name, value)


def _text_part(subtype: str, text: str) -> bytes:
    encoding, content = encoded_text(text)
    return _part_header(f"text/{subtype}; charset=utf-8", encoding) + b"\r\n" + content


def _attachment_header(attachment: Attachment) -> bytes:
    header = _part_header(attachment.media_type, "base64")
    return header + f"Content-Disposition: attachment{parameter('filename', attachment.name)}\r\n\r\n".encode()


def _part_header(content_type: str, encoding: str) -> bytes:
    return f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n".encode()


def _multipart(subtype: str, boundary: str) -> bytes:
    return f'Content-Type: multipart/{subtype};\r\n boundary="{boundary}"\r\n'.encode()


def _delimiter(boundary: str, *, last: bool = False) -> bytes:
    return f"\r\n--{boundary}{'--' if last else ''}\r\n".encode()


def _chunks(segments: list[bytes | Attachment]) -> Iterator[bytes]:
    for segment in segments:
        if isinstance(segment, bytes):
            yield segment
        else:
            yield from base64_lines(segment.chunks())
