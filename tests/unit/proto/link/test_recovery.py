"""Packets in flight: what counts as lost, and when to ask. Acknowledgements are scripted."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanline.errors import ProtocolViolation
from lanline.proto.link.profile import LinkProfile
from lanline.proto.link.recovery import Recovery, SentPacket

RTT_S = 0.1


def sent(number: int, at: float, size: int = 100) -> SentPacket:
    return SentPacket(number, at, size, [], (), was_limited=False)


def recovery(count: int, gap_s: float = 0.001, profile: LinkProfile | None = None) -> Recovery:
    """`count` packets in flight, after one that measured the round trip."""
    target = Recovery(profile or LinkProfile(), RTT_S)
    target.on_sent(sent(0, -RTT_S))
    target.on_ack([(0, 0)], 0.0, 1, 0.0)
    for number in range(1, count + 1):
        target.on_sent(sent(number, number * gap_s))
    return target


def numbers(packets: list[SentPacket]) -> list[int]:
    return [packet.number for packet in packets]


def test_packet_overtaken_by_three_is_lost() -> None:
    target = recovery(10)
    arrived, lost = target.on_ack([(2, 3)], 0.0, 11, 0.1)
    assert (numbers(arrived), numbers(lost)) == ([3, 2], [])
    arrived, lost = target.on_ack([(2, 4)], 0.0, 11, 0.101)
    assert (numbers(arrived), numbers(lost)) == ([4], [1])
    assert target.in_flight_bytes == 600


def test_packet_overtaken_by_one_is_lost_after_a_little_more_than_a_round_trip() -> None:
    target = recovery(2)
    target.on_ack([(2, 2)], 0.0, 3, 0.102)
    deadline = target.deadline
    assert deadline is not None
    assert 0.1 < deadline <= 0.001 + 9 / 8 * 0.102 + 0.001
    lost, probes = target.on_deadline(deadline)
    assert (numbers(lost), probes) == ([1], 0)
    assert target.deadline is None


def test_reordered_ack_does_not_retransmit() -> None:
    target = recovery(10)
    target.on_ack([(1, 6)], 0.0, 11, 0.106)
    for ranges in ([(1, 2)], [(1, 4)], [(3, 5)]):
        assert target.on_ack(ranges, 0.0, 11, 0.107) == ([], [])
    assert numbers(list(target.in_flight.values())) == [7, 8, 9, 10]


def test_repeated_ack_settles_nothing_twice() -> None:
    target = recovery(3)
    target.on_ack([(1, 3)], 0.0, 4, 0.1)
    assert target.on_ack([(1, 3)], 0.0, 4, 0.1) == ([], [])
    assert target.in_flight_bytes == 0


def test_ack_of_a_packet_never_sent_is_a_violation() -> None:
    target = recovery(3)
    with pytest.raises(ProtocolViolation):
        target.on_ack([(4, 4)], 0.0, 4, 0.1)


def test_late_arrival_of_a_packet_given_up_makes_the_threshold_wider() -> None:
    target = recovery(20)
    _, lost = target.on_ack([(4, 4)], 0.0, 21, 0.1)
    assert numbers(lost) == [1]
    target.on_ack([(1, 4)], 0.0, 21, 0.101)
    _, lost = target.on_ack([(9, 9), (1, 4)], 0.0, 21, 0.102)
    # 6 now: 5 is four behind, and not lost yet.
    assert numbers(lost) == []
    _, lost = target.on_ack([(11, 11)], 0.0, 21, 0.103)
    assert numbers(lost) == [5]


def test_probes_come_after_ever_longer_waits() -> None:
    target = recovery(1, gap_s=0.0)
    now, waits = 0.0, []
    for _ in range(6):
        deadline = target.deadline
        assert deadline is not None
        waits.append(deadline - now)
        now = deadline
        assert target.on_deadline(now)[0] == []
    assert waits == sorted(waits)
    assert waits[0] > RTT_S
    assert waits[1] == pytest.approx(2 * waits[0])
    assert waits[-1] == 2.0
    assert target.timeouts == 6


def test_arrival_ends_a_row_of_timeouts() -> None:
    target = recovery(2)
    target.on_deadline(1.0)
    target.on_deadline(2.0)
    target.on_ack([(1, 1)], 0.0, 3, 2.1)
    assert target.timeouts == 0


def test_nothing_in_flight_has_no_deadline() -> None:
    target = recovery(2)
    target.on_ack([(1, 2)], 0.0, 3, 0.1)
    assert target.deadline is None
    assert target.in_flight_bytes == 0


def test_stale_loss_timer_is_gone_once_everything_arrived() -> None:
    target = recovery(20)
    target.on_ack([(4, 4)], 0.0, 21, 0.1)
    assert target.loss.rate > 0
    target.on_ack([(2, 20)], 0.0, 21, 0.101)
    target.on_sent(sent(21, 5.0))
    deadline = target.deadline
    assert deadline is not None
    assert deadline > 5.0
    assert target.on_deadline(deadline)[0] == []


def test_fixed_timeout_is_kept() -> None:
    target = recovery(1, gap_s=0.0, profile=LinkProfile.stop_and_wait())
    for number in range(1, 6):
        assert target.deadline == 0.5 * number
        assert target.on_deadline(0.5 * number) == ([], 1)


def test_last_words_on_a_lossy_path_are_asked_about_early_and_only_twice() -> None:
    target = recovery(1, gap_s=0.0)
    target.loss.update(60, 4, 0.0)
    waits, now = [], 0.0
    for _ in range(4):
        deadline = target.deadline
        assert deadline is not None
        waits.append(deadline - now)
        now = deadline
        target.on_deadline(now)
    assert waits[:2] == pytest.approx([RTT_S / 2, RTT_S / 2])
    assert waits[2] > RTT_S
    assert target.timeouts == 2


def test_acknowledgement_delay_is_not_taken_for_the_path() -> None:
    target = recovery(50, gap_s=0.1, profile=LinkProfile(ack_delay_s=0.010))
    for number in range(1, 51):
        target.on_ack([(number, number)], 0.010, 51, number * 0.1 + RTT_S + 0.012)
    assert target.round_trip.smoothed_s == pytest.approx(RTT_S + 0.002, rel=0.01)
    target = recovery(50, gap_s=0.1, profile=LinkProfile(ack_delay_s=0.010))
    for number in range(1, 51):
        # Nobody may claim more than is agreed, and shrink our timeouts by it.
        target.on_ack([(number, number)], 5.0, 51, number * 0.1 + RTT_S + 0.012)
    assert target.round_trip.smoothed_s == pytest.approx(RTT_S + 0.002, rel=0.01)


def test_wide_acknowledgement_costs_no_more_than_what_is_in_flight() -> None:
    target = recovery(3)
    target.on_sent(sent(10**9, 1.0))
    start = time.process_time()
    for _ in range(100):
        arrived, _ = target.on_ack([(4, 10**9 - 1)], 0.0, 10**9 + 1, 1.1)
        assert not arrived
    arrived, _ = target.on_ack([(2, 10**9)], 0.0, 10**9 + 1, 1.1)
    assert numbers(arrived) == [10**9, 3, 2]
    assert time.process_time() - start < 0.5


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 60), st.integers(0, 5)), max_size=80))
def test_every_packet_ends_once_and_bytes_add_up(steps: list[tuple[int, int, int]]) -> None:
    target, now, ended, next_number = Recovery(LinkProfile(), RTT_S), 0.0, set(), 0
    for action, amount, width in steps:
        now += amount / 500
        over: list[SentPacket] = []
        if action <= 1:
            target.on_sent(sent(next_number, now, 10 + amount))
            next_number += 1
        elif action == 2 and next_number:
            last = amount % next_number
            arrived, lost = target.on_ack([(max(0, last - width), last)], 0.001, next_number, now)
            over = arrived + lost
        else:
            deadline = target.deadline
            if deadline is not None:
                now = max(now, deadline)
                over, _ = target.on_deadline(now)
        for packet in over:
            assert packet.number not in ended
            ended.add(packet.number)
        assert set(target.in_flight) == set(range(next_number)) - ended
        assert target.in_flight_bytes == sum(packet.size_bytes for packet in target.in_flight.values())
        assert (target.deadline is None) == (not target.in_flight)
