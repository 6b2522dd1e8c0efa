"""What two peers say to each other without a server, on the chat channel."""

from __future__ import annotations

from typing import Annotated

import msgspec

from lanline.errors import MalformedPacket

INSTANCE_BYTES = 8
MAX_NAME_CHARACTERS = 256
"""On the wire; what is shown of it is the receiver's business."""


class Introduction(msgspec.Struct, frozen=True, tag="introduction"):
    """First on every link. `instance` is drawn at start, so that a text sent again on a new link is known again."""

    name: Annotated[str, msgspec.Meta(max_length=MAX_NAME_CHARACTERS)]
    instance: Annotated[bytes, msgspec.Meta(min_length=INSTANCE_BYTES, max_length=INSTANCE_BYTES)]


class Text(msgspec.Struct, frozen=True, tag="text"):
    """Numbers rise by one within an instance."""

    number: Annotated[int, msgspec.Meta(ge=1)]
    text: str


class Receipt(msgspec.Struct, frozen=True, tag="receipt"):
    """Every text up to and with this number was shown. That a link holds a text says less: programs get killed."""

    through: Annotated[int, msgspec.Meta(ge=0)]


PeerMessage = Introduction | Text | Receipt

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[PeerMessage] = msgspec.msgpack.Decoder(PeerMessage)


def encode_peer_message(message: PeerMessage) -> bytes:
    return _encoder.encode(message)


def decode_peer_message(data: bytes) -> PeerMessage:
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise MalformedPacket("a message of the peer cannot be read") from cause
