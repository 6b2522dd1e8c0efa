"""Owns how content becomes the bytes of an entry, and back. Sealing to people's keys will be here; for now "plain"."""

from __future__ import annotations

import msgspec

from lanline.client.view.values import Unreadable
from lanline.errors import InvalidInput
from lanline.model.content import Content, check_content

PLAIN = "plain"

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Content] = msgspec.msgpack.Decoder(Content)


def seal(content: Content) -> tuple[str, bytes]:
    """The name of the suite, and the bytes."""
    try:
        return PLAIN, _encoder.encode(content)
    except UnicodeEncodeError as cause:
        raise InvalidInput("The message holds half a character, which nobody could read.") from cause


def open_sealed(suite: str, sealed: bytes) -> Content | Unreadable:
    """Never raises: what came from elsewhere is shown, if only as something that cannot be read."""
    if suite != PLAIN:
        return Unreadable(suite)
    try:
        content = _decoder.decode(sealed)
        check_content(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidInput):
        return Unreadable(suite)
    return content
