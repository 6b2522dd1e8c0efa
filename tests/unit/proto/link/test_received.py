"""Which packets arrived: every number once, and acknowledgements that say so at the right time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lanline.proto.link.frames import AckFrame, decode_frames
from lanline.proto.link.received import MAX_RANGES, ReceivedPackets


def received(ack_every: int = 2, ack_delay_s: float = 0.010) -> ReceivedPackets:
    return ReceivedPackets(ack_every, ack_delay_s)


def take(target: ReceivedPackets, now: float, room: int = 1000) -> AckFrame:
    (frame,) = decode_frames(target.take_ack(now, room))
    assert isinstance(frame, AckFrame)
    return frame


@given(st.lists(st.integers(0, 300), max_size=200))
def test_no_number_is_new_twice(arrivals: list[int]) -> None:
    target, seen = received(), set()
    for number in arrivals:
        if target.is_new(number):
            assert number not in seen
            seen.add(number)
            target.record(number, 0.0, 100, ack_eliciting=True)
        assert not target.is_new(number)
        assert target.is_new(max(seen) + 1)
        assert target.largest == max(seen)
        acknowledged = {each for first, last in take(target, 0.0).ranges for each in range(first, last + 1)}
        assert acknowledged <= seen
        assert max(seen) in acknowledged


def test_memory_of_gaps_is_bounded_and_what_is_below_counts_as_seen() -> None:
    target = received()
    for number in range(0, 100_000, 2):
        target.record(number, 0.0, 100, ack_eliciting=True)
    assert len(target._numbers) <= MAX_RANGES
    assert not any(target.is_new(number) for number in range(100_000 - 2 * MAX_RANGES - 2))
    assert target.is_new(99_997)


def test_single_packet_is_acknowledged_after_a_short_wait() -> None:
    target = received()
    target.record(0, 5.0, 100, ack_eliciting=True)
    assert not target.is_ack_due(5.0)
    assert target.deadline == 5.010
    assert target.is_ack_due(5.010)
    assert abs(take(target, 5.010).delay_s - 0.010) < 1e-5
    assert target.deadline is None
    assert not target.is_ack_due(9.0)


def test_second_packet_is_acknowledged_at_once() -> None:
    target = received()
    for number in range(2):
        target.record(number, 5.0, 100, ack_eliciting=True)
    assert target.is_ack_due(5.0)
    assert take(target, 5.0).ranges == [(0, 1)]


def test_large_packets_are_acknowledged_once_a_window_and_sooner_after_a_gap() -> None:
    target = received(ack_every=100)
    waits: list[bool] = []
    for number in [*range(4), *range(5, 13)]:  # one is missing
        target.record(number, 5.0, 16_000, ack_eliciting=True)
        waits.append(not target.is_ack_due(5.0))
        if not waits[-1]:
            take(target, 5.0)
    assert waits == [True, False] * 2 + [False] * 8
    # Then the link was idle, in which the window of its sender did not grow: it does by what comes now.
    for number in range(13, 68):  # up to 1 MB since the gap
        target.record(number, 16.0, 16_000, ack_eliciting=True)
        assert target.is_ack_due(16.0)
        take(target, 16.0)
    target.record(68, 16.0, 16_000, ack_eliciting=True)
    assert not target.is_ack_due(16.0)


def test_gap_and_late_packet_are_acknowledged_at_once() -> None:
    for late in (7, 3):
        target = received(ack_every=100)
        for number in range(6):
            if number != late:
                target.record(number, 5.0, 100, ack_eliciting=True)
        take(target, 5.0)
        target.record(late, 5.0, 100, ack_eliciting=True)
        assert target.is_ack_due(5.0)


def test_what_asks_for_no_acknowledgement_gets_none() -> None:
    target = received()
    for number in range(10):
        target.record(number, 5.0, 100, ack_eliciting=False)
    assert not target.is_ack_due(99.0)
    assert target.deadline is None
    assert target.ack_bytes == 0


def test_small_room_takes_the_highest_ranges() -> None:
    target = received()
    for number in range(0, 40, 2):
        target.record(number, 0.0, 100, ack_eliciting=True)
    encoded = target.take_ack(0.0, 40)
    assert len(encoded) <= 40
    (frame,) = decode_frames(encoded)
    assert isinstance(frame, AckFrame)
    assert frame.ranges == [(38, 38), (36, 36), (34, 34)]


def test_size_is_known_beforehand() -> None:
    target = received()
    for number in range(0, 200, 2):
        target.record(number, 0.0, 100, ack_eliciting=True)
        expected = target.ack_bytes
        assert len(target.take_ack(0.0, 1000)) == expected
