"""What is asked for again: exactly what is wanted, once it is surely missing, while a repair can still be in time."""

from __future__ import annotations

import math

from lanline.proto.media.holes import Arrival, Holes
from lanline.proto.media.nack import NackPlanner
from lanline.proto.media.pacing import UsualSize
from lanline.proto.media.packet import StreamPacket
from lanline.proto.media.reassembler import ClosedFrame, OpenFrame
from lanline.wire.video import StreamCodec

TOTAL = 9
RTT = 0.020
FAR = 10.0


def packet(frame_id: int, index: int, parity: int = 0) -> StreamPacket:
    return StreamPacket(frame_id, 0, 0, StreamCodec.JPEG, True, 0, TOTAL, parity, index, TOTAL * 10, bytes(10))


class Receiver:
    """Holes and planner with the frames that are open, as a stream has them."""

    def __init__(self, parity: int = 0) -> None:
        self.holes = Holes()
        self.planner = NackPlanner(self.holes, 1 / 30, UsualSize(TOTAL))
        self.parity = parity
        self.frames: dict[int, OpenFrame] = {}
        if parity:
            for _ in range(8):
                self.planner.on_closed(ClosedFrame(True, 0, TOTAL, parity, []))

    def get(self, frame_id: int, index: int, now: float) -> Arrival:
        number = frame_id * (TOTAL + self.parity) + index
        chunk = packet(frame_id, index, self.parity)
        arrival = self.holes.on_packet(number, chunk, now, round_trip_s=RTT)
        self.frames.setdefault(frame_id, OpenFrame(number, chunk, now)).add(chunk, now)
        return arrival

    def ask(self, now: float, deadline: float = FAR) -> list[int]:
        frames = [(frame, deadline) for frame in self.frames.values() if not frame.is_complete]
        gaps = [(gap, deadline) for gap in self.holes.gaps]
        return self.planner.plan(frames, gaps, now, RTT)


def test_exactly_what_is_missing_is_asked_for_once() -> None:
    receiver = Receiver()
    for index in (0, 1, 4, 5, 6, 7, 8):
        receiver.get(0, index, 0.0)
    assert receiver.ask(0.001) == []
    assert receiver.planner.next_look <= 0.0021
    assert receiver.ask(0.003) == [2, 3]
    assert receiver.ask(0.004) == []


def test_what_was_not_answered_is_asked_for_again_after_a_round_trip() -> None:
    receiver = Receiver()
    for index in range(1, TOTAL):
        receiver.get(0, index, 0.0)
    assert receiver.ask(0.003) == [0]
    assert receiver.ask(0.020) == []
    assert receiver.ask(0.040) == [0]


def test_nothing_is_asked_for_that_would_come_too_late() -> None:
    receiver = Receiver()
    for index in range(1, TOTAL):
        receiver.get(0, index, 0.0)
    assert receiver.ask(0.003, deadline=0.022) == []
    assert receiver.ask(0.003, deadline=0.024) == [0]


def test_the_end_of_a_frame_is_missed_without_a_later_packet() -> None:
    receiver = Receiver()
    for index in range(TOTAL - 2):
        receiver.get(0, index, 0.0)
    assert receiver.ask(0.0) == []
    assert receiver.planner.next_look < math.inf
    assert receiver.ask(receiver.planner.next_look) == [7, 8]


def test_parity_that_is_still_to_come_is_waited_for() -> None:
    receiver = Receiver(parity=2)
    for index in (0, 1, 3, 4):
        receiver.get(0, index, 0.0)
    receiver.get(0, 5, 0.0025)
    assert receiver.ask(0.003) == [], "two parity chunks are expected, and one is enough"


def test_only_what_parity_cannot_repair_is_asked_for() -> None:
    receiver = Receiver(parity=2)
    for index in (0, 1, 5, 6, 7, 8, 9, 10):
        receiver.get(0, index, 0.0)
    receiver.get(1, 0, 0.001)
    assert receiver.ask(0.004)[:1] == [2], "three are missing, two were repaired"
    assert len([number for number in receiver.holes.asked if number < 11]) == 1


def test_a_frame_that_is_lost_altogether_is_asked_for() -> None:
    receiver = Receiver()
    for index in range(TOTAL):
        receiver.get(0, index, 0.0)
    receiver.get(2, 0, 0.033)
    assert receiver.ask(0.036)[:TOTAL] == list(range(TOTAL, 2 * TOTAL))


def test_a_packet_of_a_lost_frame_says_which_numbers_it_has() -> None:
    receiver = Receiver()
    receiver.get(0, TOTAL - 1, 0.0)
    receiver.get(3, 0, 0.1)
    assert [(gap.first, gap.end) for gap in receiver.holes.gaps] == [(9, 27)]
    receiver.get(1, 4, 0.101)
    assert [(gap.first, gap.end) for gap in receiver.holes.gaps] == [(18, 27)]
    assert sorted(number for number in receiver.holes.missing if 9 <= number < 18) == [9, 10, 11, 12, 14, 15, 16, 17]


def test_reordering_is_learnt_and_then_waited_for() -> None:
    receiver = Receiver()
    receiver.get(0, 0, 0.0)
    receiver.get(0, 2, 0.0)
    assert receiver.get(0, 1, 0.008) is Arrival.LATE
    assert receiver.holes.wait_s == 0.010
    receiver.get(0, 4, 0.010)
    assert 3 not in receiver.ask(0.015)


def test_a_packet_that_was_only_late_is_recognised_when_its_repair_comes_too() -> None:
    receiver = Receiver()
    receiver.get(0, 0, 0.0)
    receiver.get(0, 2, 0.0)
    assert 1 in receiver.ask(0.003)
    assert receiver.get(0, 1, 0.020) is Arrival.REPAIR
    assert receiver.holes.wait_s < 0.003
    assert receiver.get(0, 1, 0.024) is Arrival.OTHER
    assert receiver.holes.wait_s > 0.020


def test_a_repair_tells_the_round_trip_unless_it_was_asked_for_twice() -> None:
    receiver = Receiver()
    receiver.get(0, 0, 0.0)
    receiver.get(0, 3, 0.0)
    receiver.ask(0.003)
    receiver.get(0, 1, 0.028)
    assert receiver.holes.round_trip_sample_s == 0.025
    receiver.ask(0.060)
    receiver.get(0, 2, 0.080)
    assert receiver.holes.round_trip_sample_s is None


def test_what_was_sent_while_nobody_listened_is_not_missing() -> None:
    receiver = Receiver()
    receiver.get(0, 0, 0.0)
    receiver.holes.begin_anew()
    receiver.get(5, 0, 1.0)
    assert (receiver.holes.missing, receiver.holes.gaps) == ({}, [])


def test_a_jump_too_long_to_be_repaired_is_a_new_beginning() -> None:
    receiver = Receiver()
    receiver.get(0, 0, 0.0)
    receiver.get(1000, 0, 1.0)
    assert (receiver.holes.missing, receiver.holes.gaps) == ({}, [])
