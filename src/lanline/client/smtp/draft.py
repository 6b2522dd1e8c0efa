"""Owns what a person asked for, in their words, and the message made of it; or a whole message that they bring."""

from __future__ import annotations

import datetime as dt
import itertools
import re
import secrets
from collections.abc import Callable, Iterator
from email.utils import format_datetime, getaddresses

import msgspec

from lanline.client.smtp.files import Source, attach, copied, crlf_lines
from lanline.errors import InvalidInput
from lanline.model.mail import message
from lanline.model.mail.address import Mailbox, parse_mailbox
from lanline.model.mail.field import mailbox_field
from lanline.model.mail.message import Attachment, Envelope, LongText, Message, Parcel
from lanline.model.mail.text import checked_line, checked_unicode, shown, terminal_safe

_MAX_HEADER_BYTES = 1_000_000
_MAX_RAW_BYTES = 2_000_000_000
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*")
_DROPPED = {b"bcc", b"resent-bcc", b"return-path"}
_Fields = list[tuple[bytes, bytes]]
_NOTIFY = re.compile(r"never|(?:success|failure|delay)(?:,(?:success|failure|delay))*", re.IGNORECASE)


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    sender: str
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    subject: str = ""
    text: str | LongText | None = None
    html: str | LongText | None = None
    attachments: tuple[str, ...] = ()
    inline: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    message_id: str | None = None
    date: str | None = None
    dsn: tuple[str, str, str] = ("", "", "")


def compose(draft: Draft, warn: Callable[[str], None] = lambda _: None) -> Parcel:
    """Checks everything, and dates the message now. Raises InvalidInput; `warn` hears of what had to be changed."""
    if not (draft.to or draft.cc or draft.bcc):
        raise InvalidInput("The message has no recipient; name one with --to-addr, --cc or --bcc.")
    if draft.inline and draft.html is None:
        raise InvalidInput("--inline puts pictures into the HTML, and there is none: give --html or --html-file.")
    for text, what in ((draft.text, "The text of the message"), (draft.html, "The HTML of the message")):
        if isinstance(text, str):
            checked_unicode(text, what)
    attachments = [attach(path, warn=warn) for path in draft.attachments]
    attachments += [_picture(path, warn) for path in draft.inline]
    return Message(
        sender=parse_mailbox(draft.sender, "The sender"),
        to=_mailboxes(draft.to, "The recipient"),
        cc=_mailboxes(draft.cc, "The Cc recipient"),
        bcc=_mailboxes(draft.bcc, "The Bcc recipient"),
        subject=checked_line(draft.subject, "The subject"),
        text=draft.text,
        html=draft.html,
        attachments=tuple(attachments),
        extra_fields=tuple(message.checked_field(name, value) for name, value in draft.fields),
        date=_now() if draft.date is None else message.checked_date(draft.date),
        token=new_token(),
        own_id="" if draft.message_id is None else message.checked_message_id(draft.message_id),
        dsn=draft.dsn,
    ).parcel()


def _picture(path: str, warn: Callable[[str], None]) -> Attachment:
    found = attach(path, is_inline=True, warn=warn)
    if not message.CONTENT_ID.fullmatch(found.name):
        text = "has a name that cid: in HTML cannot take; rename the file, with letters of ASCII and no blanks."
        raise InvalidInput(f"The picture {shown(found.name)} of --inline {text}")
    return found


def checked_dsn(notify: str | None, what_returns: str | None, name: str | None) -> tuple[str, str, str]:
    """RFC 3461, 4: the name in xtext, so that any text may be one."""
    if notify is not None and not _NOTIFY.fullmatch(notify):
        raise InvalidInput("--dsn-notify takes never, or success, failure and delay, joined by commas.")
    if what_returns is not None and what_returns.lower() not in {"full", "hdrs"}:
        raise InvalidInput("--dsn-return takes full or hdrs.")
    if name is not None and not (name.isascii() and name.isprintable() and 0 < len(name) <= 80):
        raise InvalidInput("--dsn-id is a name of at most 80 ASCII characters.")
    xtext = "".join(c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in name or "")
    return notify or "", what_returns or "", xtext


def new_token() -> str:
    """Sorts by time, so that the outbox goes out in the order in which it was filled."""
    now = dt.datetime.now(dt.UTC)
    return f"{now:%Y%m%dT%H%M%S}.{now.microsecond:06d}.{secrets.token_hex(8)}"


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).astimezone().replace(microsecond=0)


def _mailboxes(addresses: tuple[str, ...], what: str) -> tuple[Mailbox, ...]:
    return tuple(parse_mailbox(address, what) for address in addresses)


def raw_source(chunks: Iterator[bytes], *, dot_ends: bool) -> Source:
    """Copied aside, each line ended by CRLF. Where `dot_ends` they come line by line, and a lone dot is the end."""

    def read() -> Iterator[bytes]:
        for number, chunk in enumerate(chunks):
            if dot_ends and chunk in {b".\n", b".\r\n"}:
                return
            # the first line of a mailbox file is not of the message
            yield chunk.partition(b"\n")[2] if number == 0 and chunk.startswith(b"From ") else chunk

    return copied(crlf_lines(read()), "The message from stdin", _MAX_RAW_BYTES)


def raw_parcel(
    content: Source,
    *,
    sender: str | None = None,
    sender_name: str = "",
    to: tuple[str, ...] = (),
    are_in_header: bool = False,
    dsn: tuple[str, str, str] = ("", "", ""),
) -> Parcel:
    """Bcc is taken out; Date, Message-ID and From are put in where they lack. All else goes as it is."""
    fields, header_bytes = _header(content)
    body = msgspec.structs.replace(content, start=header_bytes, size_bytes=content.size_bytes - header_bytes)
    again = b"resent-" if any(name == b"resent-to" for name, _ in fields) else b""
    found = _addresses(fields, again + b"to", again + b"cc", again + b"bcc") if are_in_header else []
    addresses = tuple(dict.fromkeys(parse_mailbox(one, "The recipient").address for one in (*to, *found)))
    if not addresses:
        raise InvalidInput("The message has no recipient; name one, or let -t take those in its header.")
    senders = _addresses(fields, again + b"from", again + b"sender") if sender is None else [sender]
    if not senders:
        raise InvalidInput("There is no sender: the message has no From; give one with --from-addr.")
    author = Mailbox("", "") if senders[0] in {"", "<>"} else parse_mailbox(senders[0], "The sender")
    token = new_token()
    own_id = f"<{token}@{author.domain or 'localhost'}>"
    head = b"".join(field for name, field in fields if name not in _DROPPED)
    for name, field in (
        (b"from", mailbox_field("From", [Mailbox(sender_name, author.address or "MAILER-DAEMON")])),
        (b"date", f"Date: {format_datetime(_now())}\r\n".encode()),
        (b"message-id", f"Message-ID: {own_id}\r\n".encode()),
    ):
        head += b"" if _values(fields, name) else field
    if not (header_bytes and next(iter(body.chunks()), b"").startswith(b"\r\n")):
        head += b"\r\n"
    is_8bit = not (head.isascii() and all(chunk.isascii() for chunk in body.chunks()))
    smtputf8 = not all(address.isascii() for address in (*addresses, author.address))
    envelope = Envelope(author.address, addresses, smtputf8, is_8bit, *dsn)
    message_id = terminal_safe(next(iter(_values(fields, b"message-id")), own_id))
    size_bytes = len(head) + body.size_bytes
    return Parcel(message_id, envelope, size_bytes, lambda: itertools.chain([head], body.chunks()), token)


def _header(content: Source) -> tuple[_Fields, int]:
    """The fields, each with its name in small letters, and where they end. What is no field begins the text."""
    head = b""
    for chunk in content.chunks():
        head += chunk
        if b"\r\n\r\n" in head or len(head) > _MAX_HEADER_BYTES:
            break
    fields, end = _Fields(), 0
    while (match := _FIELD.match(head, end)) is not None:
        fields.append((match[1].lower(), match[0]))
        end = match.end()
    if len(head) > _MAX_HEADER_BYTES and b"\n" not in head[end:]:
        raise InvalidInput(f"The header of the message is longer than {_MAX_HEADER_BYTES // 1_000_000} MB.")
    return fields, end


def _values(fields: _Fields, *names: bytes) -> list[str]:
    lines = [field.partition(b":")[2].decode(errors="replace") for name, field in fields if name in names]
    return [" ".join(line.split()) for line in lines]


def _addresses(fields: _Fields, *names: bytes) -> list[str]:
    found = [address for _, address in getaddresses(_values(fields, *names))]
    for address in found:
        checked_line(address, f"The address {shown(address)} in the header")
    return [address for address in found if address]
