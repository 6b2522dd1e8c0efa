"""The receiving half of a stream against a model: every message once and in order, and no more held than allowed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanline.errors import ProtocolViolation
from lanline.proto.framing import frame_messages
from lanline.proto.link.receivestream import ReceiveStream


def stream(window: int = 10_000, initial_limit: int | None = None) -> ReceiveStream:
    return ReceiveStream(window, 5_000, window if initial_limit is None else initial_limit)


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=60), max_size=20), st.data())
def test_messages_come_out_once_and_in_order_however_the_stream_is_cut(
    messages: list[bytes], data: st.DataObject
) -> None:
    wire = frame_messages(messages)
    receiver, received = stream(), []
    cuts = st.tuples(st.integers(0, max(0, len(wire) - 1)), st.integers(1, 80))
    pieces = data.draw(st.lists(cuts, max_size=40)) if wire else []
    regular = [(at, 17) for at in range(0, len(wire), 17)]
    for at, size in [*pieces, *data.draw(st.permutations(regular))]:
        for message in receiver.receive(at, wire[at : at + size]):
            received.append(message)
            receiver.release(len(message))
    assert received == messages
    assert not receiver._pending
    assert not receiver._offsets
    assert receiver._pending_cost == receiver._held_bytes == 0


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 11_000), st.binary(min_size=1, max_size=300)), max_size=200))
def test_anything_on_a_stream_is_taken_or_a_violation(chunks: list[tuple[int, bytes]]) -> None:
    receiver = stream()
    try:
        for offset, data in chunks:
            receiver.receive(offset, data)
            assert sum(map(len, (receiver._pending or {}).values())) <= 2 * 10_000
            assert sorted(receiver._offsets) == sorted(receiver._pending or {})
    except ProtocolViolation:
        pass


def test_byte_beyond_the_limit_is_a_violation() -> None:
    receiver = stream(initial_limit=100)
    receiver.receive(90, b"x" * 10)
    with pytest.raises(ProtocolViolation, match="allowed"):
        receiver.receive(91, b"x" * 10)


def test_limit_grows_with_what_is_released_and_not_before() -> None:
    receiver = stream(window=1000)
    assert receiver.receive(0, frame_messages([bytes(396)])) == [bytes(396)]
    assert receiver.take_limit() is None
    receiver.release(396)
    assert receiver.take_limit() == 1400
    assert receiver.take_limit() is None
    assert receiver.limit == 1400


def test_message_larger_than_the_window_gets_through() -> None:
    receiver = stream(window=1000)
    wire, at, received = frame_messages([bytes(4_000)]), 0, []
    while at < len(wire):
        size = min(100, receiver.limit - at)
        assert size > 0
        received += receiver.receive(at, wire[at : at + size])
        at += size
        receiver.take_limit()
    assert received == [bytes(4_000)]


def test_releasing_more_than_was_received_gives_no_credit() -> None:
    receiver = stream(window=1000)
    receiver.release(10**9)
    assert receiver.take_limit() is None


def test_many_held_chunks_do_not_slow_down_what_comes_in_order() -> None:
    receiver = ReceiveStream(2**20, 2**20, 2**20)
    for offset in range(30_000, 60_000, 2):
        receiver.receive(offset, b"x")
    start = time.process_time()
    for offset in range(5_000):
        receiver.receive(offset, b"\0")
    # A search through all that is held would take seconds.
    assert time.process_time() - start < 0.5


def test_a_sender_that_is_trusted_with_more_gets_it_though_nothing_was_said_meanwhile() -> None:
    receiver = ReceiveStream(100, 100, 100)
    receiver.receive(0, frame_messages([b"hello"]))
    receiver.release(5)
    receiver.widen(1000, 5_000, 400)
    assert receiver.receive(9, frame_messages([bytes(300)])) == [bytes(300)]
    assert receiver.take_limit() == 1009
