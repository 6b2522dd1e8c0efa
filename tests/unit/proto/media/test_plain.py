"""The plain format: any program may have written what arrives here."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanline.errors import InvalidInput, MalformedPacket, MessageTooLarge
from lanline.proto.media.plain import (
    HEADER_BYTES,
    HELLO,
    PlainFrame,
    PlainPacketiser,
    PlainReassembler,
    decode_plain,
    is_hello,
)


def chunk(frame_id: int, total: int, index: int, payload: bytes = b"x", size: int | None = None) -> bytes:
    return struct.pack("!IHHI", frame_id, total, index, len(payload) if size is None else size) + payload


def test_the_layout_is_the_documented_one() -> None:
    assert PlainPacketiser(64, first_frame_id=258).packetise(b"ab") == [
        bytes.fromhex("00000102 0001 0000 00000002 6162")
    ]


def test_the_mtu_is_the_whole_datagram() -> None:
    datagrams = PlainPacketiser(1200).packetise(bytes(3000))
    assert [len(datagram) for datagram in datagrams] == [1200, 1200, 3000 - 2 * 1188 + HEADER_BYTES]


@pytest.mark.parametrize("mtu_bytes", [-1, 0, 12, 63, 65_508])
def test_an_absurd_mtu_is_refused_and_the_range_said(mtu_bytes: int) -> None:
    with pytest.raises(InvalidInput, match="from 64 to 65507"):
        PlainPacketiser(mtu_bytes)


def test_a_frame_of_too_many_chunks_is_refused() -> None:
    with pytest.raises(MessageTooLarge):
        PlainPacketiser(64).packetise(bytes(52 * 65_536))


def test_a_hello_is_five_bytes_and_nothing_else() -> None:
    assert is_hello(HELLO)
    assert not is_hello(b"hello\n")


@given(frame=st.binary(min_size=1, max_size=5000), mtu=st.integers(64, 1500), seed=st.integers(0, 99))
def test_a_frame_arrives_whole_in_any_order_with_duplicates(frame: bytes, mtu: int, seed: int) -> None:
    datagrams = PlainPacketiser(mtu).packetise(frame)
    random.Random(seed).shuffle(datagrams)
    reassembler = PlainReassembler()
    frames = [reassembler.receive_datagram(datagram) for datagram in datagrams + datagrams]
    assert [found for found in frames if found] == [PlainFrame(0, frame)]
    assert reassembler.buffered_bytes == 0


def test_frame_numbers_wrap_around() -> None:
    packetiser, reassembler = PlainPacketiser(64, first_frame_id=0xFFFFFFFF), PlainReassembler()
    shown = [reassembler.receive_datagram(packetiser.packetise(b"x")[0]) for _ in range(2)]
    assert [frame.frame_id for frame in shown if frame] == [0xFFFFFFFF, 0]


def test_a_frame_older_than_the_one_shown_is_dropped() -> None:
    reassembler = PlainReassembler()
    assert reassembler.receive_datagram(chunk(1, 2, 0)) is None
    assert reassembler.receive_datagram(chunk(2, 1, 0)) is not None
    assert reassembler.receive_datagram(chunk(1, 2, 1)) is None
    assert reassembler.frames_dropped == 1
    assert reassembler.buffered_bytes == 0


def test_no_more_than_the_wanted_number_of_frames_is_kept_and_the_oldest_goes_first() -> None:
    reassembler = PlainReassembler(max_buffer_frames=2)
    for frame_id in (1, 3, 2):
        reassembler.receive_datagram(chunk(frame_id, 2, 0))
    assert reassembler.receive_datagram(chunk(1, 2, 1)) is None
    assert reassembler.receive_datagram(chunk(2, 2, 1)) is not None


def test_a_server_that_begins_anew_is_followed() -> None:
    reassembler = PlainReassembler()
    reassembler.receive_datagram(chunk(70_000, 1, 0))
    shown = [reassembler.receive_datagram(chunk(frame_id, 1, 0)) for frame_id in range(10)]
    assert [frame.frame_id for frame in shown if frame] == [3, 4, 5, 6, 7, 8, 9]


def test_stragglers_of_old_frames_are_no_new_beginning() -> None:
    reassembler = PlainReassembler()
    reassembler.receive_datagram(chunk(10, 1, 0))
    assert not any(reassembler.receive_datagram(chunk(frame_id, 1, 0)) for frame_id in (7, 8, 9, 9, 8, 7))


@pytest.mark.parametrize(
    "lie",
    [
        b"",
        b"hello",
        chunk(1, 1, 0, b""),
        chunk(1, 0, 0),
        chunk(1, 2, 2),
        chunk(1, 1, 0, b"x", size=2),
        chunk(1, 1, 0, b"xy", size=1),
        chunk(1, 1, 0, b"x", size=0xFFFFFFFF),
    ],
)
def test_a_chunk_that_lies_is_dropped(lie: bytes) -> None:
    with pytest.raises(MalformedPacket):
        decode_plain(lie)
    reassembler = PlainReassembler()
    assert reassembler.receive_datagram(lie) is None
    assert reassembler.buffered_bytes == 0


def test_a_chunk_that_contradicts_the_others_of_its_frame_is_dropped() -> None:
    reassembler = PlainReassembler()
    reassembler.receive_datagram(chunk(1, 2, 0, b"a"))
    assert reassembler.receive_datagram(chunk(1, 3, 1, b"z")) is None
    assert reassembler.receive_datagram(chunk(1, 2, 0, b"z")) is None
    assert reassembler.receive_datagram(chunk(1, 2, 1, b"b")) == PlainFrame(1, b"ab")


def test_memory_stays_bounded_whatever_is_claimed() -> None:
    reassembler = PlainReassembler(max_buffer_frames=1000, max_buffer_bytes=100_000)
    for index in range(5000):
        reassembler.receive_datagram(chunk(index % 7, 65_535, index, bytes(1000)))
        assert reassembler.buffered_bytes <= 100_000


def test_many_tiny_chunks_count_for_what_they_cost() -> None:
    reassembler = PlainReassembler(max_buffer_bytes=10_000)
    for index in range(1000):
        reassembler.receive_datagram(chunk(1, 65_535, index))
    assert reassembler.buffered_bytes <= 10_000


@given(st.lists(st.binary(max_size=40)))
def test_garbage_is_dropped_in_silence(datagrams: list[bytes]) -> None:
    reassembler = PlainReassembler()
    for datagram in datagrams:
        reassembler.receive_datagram(datagram)


@pytest.mark.parametrize("frames", [0, -3])
def test_a_buffer_for_no_frame_is_refused(frames: int) -> None:
    with pytest.raises(InvalidInput):
        PlainReassembler(max_buffer_frames=frames)
