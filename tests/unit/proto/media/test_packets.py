"""Chunks on the wire, parity, and frames put together again out of what is left of them."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanline.errors import MalformedPacket, MessageTooLarge
from lanline.proto.media.fec import block_count, block_of, block_size, parity_of, restore_block
from lanline.proto.media.frame import Frame
from lanline.proto.media.packet import StreamPacket, decode_stream_packet, encode_stream_packet
from lanline.proto.media.packetiser import Packetiser
from lanline.proto.media.reassembler import Reassembler
from lanline.wire.video import StreamCodec

STREAM_ID = b"\x80stream1"


def frame(payload: bytes, frame_id: int = 1) -> Frame:
    return Frame(frame_id, StreamCodec.JPEG, True, 5, payload)


def packets_of(payload: bytes, parity: int = 0, frame_id: int = 1, room: int = 124) -> list[StreamPacket]:
    packetiser = Packetiser(room)
    count = packetiser.chunks_of(len(payload)) + parity
    contents = packetiser.packetise(frame(payload, frame_id), parity, [0] * count)
    return [decode_stream_packet(content) for content in contents]


def feed(reassembler: Reassembler, packets: Sequence[StreamPacket], first: int = 0) -> list[bytes]:
    received = [reassembler.receive(first + packet.chunk_index, packet, 0.0) for packet in packets]
    return [found.frame.payload for found in received if found is not None]


@given(
    packet=st.builds(
        StreamPacket,
        frame_id=st.integers(0, 2**32 - 1),
        captured_at_us=st.integers(0, 2**32 - 1),
        sent_at_us=st.integers(0, 2**32 - 1),
        codec=st.sampled_from(StreamCodec),
        is_key=st.booleans(),
        rung=st.integers(0, 255),
        total_chunks=st.just(3),
        parity_chunks=st.just(2),
        chunk_index=st.integers(0, 4),
        frame_bytes=st.just(29),
        payload=st.binary(min_size=10, max_size=10),
    )
)
def test_a_packet_is_read_as_it_was_written(packet: StreamPacket) -> None:
    assert decode_stream_packet(encode_stream_packet(packet)) == packet


GOOD = StreamPacket(1, 2, 3, StreamCodec.JPEG, True, 0, 3, 2, 0, 29, bytes(10))


@pytest.mark.parametrize(
    "lie",
    [
        {"total_chunks": 0},
        {"total_chunks": 4097, "frame_bytes": 40_961},
        {"chunk_index": 5},
        {"parity_chunks": 4},
        {"frame_bytes": 0},
        {"frame_bytes": 31},
        {"frame_bytes": 20},
        {"frame_bytes": 2**32 - 1},
        {"payload": bytes(9)},
        {"payload": b""},
    ],
)
def test_a_packet_that_lies_is_refused(lie: dict[str, object]) -> None:
    fields = {name: getattr(GOOD, name) for name in GOOD.__struct_fields__}
    with pytest.raises(MalformedPacket):
        decode_stream_packet(encode_stream_packet(StreamPacket(**{**fields, **lie})))  # type: ignore[arg-type]


def test_an_unknown_codec_is_refused() -> None:
    data = bytearray(encode_stream_packet(GOOD))
    data[12] = 0x7F
    with pytest.raises(MalformedPacket, match="codec"):
        decode_stream_packet(bytes(data))


@given(st.binary(max_size=60))
def test_garbage_raises_only_what_is_documented(data: bytes) -> None:
    try:
        decode_stream_packet(data)
    except MalformedPacket:
        return


def test_chunks_of_a_frame_are_of_one_size() -> None:
    sizes = {len(packet.payload) for packet in packets_of(bytes(1001), parity=4)}
    assert sizes == {91}


def test_a_frame_that_does_not_fit_is_refused() -> None:
    with pytest.raises(MessageTooLarge):
        Packetiser(32).packetise(frame(bytes(8 * 4097)), 0, [0] * 4097)
    with pytest.raises(MessageTooLarge):
        Packetiser(32).packetise(frame(b""), 0, [])


@pytest.mark.parametrize("total", [1, 2, 63, 64, 65, 128, 129, 1000, 4096])
def test_blocks_are_equal_and_no_larger_than_they_may_be(total: int) -> None:
    blocks = block_count(total)
    sizes = [block_size(block, total) for block in range(blocks)]
    assert sum(sizes) == total
    assert max(sizes) <= 64
    assert max(sizes) - min(sizes) <= 1
    assert sizes == [sum(block_of(index, total) == block for index in range(total)) for block in range(blocks)]


@settings(max_examples=40)
@given(total=st.integers(1, 150), data=st.data())
def test_any_chunks_of_a_block_restore_it(total: int, data: st.DataObject) -> None:
    rng = random.Random(total)
    chunks = [rng.randbytes(7) for _ in range(total)]
    parity_count = data.draw(st.integers(0, total))
    all_chunks = dict(enumerate(chunks + parity_of(chunks, parity_count)))
    blocks = block_count(total)
    for block in range(blocks):
        mine = [index for index in all_chunks if block_of(index, total) == block]
        kept = rng.sample(mine, block_size(block, total))
        restored = restore_block(block, total, {index: all_chunks[index] for index in kept})
        assert restored == chunks[block::blocks]


def test_a_burst_hits_all_blocks_alike() -> None:
    lost = range(40, 48)
    assert {block_of(index, 256) for index in lost} == {0, 1, 2, 3}


@settings(max_examples=60)
@given(payload=st.binary(min_size=1, max_size=20_000), parity=st.integers(0, 30), seed=st.integers(0, 1000))
def test_a_frame_comes_back_from_any_sufficient_part(payload: bytes, parity: int, seed: int) -> None:
    parity = min(parity, Packetiser(124).chunks_of(len(payload)))
    packets = packets_of(payload, parity)
    random.Random(seed).shuffle(packets)
    reassembler = Reassembler(STREAM_ID)
    assert feed(reassembler, packets + packets) == [payload]
    assert reassembler.buffered_bytes == 0
    closed = reassembler.take_closed()
    assert [entry.is_complete for entry in closed] == [True]


def test_as_many_losses_as_parity_are_repaired_and_one_more_is_not() -> None:
    packets = packets_of(bytes(range(250)) * 4, parity=3)
    assert feed(Reassembler(STREAM_ID), packets[3:]) == [bytes(range(250)) * 4]
    assert feed(Reassembler(STREAM_ID), packets[4:]) == []


def test_a_frame_that_is_done_with_does_not_come_again_however_old_it_is() -> None:
    packetiser = Packetiser(124)
    reassembler = Reassembler(STREAM_ID)
    frames = []
    for frame_id in range(300):
        sent = Frame(frame_id, StreamCodec.OPUS, True, 0, bytes(80))
        frames.append(list(map(decode_stream_packet, packetiser.packetise(sent, 0, [0]))))
    for number, (packet,) in enumerate(frames):
        assert reassembler.receive(number, packet, 0.0) is not None
    for number, (packet,) in enumerate(frames):
        assert reassembler.receive(number, packet, 0.0) is None
    assert reassembler.open_frames == {}


def test_a_packet_that_contradicts_its_frame_is_dropped() -> None:
    packets = packets_of(b"a" * 300, parity=1)
    others = packets_of(b"b" * 400, parity=1)
    reassembler = Reassembler(STREAM_ID)
    assert feed(reassembler, [packets[0], others[1], *packets[1:3]]) == [b"a" * 300]
    other_place = Reassembler(STREAM_ID)
    assert feed(other_place, packets[:1]) == []
    assert feed(other_place, packets[1:3], first=7) == []


def test_only_so_many_frames_are_kept_open_and_the_oldest_goes() -> None:
    reassembler = Reassembler(STREAM_ID, max_frames=2)
    for frame_id in (1, 2, 3):
        feed(reassembler, packets_of(bytes(300), frame_id=frame_id)[:1], first=10 * frame_id)
    assert sorted(reassembler.open_frames) == [2, 3]
    assert feed(reassembler, packets_of(bytes(300), frame_id=1)[1:], first=10) == []


def test_memory_is_bounded_in_bytes() -> None:
    reassembler = Reassembler(STREAM_ID, max_bytes=5000)
    for frame_id in range(1, 20):
        feed(reassembler, packets_of(bytes(900), frame_id=frame_id)[:8], first=100 * frame_id)
        assert reassembler.buffered_bytes <= 5000


def test_what_never_came_is_told_when_a_frame_is_closed() -> None:
    reassembler = Reassembler(STREAM_ID)
    packets = packets_of(bytes(300), parity=1)
    feed(reassembler, [packets[0], packets[2], packets[3]], first=100)
    closed = reassembler.take_closed()[0]
    assert (closed.is_complete, closed.first_number, closed.missing_numbers) == (True, 100, [101])
    feed(reassembler, packets_of(bytes(300), frame_id=2)[:1], first=200)
    reassembler.give_up(2)
    assert reassembler.take_closed()[0].missing_numbers == [201, 202]
