"""What a person asked for, in their words, and the message that is made of it."""

from __future__ import annotations

import datetime as dt
import mimetypes
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from lanline.errors import InvalidInput
from lanline.model.mail.address import Mailbox, parse_mailbox
from lanline.model.mail.body import BASE64_CHUNK_BYTES
from lanline.model.mail.message import Attachment, Message, checked_field, checked_media_type
from lanline.model.mail.text import checked_line, checked_unicode, shown

MAX_TEXT_BYTES = 32_000_000
"""A text is held in memory; an attachment is not."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    sender: str
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    subject: str = ""
    text: str | None = None
    html: str | None = None
    attachments: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()


def compose(draft: Draft) -> Message:
    """Checks everything, and dates the message now. Raises InvalidInput."""
    if not (draft.to or draft.cc or draft.bcc):
        raise InvalidInput("The message has no recipient; name one with --to-addr, --cc or --bcc.")
    return Message(
        sender=parse_mailbox(draft.sender, "The sender"),
        to=_mailboxes(draft.to, "The recipient"),
        cc=_mailboxes(draft.cc, "The Cc recipient"),
        bcc=_mailboxes(draft.bcc, "The Bcc recipient"),
        subject=checked_line(draft.subject, "The subject"),
        text=None if draft.text is None else checked_unicode(draft.text, "The text of the message"),
        html=None if draft.html is None else checked_unicode(draft.html, "The HTML of the message"),
        attachments=tuple(attach(path) for path in draft.attachments),
        extra_fields=tuple(checked_field(name, value) for name, value in draft.fields),
        date=dt.datetime.now(dt.UTC).astimezone().replace(microsecond=0),
        token=new_token(),
    )


def new_token() -> str:
    """Sorts by time, so that the outbox goes out in the order in which it was filled."""
    now = dt.datetime.now(dt.UTC)
    return f"{now:%Y%m%dT%H%M%S}.{now.microsecond:06d}.{secrets.token_hex(8)}"


def _mailboxes(addresses: tuple[str, ...], what: str) -> tuple[Mailbox, ...]:
    return tuple(parse_mailbox(address, what) for address in addresses)


def attach(path_text: str) -> Attachment:
    """The file is looked at now and read when the message goes out."""
    if not path_text or "\0" in path_text:
        raise InvalidInput("The path of an attachment is empty or has a NUL in it.")
    path = Path(path_text)
    name = checked_line(path.name, "The file name of the attachment")
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InvalidInput(f"The attachment {shown(path_text)} is a folder; pack it into one file first.")
        if not stat.S_ISREG(status.st_mode):  # a pipe has no size, and opening it may wait for ever
            raise InvalidInput(f"The attachment {shown(path_text)} is not an ordinary file.")
        path.open("rb").close()
    except OSError as cause:
        raise InvalidInput(f"The attachment {shown(path_text)} cannot be read: {cause.strerror}.") from cause
    media_type, compression = mimetypes.guess_type(name)
    return Attachment(
        name, checked_media_type(None if compression else media_type), status.st_size, _reader(path, status.st_size)
    )


def _reader(path: Path, size_bytes: int) -> Callable[[], Iterator[bytes]]:
    """The size was promised to the server, and stands in the message's own arithmetic."""

    def chunks() -> Iterator[bytes]:
        left = size_bytes
        try:
            with path.open("rb") as stream:
                while chunk := stream.read(BASE64_CHUNK_BYTES):
                    left -= len(chunk)
                    if left < 0:
                        break
                    yield chunk
        except OSError as cause:
            raise InvalidInput(f"The attachment {shown(str(path))} cannot be read: {cause.strerror}.") from cause
        if left != 0:
            raise InvalidInput(f"The attachment {shown(str(path))} changed while it was being sent; nothing was sent.")

    return chunks


def read_text(path: Path, what: str) -> str:
    """A body from a file. It has to be UTF-8: what is guessed at arrives wrong."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_TEXT_BYTES + 1)
    except IsADirectoryError as cause:
        raise InvalidInput(f"{what} {shown(str(path))} is a folder.") from cause
    except (OSError, ValueError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else "it is not a path"
        raise InvalidInput(f"{what} {shown(str(path))} cannot be read: {reason}.") from cause
    return decoded(raw, f"{what} {shown(str(path))}")


def decoded(raw: bytes, what: str) -> str:
    if len(raw) > MAX_TEXT_BYTES:
        raise InvalidInput(f"{what} is longer than {MAX_TEXT_BYTES // 1_000_000} MB; send it with --attach.")
    try:
        return raw.decode()
    except UnicodeDecodeError as cause:
        raise InvalidInput(f"{what} is not UTF-8 text; convert it, or send it with --attach.") from cause
