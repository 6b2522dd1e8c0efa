"""The packets before keys: there and back, told apart from sealed ones, and small enough to answer strangers with."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanline.errors import MalformedPacket
from lanline.proto.link.preamble import (
    ClientRecords,
    Hello,
    OtherVersion,
    Preamble,
    Refused,
    Reset,
    Retry,
    ServerRecords,
    Versions,
    decode_preamble,
    encode_preamble,
)

IDS, TOKENS, RECORDS = st.binary(min_size=8, max_size=8), st.binary(min_size=20, max_size=20), st.binary(min_size=1)
PACKETS = st.one_of(
    st.builds(Hello, IDS),
    st.builds(Retry, IDS, TOKENS),
    st.builds(ClientRecords, IDS, TOKENS, RECORDS),
    st.builds(ServerRecords, IDS, IDS, RECORDS),
    st.builds(Versions, IDS, RECORDS),
    st.builds(Refused, IDS, st.integers(0, 2**16 - 1)),
    st.builds(Reset, IDS, st.binary(min_size=16, max_size=16)),
    st.builds(OtherVersion, IDS, st.integers(2, 255), is_hello=st.booleans()),
)


@given(PACKETS)
def test_packets_come_back_as_they_were(packet: Preamble) -> None:
    assert decode_preamble(encode_preamble(packet)) == packet


@given(PACKETS)
def test_packets_are_told_from_sealed_ones_by_their_first_bit(packet: Preamble) -> None:
    assert encode_preamble(packet)[0] < 0x80


@settings(max_examples=500)
@given(st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(lambda data: b"\1LANL\1" + data)))
def test_garbage_is_malformed_and_nothing_worse(data: bytes) -> None:
    with contextlib.suppress(MalformedPacket):
        decode_preamble(data)


@given(PACKETS, st.integers(0, 2000), st.integers(1, 255))
def test_damaged_packets_are_malformed_and_nothing_worse(packet: Preamble, position: int, mask: int) -> None:
    data = bytearray(encode_preamble(packet))
    data[position % len(data)] ^= mask
    try:
        decode_preamble(bytes(data))
        decode_preamble(bytes(data[: position % len(data)]))
    except MalformedPacket:
        pass


def test_no_answer_to_a_stranger_is_larger_than_what_asks_for_it() -> None:
    hello = len(encode_preamble(Hello(bytes(8))))
    least_records = len(encode_preamble(ClientRecords(bytes(8), bytes(20), b"\0")))
    retry, refused = len(encode_preamble(Retry(bytes(8), bytes(20)))), len(encode_preamble(Refused(bytes(8), 5)))
    assert max(retry, len(encode_preamble(Versions(bytes(8), b"\1")))) <= hello
    assert max(retry, refused) <= least_records
    assert len(encode_preamble(Reset(bytes(8), bytes(16)))) <= 33


def test_hello_that_is_not_padded_is_malformed() -> None:
    with pytest.raises(MalformedPacket):
        decode_preamble(encode_preamble(Hello(bytes(8)))[:-1])


def test_short_hello_of_another_version_asks_for_no_answer() -> None:
    packet = decode_preamble(encode_preamble(OtherVersion(bytes(8), 3, is_hello=True))[:-1])
    assert packet == OtherVersion(bytes(8), 3, is_hello=False)
