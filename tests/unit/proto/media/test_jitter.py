"""When frames are shown, and when they leave."""

from __future__ import annotations

import math

from lanline.proto.media.frame import Frame, ReceivedFrame
from lanline.proto.media.jitter import DEPENDENT, INTRA_ONLY, JitterBuffer, patience_s
from lanline.proto.media.pacing import Pacing, departures_us
from lanline.wire.video import StreamCodec

INTERVAL_S = 1 / 30
NOTHING = math.inf


def jpeg(frame_id: int, stream: bytes = b"one") -> ReceivedFrame:
    return ReceivedFrame(Frame(frame_id, StreamCodec.JPEG, True, 0, b"x"), stream, frame_id, frame_id + 1)


def h264(
    frame_id: int, *, is_key: bool = False, stream: bytes = b"one", first: int | None = None, rung: int = 0
) -> ReceivedFrame:
    first = frame_id if first is None else first
    return ReceivedFrame(Frame(frame_id, StreamCodec.H264, is_key, 0, b"x", rung), stream, first, first + 1)


def shown(buffer: JitterBuffer, awaited: float = NOTHING) -> list[int]:
    return [received.frame.frame_id for received in buffer.take(awaited)]


def with_frames(*frames: ReceivedFrame) -> JitterBuffer:
    buffer = JitterBuffer()
    for received in frames:
        buffer.add(received)
    return buffer


def test_a_complete_frame_is_shown_at_once() -> None:
    assert shown(with_frames(jpeg(5))) == [5]


def test_a_frame_waits_for_an_older_one_that_may_still_come() -> None:
    buffer = with_frames(jpeg(5), jpeg(7))
    assert shown(buffer, awaited=6) == [5]
    assert shown(buffer, awaited=6) == []
    buffer.add(jpeg(6))
    assert shown(buffer) == [6, 7]


def test_a_frame_older_than_what_is_shown_is_of_no_use() -> None:
    buffer = with_frames(jpeg(7))
    shown(buffer)
    buffer.add(jpeg(6))
    assert shown(buffer) == []
    assert buffer.skipped == 1


def test_after_a_stall_only_the_newest_pictures_are_shown_when_each_stands_alone() -> None:
    assert shown(with_frames(*map(jpeg, range(20)))) == list(range(12, 20))


def test_frames_that_depend_on_each_other_are_all_handed_on() -> None:
    frames = [h264(0, is_key=True), *map(h264, range(1, 20))]
    assert shown(with_frames(*frames)) == list(range(20))


def test_after_a_hole_nothing_is_shown_until_a_key_frame() -> None:
    buffer = with_frames(h264(0, is_key=True), h264(1), h264(3))
    assert shown(buffer) == [0, 1]
    assert buffer.needs_key
    buffer.add(h264(4))
    assert shown(buffer) == []
    buffer.add(h264(5, is_key=True))
    buffer.add(h264(6))
    assert shown(buffer) == [5, 6]
    assert not buffer.needs_key


def test_one_begins_with_a_key_frame() -> None:
    buffer = with_frames(h264(3))
    assert shown(buffer) == []
    assert buffer.needs_key


def test_a_source_that_skips_a_picture_is_no_hole() -> None:
    assert shown(with_frames(h264(0, is_key=True, first=10), h264(5, first=11))) == [0, 5]


def test_a_picture_still_for_want_of_a_key_frame_goes_on_with_one_whatever_is_awaited() -> None:
    buffer = with_frames(h264(0, is_key=True), h264(2))
    shown(buffer)
    buffer.add(h264(9, is_key=True))
    assert shown(buffer, awaited=5) == [9]


def test_the_key_frame_of_a_smaller_rung_waits_for_nothing_of_the_larger_one() -> None:
    buffer = with_frames(h264(0, is_key=True, rung=1))
    shown(buffer)
    buffer.add(h264(2, rung=1))
    buffer.add(h264(4, is_key=True, stream=b"two", first=0))
    buffer.add(h264(6, stream=b"two", first=2))
    assert shown(buffer, 1) == [4]
    assert not buffer.needs_key


def test_the_key_frame_of_a_larger_rung_waits_its_turn() -> None:
    buffer = with_frames(h264(0, is_key=True))
    shown(buffer)
    buffer.add(h264(2, is_key=True, stream=b"two", first=0, rung=1))
    assert shown(buffer, 1) == []


def test_a_change_of_rung_goes_on_from_its_key_frame_even_if_it_shows_the_same_picture() -> None:
    buffer = with_frames(h264(0, is_key=True), h264(1))
    shown(buffer)
    buffer.add(h264(1, is_key=True, stream=b"two", first=90))
    buffer.add(h264(2, stream=b"two", first=91))
    assert shown(buffer) == [1, 2]


def test_rungs_of_pictures_that_stand_alone_mix_freely() -> None:
    assert shown(with_frames(jpeg(1), jpeg(2, b"two"), jpeg(3), jpeg(2))) == [1, 2, 3]


def test_patience_is_the_base_delay_and_twice_the_jitter_within_bounds() -> None:
    assert round(patience_s(INTRA_ONLY, 0.020, 0.010), 6) == 0.110
    assert patience_s(INTRA_ONLY, 0.001, 0.0) == 0.040
    assert patience_s(INTRA_ONLY, 5.0, 5.0) == 0.450
    assert patience_s(DEPENDENT, 0.020, 0.0) == 0.130


# Pacing.


def leaves(packets: int, usual: float, *, is_calm: bool = False) -> list[float]:
    slices = Pacing(usual).slices_of(packets, INTERVAL_S, 0.0, is_calm=is_calm)
    assert [part.start for part in slices[1:]] == [part.stop for part in slices[:-1]]
    assert slices[-1].stop == packets
    return [round(part.leaves_at / INTERVAL_S, 3) for part in slices]


def test_a_small_frame_leaves_at_once() -> None:
    assert leaves(16, 16) == [0.0]


def test_a_large_frame_is_spread_over_half_an_interval() -> None:
    assert leaves(64, 64) == [0.0, 0.125, 0.25, 0.375]


def test_a_thin_rung_leaves_two_packets_at_a_time() -> None:
    slices = Pacing(6.0, is_thin=True).slices_of(6, 0.2, 0.0, is_calm=True)
    assert [(part.stop - part.start, round(part.leaves_at, 3)) for part in slices] == [(2, 0.0), (2, 0.033), (2, 0.067)]


def test_where_nothing_is_lost_slices_are_larger() -> None:
    assert leaves(32, 32, is_calm=True) == [0.0]


def test_a_key_frame_takes_as_much_longer_as_it_is_larger() -> None:
    assert leaves(64, 16)[-1] == 1.5
    assert leaves(640, 16)[-1] < 3.0


def test_the_next_frame_waits_until_a_large_one_is_out() -> None:
    pacing = Pacing(16)
    first = pacing.slices_of(64, INTERVAL_S, 0.0)
    second = pacing.slices_of(16, INTERVAL_S, INTERVAL_S)
    assert second[0].leaves_at >= first[-1].leaves_at > INTERVAL_S


def test_each_packet_says_when_it_leaves() -> None:
    slices = Pacing(64).slices_of(32, INTERVAL_S, 1.0)
    times = departures_us(slices)
    assert times == [1_000_000] * 16 + [round(slices[1].leaves_at * 1e6)] * 16
