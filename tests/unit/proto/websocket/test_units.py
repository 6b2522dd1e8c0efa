from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanline.errors import ProtocolViolation
from lanline.proto.channels import RELIABLE_CHANNELS, Channel
from lanline.proto.websocket.units import (
    DATA_HEADERS,
    UNRELIABLE_HEADERS,
    UnitKind,
    decode_number,
    decode_unit,
    encode_credit,
    encode_delivered,
)


def test_the_wire_is_as_documented() -> None:
    assert DATA_HEADERS[Channel.BULK] == b"\x00\x03"
    assert encode_delivered(Channel.CHAT, 258) == b"\x01\x01\x00\x00\x00\x00\x00\x00\x01\x02"
    assert UNRELIABLE_HEADERS[Channel.MEDIA] == b"\x02\x02"
    assert encode_credit(Channel.CONTROL, 2**64 - 1) == b"\x03\x00" + b"\xff" * 8


@given(st.sampled_from(RELIABLE_CHANNELS), st.integers(0, 2**64 - 1))
def test_numbers_survive(channel: Channel, number: int) -> None:
    for kind, unit in (
        (UnitKind.DELIVERED, encode_delivered(channel, number)),
        (UnitKind.CREDIT, encode_credit(channel, number)),
    ):
        assert decode_unit(unit)[:2] == (kind, channel)
        assert decode_number(decode_unit(unit)[2]) == number


@given(st.binary(max_size=40))
def test_any_bytes_are_a_unit_or_a_violation(data: bytes) -> None:
    try:
        kind, channel, body = decode_unit(data)
    except ProtocolViolation:
        return
    assert bytes((kind, channel)) + body == data


@pytest.mark.parametrize("buffer", [bytes, bytearray, memoryview])
def test_the_body_is_bytes_whatever_came(buffer: type) -> None:
    assert type(decode_unit(buffer(b"\x00\x01abc"))[2]) is bytes
