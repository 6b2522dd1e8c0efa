"""Owns what both roles of SMTP share: replies taken apart, bytes made ready for DATA, and what may be shown of both.

Not the dialogue.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lanline.errors import InvalidInput, ProtocolViolation
from lanline.model.mail.refusal import Reply
from lanline.model.mail.text import terminal_safe

_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?", re.DOTALL)
_MAX_LINE_BYTES = 4096
"""RFC 5321, 4.5.3.1.5 has 512; some servers say more."""
_MAX_REPLY_BYTES = 65_536
_MAX_LINES = 500
MASK = "***"
_SHORT_CHARS = 6
"""What is shorter than this stands in many texts by chance, and a mask in its place would tell what it is."""


class ReplyParser:
    """Takes bytes in pieces of any size. What is no reply raises ProtocolViolation, with the line as its text."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[tuple[bytes, bytes]] = []
        self._size_bytes = 0

    @property
    def is_empty(self) -> bool:
        """Nothing was said that was not asked for."""
        return not self._rest and not self._lines

    def feed(self, data: bytes) -> None:
        self._rest += data

    def next_reply(self) -> Reply | None:
        while b"\n" in self._rest:
            line, _, self._rest = self._rest.partition(b"\n")
            if self._take(line.removesuffix(b"\r")):
                code, lines = int(self._lines[0][0]), [text for _, text in self._lines]
                self._lines, self._size_bytes = [], 0
                return Reply(code, b"\n".join(lines).decode(errors="replace"))
        if len(self._rest) > _MAX_LINE_BYTES:
            raise ProtocolViolation(self._rest[:80].decode(errors="replace"))
        return None

    def _take(self, line: bytes) -> bool:
        """True with the last line of a reply."""
        match = _LINE.fullmatch(line)
        self._size_bytes += len(line)
        known = match is not None and (not self._lines or self._lines[0][0] == match[1])
        is_endless = self._size_bytes > _MAX_REPLY_BYTES or len(self._lines) >= _MAX_LINES
        if match is None or not known or is_endless or len(line) > _MAX_LINE_BYTES:
            raise ProtocolViolation(line[:80].decode(errors="replace"))
        self._lines.append((match[1], match[3] or b""))
        return match[2] != b"-"


class Stuffing:
    """Dots doubled at line starts, one dot at the end (RFC 5321, 4.5.2). Takes the message in pieces of any size.

    A bare CR or LF is refused: servers disagree about what those end, and that is how one mail becomes two.
    """

    def __init__(self) -> None:
        self._tail = b"\r\n"
        """The last two bytes so far: the message begins at the start of a line."""

    def feed(self, chunk: bytes) -> bytes:
        if not chunk:
            return b""
        before, self._tail = self._tail, (self._tail + chunk[-2:])[-2:]
        open_cr, ends_open = before[-1:] == b"\r", chunk[-1:] == b"\r"  # the LF of either is in the next piece
        pairs = chunk.count(b"\r\n") + (open_cr and chunk[:1] == b"\n")
        if chunk.count(b"\n") != pairs or chunk.count(b"\r") + open_cr - ends_open != pairs:
            raise InvalidInput("The message has a bare line break in it, which no server may be sent.")
        if b"." not in chunk:  # as in base64, which is most of what is long
            return chunk
        starts_line = before[-1:] == b"\n" and chunk[:1] == b"."
        return b"." * starts_line + chunk.replace(b"\n.", b"\n..")

    def finish(self) -> bytes:
        if self._tail != b"\r\n":
            raise InvalidInput("The message does not end with a line break, so its end could not be told.")
        return b".\r\n"


class SmtpTranscript:
    """Hands every line to `sink`. Only what is shown is masked: the dialogue itself goes on with what was said."""

    def __init__(self, sink: Callable[[str], None] = lambda _: None) -> None:
        self._sink = sink
        self._secrets: list[str] = []

    def hide(self, *secrets: str) -> None:
        """Base64 also without its padding; the longest first, as one may contain another."""
        forms = {form for secret in secrets for form in (secret, secret.rstrip("=")) if form}
        self._secrets = sorted({*self._secrets, *forms}, key=len, reverse=True)

    def masked(self, reply: Reply, *, in_sign_in: bool = False) -> Reply:
        """Some servers repeat what they were sent. A short secret hides all that is said while signing in."""
        text = reply.text
        for secret in self._secrets:
            if secret in text and len(secret) >= _SHORT_CHARS:
                text = text.replace(secret, MASK)
            elif secret in text and in_sign_in:
                return Reply(reply.code, MASK)
        return Reply(reply.code, text)

    def client(self, line: str) -> None:
        self._sink(f"C: {terminal_safe(line)}")

    def server(self, reply: Reply) -> None:
        lines = reply.text.split("\n")
        for number, line in enumerate(lines, 1):
            self._sink(f"S: {reply.code}{' ' if number == len(lines) else '-'}{terminal_safe(line)}")

    def note(self, text: str) -> None:
        self._sink(f"-- {text}")
