"""Texts and their transfer encodings (RFC 2045, section 6).

Whatever is written here is ASCII, in lines of at most 998 characters, each ended by CRLF, so that no server on the way
has a reason to change it. A line break of the input may be LF or CRLF; a lone CR is a character like any other.
"""

from __future__ import annotations

import binascii
import re
import struct
from collections.abc import Iterable, Iterator

_BASE64_LINE_BYTES = 57
BASE64_CHUNK_BYTES = 1024 * _BASE64_LINE_BYTES
"""Whole lines, so that chunks can be encoded one by one."""

# A line that a server may fold, strip at its end, or (`From `, in an mbox) quote is not sent as it is.
_AS_IT_IS = re.compile(rb"(?:(?!From )[\t -~]{0,900}(?<![\t ])\r\n)*")
_MBOX_FROM = re.compile(rb"^From ", re.MULTILINE)


def encoded_text(text: str) -> tuple[str, bytes]:
    """The name of the transfer encoding, and the text in it, ended by a line break."""
    lines = text.encode().replace(b"\r\n", b"\n").split(b"\n")
    if lines[-1]:
        lines.append(b"")
    plain = b"\r\n".join(lines)
    if _AS_IT_IS.fullmatch(plain):
        return "7bit", plain
    quoted = b"\r\n".join(binascii.b2a_qp(line, istext=False).replace(b"\n", b"\r\n") for line in lines)
    if len(quoted) > base64_size_bytes(len(plain)) or _MBOX_FROM.search(quoted):
        return "base64", b"".join(base64_lines([plain]))
    return "quoted-printable", quoted


def base64_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Chunks of any size in; whole lines of base64 out, never more than a chunk held."""
    rest = b""
    for chunk in chunks:
        block = rest + chunk
        whole = len(block) - len(block) % _BASE64_LINE_BYTES
        rest = block[whole:]
        yield _wrapped(block[:whole])
    yield _wrapped(rest)


def base64_size_bytes(size_bytes: int) -> int:
    """What `base64_lines` makes of so many bytes, line ends included."""
    lines, rest = divmod(size_bytes, _BASE64_LINE_BYTES)
    return lines * 78 + ((rest + 2) // 3 * 4 + 2 if rest else 0)


def _wrapped(block: bytes) -> bytes:
    """Cut by `struct`, which takes a third of the time of slices."""
    encoded = binascii.b2a_base64(block, newline=False)
    whole, rest = divmod(len(encoded), 76)
    lines = b"\r\n".join(struct.unpack("76s" * whole + f"{rest}s", encoded))
    return lines + b"\r\n" if rest else lines
