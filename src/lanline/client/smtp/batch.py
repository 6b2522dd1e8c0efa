"""Many messages from a file: one JSON object a line. The command's own options are what a line does not say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from lanline.client.smtp.draft import Draft, compose
from lanline.errors import InvalidInput
from lanline.model.mail.message import Message
from lanline.model.mail.refusal import one_line
from lanline.model.mail.text import shown

_MAX_LINE_BYTES = 64_000_000


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sender: str | None = msgspec.field(default=None, name="from")
    to: str | list[str] | None = None
    cc: str | list[str] | None = None
    bcc: str | list[str] | None = None
    subject: str | None = None
    body: str | None = None
    html: str | None = None
    attach: str | list[str] | None = None
    headers: dict[str, str] = {}


_DECODER = msgspec.json.Decoder(_Line)


class Numbered(msgspec.Struct, frozen=True):
    line: int
    message: Message


def messages(path: Path, defaults: Draft, start_line: int = 1) -> Iterator[Numbered]:
    """Empty lines are passed over. Raises InvalidInput that names the line."""
    for number, raw in _lines(path):
        if number < start_line or not raw.strip():
            continue
        try:
            yield Numbered(number, compose(_draft(raw, defaults)))
        except InvalidInput as cause:
            raise InvalidInput(f"Line {number} of {shown(str(path))}: {cause}") from cause


def checked_count(path: Path, defaults: Draft, start_line: int) -> int:
    """How many there are, each of them checked: a slip in the last line is better found before the first is sent."""
    return sum(1 for _ in messages(path, defaults, start_line))


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    number = 0
    try:
        with path.open("rb") as stream:
            while raw := stream.readline(_MAX_LINE_BYTES):
                number += 1
                if len(raw) == _MAX_LINE_BYTES:
                    raise InvalidInput(f"Line {number} of {shown(str(path))} is too long.")
                yield number, raw
    except (OSError, ValueError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else "it is not a path"
        raise InvalidInput(f"The batch {shown(str(path))} cannot be read: {reason}.") from cause


def _draft(raw: bytes, defaults: Draft) -> Draft:
    try:
        line = _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise InvalidInput(f"it is not a message in JSON: {one_line(str(cause))}.") from cause
    return Draft(
        sender=defaults.sender if line.sender is None else line.sender,
        to=_several(line.to, defaults.to),
        cc=_several(line.cc, defaults.cc),
        bcc=_several(line.bcc, defaults.bcc),
        subject=defaults.subject if line.subject is None else line.subject,
        text=defaults.text if line.body is None else line.body,
        html=defaults.html if line.html is None else line.html,
        attachments=_several(line.attach, defaults.attachments),
        fields=(*defaults.fields, *line.headers.items()),
    )


def _several(value: str | list[str] | None, default: tuple[str, ...]) -> tuple[str, ...]:
    if value is None:
        return default
    return (value,) if isinstance(value, str) else tuple(value)
