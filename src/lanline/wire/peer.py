"""What two peers say to each other without a server, on the chat channel."""

from __future__ import annotations

import msgspec

from lanline.errors import MalformedPacket


class Introduction(msgspec.Struct, frozen=True, tag="introduction"):
    """First on every link. `instance` is drawn at start, so that a text sent again on a new link is known again."""

    name: str
    instance: bytes


class Text(msgspec.Struct, frozen=True, tag="text"):
    """Numbers rise by one within an instance."""

    number: int
    text: str


PeerMessage = Introduction | Text

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[PeerMessage] = msgspec.msgpack.Decoder(PeerMessage)


def encode_peer_message(message: PeerMessage) -> bytes:
    return _encoder.encode(message)


def decode_peer_message(data: bytes) -> PeerMessage:
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise MalformedPacket("a message of the peer cannot be read") from cause
