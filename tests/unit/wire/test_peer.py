from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanline.errors import MalformedPacket
from lanline.wire.peer import (
    INSTANCE_BYTES,
    MAX_NAME_CHARACTERS,
    Introduction,
    PeerMessage,
    Receipt,
    Text,
    decode_peer_message,
    encode_peer_message,
)

NUMBERS = st.integers(1, 2**63)
MESSAGES = st.one_of(
    st.builds(
        Introduction,
        name=st.text(max_size=MAX_NAME_CHARACTERS),
        instance=st.binary(min_size=INSTANCE_BYTES, max_size=INSTANCE_BYTES),
    ),
    st.builds(Text, number=NUMBERS, text=st.text()),
    st.builds(Receipt, through=NUMBERS),
)


@given(MESSAGES)
def test_a_message_survives_the_wire(message: PeerMessage) -> None:
    assert decode_peer_message(encode_peer_message(message)) == message


@given(st.binary())
def test_garbage_raises_nothing_undocumented(data: bytes) -> None:
    with contextlib.suppress(MalformedPacket):
        decode_peer_message(data)


@given(MESSAGES, st.data())
def test_a_damaged_message_raises_nothing_undocumented(message: PeerMessage, data: st.DataObject) -> None:
    encoded = bytearray(encode_peer_message(message))
    position = data.draw(st.integers(0, len(encoded) - 1))
    encoded[position] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(MalformedPacket):
        decode_peer_message(bytes(encoded))


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "introduction", "name": "x" * (MAX_NAME_CHARACTERS + 1), "instance": bytes(INSTANCE_BYTES)},
        {"type": "introduction", "name": "x", "instance": b"short"},
        {"type": "text", "number": 0, "text": "x"},
        {"type": "receipt", "through": -1},
        {"type": "mail"},
    ],
)
def test_a_field_beyond_its_bounds_is_malformed(fields: dict[str, object]) -> None:
    with pytest.raises(MalformedPacket):
        decode_peer_message(msgspec.msgpack.encode(fields))


@pytest.mark.parametrize("data", [b"", b"\x91" * 100_000, b"\xa1\xff"])
def test_nesting_truncation_and_bad_characters_are_malformed(data: bytes) -> None:
    with pytest.raises(MalformedPacket):
        decode_peer_message(data)
