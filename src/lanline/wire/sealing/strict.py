"""Owns the strict form of MessagePack under signatures. Not the structures that are written in it.

Everybody must judge the same bytes in the same way, so what would be written in other bytes than it came in does not
hold (docs/protocol/sealing.md, 2.1).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Annotated, TypeVar

import msgspec

from lanline.errors import MalformedPacket

MAX_INTEGER = 2**53 - 1
ZEROS = bytes(32)
"""Where nothing stands before: the group of the first entry, and what it stands on."""

Integer = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]
Short = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
"""16 bytes: the id of a device, an invite or an epoch, and chance."""
Long = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
"""32 bytes: a hash, a public key of Ed25519, the id of an account, a group or a room."""
Signature = Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]
SealedSecret = Annotated[bytes, msgspec.Meta(min_length=48, max_length=48)]
"""32 bytes under AES-256-GCM."""

T = TypeVar("T")

_encoder = msgspec.msgpack.Encoder()


def encode_strictly(value: object) -> bytes:
    return _encoder.encode(value)


def decode_strictly(decoder: msgspec.msgpack.Decoder[T], data: bytes) -> T:
    """Raises MalformedPacket."""
    try:
        value = decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise MalformedPacket("an entry cannot be read") from cause
    if _encoder.encode(value) != data:
        raise MalformedPacket("an entry is written in other bytes than everybody writes it in")
    return value


def check_rising(ids: Sequence[bytes]) -> None:
    """For `__post_init__` of what holds a list of ids."""
    if any(first >= second for first, second in itertools.pairwise(ids)):
        raise ValueError("the ids do not rise")


def is_name(name: bytes) -> bool:
    """No table of Unicode is asked: those of two programs may differ."""
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not any(letter < " " or "\x7f" <= letter <= "\x9f" for letter in text)
