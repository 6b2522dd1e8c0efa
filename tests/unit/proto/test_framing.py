from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanline.errors import ProtocolViolation
from lanline.proto.framing import PREFIX_BYTES, MessageParser, frame_message, frame_messages


def test_the_prefix_is_the_length_in_network_order() -> None:
    assert frame_message(b"abc") == b"\x00\x00\x00\x03abc"


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_a_batch_is_its_messages_one_after_another(payloads: list[bytes]) -> None:
    assert frame_messages(payloads) == b"".join(map(frame_message, payloads))


@given(st.lists(st.binary(max_size=300), max_size=20), st.lists(st.integers(1, 50), min_size=1))
def test_messages_survive_any_cut(payloads: list[bytes], sizes: list[int]) -> None:
    stream, parser, received, turn = frame_messages(payloads), MessageParser(300), [], 0
    while stream:
        size = sizes[turn % len(sizes)]
        received += parser.feed(stream[:size])
        stream, turn = stream[size:], turn + 1
    assert received == payloads
    assert parser.partial_bytes == 0


def test_a_message_is_given_with_its_last_byte() -> None:
    parser = MessageParser(10)
    stream = frame_message(b"hello")
    for position in range(len(stream) - 1):
        assert parser.feed(stream[position : position + 1]) == []
        assert parser.partial_bytes == position + 1
    assert parser.feed(stream[-1:]) == [b"hello"]
    assert parser.partial_bytes == 0


def test_several_messages_and_a_beginning_in_one_piece() -> None:
    parser = MessageParser(10)
    assert parser.feed(frame_messages([b"a", b"", b"c"]) + b"\x00\x00") == [b"a", b"", b"c"]
    assert parser.feed(b"\x00\x01d") == [b"d"]


def test_nothing_gives_nothing() -> None:
    parser = MessageParser(10)
    assert parser.feed(b"") == []
    assert parser.feed(b"\x00") == []
    assert parser.feed(b"") == []
    assert parser.partial_bytes == 1


@pytest.mark.parametrize("cut", [False, True])
def test_a_length_over_the_limit_is_refused_before_its_bytes_come(cut: bool) -> None:
    parser = MessageParser(10)
    prefix = (11).to_bytes(PREFIX_BYTES, "big")
    if cut:
        assert parser.feed(prefix[:3]) == []
        prefix = prefix[3:]
    with pytest.raises(ProtocolViolation, match="11 bytes"):
        parser.feed(prefix)


def test_the_limit_itself_is_allowed() -> None:
    assert MessageParser(10).feed(frame_message(bytes(10))) == [bytes(10)]


def test_a_large_message_in_small_pieces_takes_linear_time() -> None:
    parser = MessageParser(16 * 1024 * 1024)
    stream = frame_message(bytes(16 * 1024 * 1024))
    received: list[bytes] = []
    for position in range(0, len(stream), 16_384):
        received += parser.feed(stream[position : position + 16_384])
    assert list(map(len, received)) == [16 * 1024 * 1024]
