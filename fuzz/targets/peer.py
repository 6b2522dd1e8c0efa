"""What two peers say to each other, and what a face would show of it."""

from __future__ import annotations

import contextlib

from lanline.errors import MalformedPacket
from lanline.model.text import display_name, safe_text
from lanline.wire.peer import Introduction, Text, decode_peer_message, encode_peer_message


def fuzz_one(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for shown in (safe_text(text), display_name(text)):
        assert all(character in "\n\t" or ord(character) >= 32 for character in shown)
    with contextlib.suppress(MalformedPacket):
        message = decode_peer_message(data)
        assert decode_peer_message(encode_peer_message(message)) == message


def seeds() -> list[bytes]:
    return [
        encode_peer_message(Introduction("ada", bytes(8))),
        encode_peer_message(Text(1, "hello")),
        "\x1b[31mred\x07\u202e".encode(),
    ]
