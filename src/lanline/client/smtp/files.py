"""Owns what a person names to be sent: files, pipes and stdin, looked at once and read again when it goes out.

A file is taken as it was when it was looked at, though it grows. What has no size, as a pipe, is copied aside first.
"""

from __future__ import annotations

import codecs
import io
import mimetypes
import os
import select
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from lanline.errors import InvalidInput
from lanline.model.mail.body import BASE64_CHUNK_BYTES
from lanline.model.mail.message import Attachment, LongText, checked_media_type
from lanline.model.mail.text import explained, shown

MAX_TEXT_BYTES = 32_000_000
_HELD_BYTES = 1_000_000
"""What is longer is read again from the disk, and not held in memory."""
_MAX_PIPE_BYTES = 2_000_000_000
_PIPE_WAIT_S = 5.0
_MAX_NAME_CHARS = 250
_MAX_LINE_BYTES = 998


class Source(msgspec.Struct, frozen=True):
    """Bytes that can be read as often as needed; `what` names them to the person."""

    what: str
    size_bytes: int
    open: Callable[[], BinaryIO]
    start: int = 0

    def chunks(self) -> Iterator[bytes]:
        """The size was promised to the server, and stands in the message's own arithmetic."""
        left = self.size_bytes
        with explained(f"{self.what} cannot be read"), self.open() as stream:
            stream.seek(self.start)
            while left and (chunk := stream.read(min(BASE64_CHUNK_BYTES, left))):
                left -= len(chunk)
                yield chunk
        if left:
            raise InvalidInput(f"{self.what} changed while it was being sent; nothing was sent.")

    def lines(self) -> Iterator[bytes]:
        """The same as the text of a message has it: each line ended by CRLF."""
        return crlf_lines(self.chunks())


def source(path_text: str, what: str, limit_bytes: int = _MAX_PIPE_BYTES) -> Source:
    if not path_text:
        raise InvalidInput(f"{what} has no path.")
    path, named = Path(path_text), f"{what} {shown(path_text)}"
    with explained(f"{named} cannot be read"):
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InvalidInput(f"{named} is a folder; pack it into one file first.")
        if stat.S_ISFIFO(status.st_mode):
            return _from_pipe(path, named)
        if not stat.S_ISREG(status.st_mode) and limit_bytes > MAX_TEXT_BYTES:
            raise InvalidInput(f"{named} is neither a file nor a pipe.")
        if stat.S_ISREG(status.st_mode) and status.st_size:
            path.open("rb").close()
            return Source(named, status.st_size, lambda: path.open("rb"))
        with path.open("rb") as stream:  # empty, or one of those that the system makes up and has no size for
            return copied(iter(lambda: stream.read(BASE64_CHUNK_BYTES), b""), named, limit_bytes)


def _from_pipe(path: Path, named: str) -> Source:
    """Opened so that it never waits for somebody to write, and then waited for, but not for ever."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if not select.select([descriptor], [], [], _PIPE_WAIT_S)[0]:
            raise InvalidInput(f"{named} is a pipe that nobody writes to.")
        os.set_blocking(descriptor, True)
        return copied(iter(lambda: os.read(descriptor, BASE64_CHUNK_BYTES), b""), named, _MAX_PIPE_BYTES)
    finally:
        os.close(descriptor)


def copied(chunks: Iterable[bytes], named: str, limit_bytes: int) -> Source:
    """Aside, so that it can be read again; what is large to a file without a name, which ends with the program."""
    import tempfile  # noqa: PLC0415  which loads compression, and few send what has to be copied

    size_bytes = 0
    with tempfile.SpooledTemporaryFile(_HELD_BYTES) as spool, explained(f"{named} cannot be read"):
        for chunk in chunks:
            size_bytes += len(chunk)
            if size_bytes > limit_bytes:
                raise InvalidInput(f"{named} is longer than {limit_bytes // 1_000_000} MB; send it with --attach.")
            spool.write(chunk)
        spool.seek(0)
        if size_bytes <= _HELD_BYTES:
            data = spool.read()
            return Source(named, size_bytes, lambda: io.BytesIO(data))
        descriptor = os.dup(spool.fileno())
    return Source(named, size_bytes, lambda: os.fdopen(os.dup(descriptor), "rb"))


def text_of(found: Source) -> str | LongText:
    """A body. It has to be UTF-8: what is guessed at arrives wrong."""
    if found.size_bytes > MAX_TEXT_BYTES:
        raise InvalidInput(f"{found.what} is longer than {MAX_TEXT_BYTES // 1_000_000} MB; send it with --attach.")
    if not _is_utf8(found.chunks()):
        raise InvalidInput(f"{found.what} is not UTF-8 text; convert it, or send it with --attach.")
    if found.size_bytes <= _HELD_BYTES:
        return b"".join(found.chunks()).decode()
    return LongText(sum(map(len, found.lines())), found.lines)


def _is_utf8(chunks: Iterable[bytes]) -> bool:
    try:
        for _ in codecs.iterdecode(chunks, "utf-8"):
            pass
    except UnicodeDecodeError:
        return False
    return True


def crlf_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Each line break as CRLF, and one at the end. A lone CR stays what it is."""
    carried, last = b"", b"\n"
    for chunk in chunks:
        block = carried + chunk
        carried = b"\r" if block.endswith(b"\r") else b""
        block = block.removesuffix(b"\r")
        if block.count(b"\n") != block.count(b"\r\n"):
            block = block.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        last = block[-1:] or last
        yield block
    if carried or last != b"\n":
        yield carried + b"\r\n"


def attach(path_text: str, *, is_inline: bool = False, warn: Callable[[str], None] = lambda _: None) -> Attachment:
    """The file is looked at now and read when the message goes out."""
    found = source(path_text, "The attachment")
    name = sendable_name(Path(path_text).name)
    if name != Path(path_text).name:
        warn(f"{found.what} goes under the name {shown(name)}, because its own cannot be sent.")
    guessed, compression = mimetypes.guess_type(name)
    media_type = checked_media_type(None if compression else guessed)
    if media_type.startswith("text/") and _is_utf8(found.chunks()):
        media_type += "; charset=utf-8"
    size_bytes, chunks = found.size_bytes, found.chunks
    if guessed == "message/rfc822" and _is_plain_mail(found):
        media_type, chunks, size_bytes = guessed, found.lines, sum(map(len, found.lines()))
    return Attachment(name, media_type, size_bytes, chunks, is_inline)


def sendable_name(name: str) -> str:
    """As it is where that can be: one line of text, of a length that other file systems take."""
    readable = os.fsencode(name).decode(errors="replace")
    clean = "".join(character if character.isprintable() else "_" for character in readable) or "attachment"
    if len(clean) <= _MAX_NAME_CHARS:
        return clean
    stem, dot, ending = clean.rpartition(".")
    return stem[: _MAX_NAME_CHARS - 10] + dot + ending[:9] if dot else clean[:_MAX_NAME_CHARS]


def _is_plain_mail(found: Source) -> bool:
    """What may go as message/rfc822, which is never encoded: ASCII, in lines that every server takes."""
    longest = left_over = 0
    for chunk in found.lines():
        if not chunk.isascii() or b"\0" in chunk or chunk.count(b"\r") != chunk.count(b"\n"):
            return False
        lines = chunk.split(b"\r\n")
        longest = max(longest, left_over + len(lines[0]), *map(len, lines[1:]))
        left_over = len(lines[-1]) + (left_over if len(lines) == 1 else 0)
    return longest <= _MAX_LINE_BYTES
