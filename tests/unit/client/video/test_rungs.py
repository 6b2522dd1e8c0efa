"""Which sizes of a picture are offered, and which are encoded when."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pytest

from lanline.client.video.rungs import RungEncoders, only_encodable, plan_rungs
from lanline.errors import MediaProblem
from lanline.media.api import Codec, EncodedFrame, Layout, Picture, Size
from lanline.media.codecs.moving import check_size
from lanline.proto.media.outgoingstream import StreamPlan

LIMIT_S = 60
THIN, *PLANS = plan_rungs(Codec.H264, Size(640, 480), 30.0)
takes_av1 = partial(check_size, Codec.AV1, 60, fps=20.0)
EVERY_US = 50_000


def ignore() -> None: ...


class Encoder:
    """Notes what is asked of it; `meanwhile` happens while it encodes."""

    def __init__(self) -> None:
        self.meanwhile: Callable[[], None] = ignore
        self.sizes: list[Size] = []
        self.keys = 0
        self.is_closed = False

    def encode(self, picture: Picture) -> list[EncodedFrame]:
        self.sizes.append(picture.size)
        self.meanwhile()
        return [EncodedFrame(Codec.H264, False, picture.captured_at_us, b"frame", 0, 0)]

    def request_key(self) -> None:
        self.keys += 1

    def set_bitrate(self, bits_per_s: int) -> None: ...

    def close(self) -> None:
        self.is_closed = True


class Desk:
    def __init__(self, plans: Sequence[StreamPlan] = (*PLANS, THIN)) -> None:
        self.opened: dict[int, list[Encoder]] = {}
        self.rungs = RungEncoders(plans, self._open, Layout.YUV)
        self._number = 0
        self.is_still = False

    def _open(self, rung: int) -> Encoder:
        self.opened.setdefault(rung, []).append(Encoder())
        return self.opened[rung][-1]

    def encode(self) -> list[int]:
        self._number += 1
        pixels = np.full((720, 640), 0 if self.is_still else self._number % 256, np.uint8)
        encoded = self.rungs.encode(Picture(pixels, Layout.YUV, self._number * EVERY_US))
        return [rung for rung, _ in encoded]


def test_the_usual_heights_below_the_source_and_its_own_are_planned() -> None:
    assert [(plan.width, plan.height, plan.every) for plan in PLANS] == [(320, 240, 1), (640, 480, 1)]


@pytest.mark.parametrize(("fps", "every"), [(60, 4), (20, 4), (5, 2), (4, 2), (3, 1), (1, 1)])
def test_the_smallest_size_is_planned_with_fewer_pictures_as_well_while_it_still_moves(fps: int, every: int) -> None:
    first, second, *_ = plan_rungs(Codec.H264, Size(640, 480), fps)
    assert first.every == every
    if every > 1:
        assert (first.width, first.height, second.every) == (second.width, second.height, 1)
        assert first.bits_per_s == pytest.approx(second.bits_per_s / every, rel=0.01)


def test_a_thin_rung_has_each_fourth_picture_and_begins_at_once() -> None:
    desk = Desk()
    desk.encode()
    desk.rungs.want(frozenset({2}))
    assert [bool(desk.encode()) for _ in range(9)] == [True, False, True, False, False, False, True, False, False]
    desk.rungs.request_key(2)
    assert desk.encode() == [2]
    assert desk.opened[2][0].keys == 1


def test_only_what_is_wanted_is_encoded_in_its_size_and_what_is_not_any_more_is_let_go() -> None:
    desk = Desk()
    assert desk.encode() == []
    desk.rungs.want(frozenset({0, 1}))
    assert desk.encode() == [0, 1]
    desk.rungs.want(frozenset({1}))
    assert desk.encode() == [1]
    assert desk.opened[0][0].is_closed
    assert desk.opened[0][0].sizes == [Size(320, 240)]
    assert desk.opened[1][0].sizes == [Size(640, 480)] * 2
    assert not desk.opened[1][0].is_closed


def test_a_key_frame_is_asked_of_its_own_rung_once() -> None:
    desk = Desk()
    desk.rungs.want(frozenset({0, 1}))
    desk.encode()
    desk.rungs.request_key(1)
    desk.encode()
    desk.encode()
    assert (desk.opened[0][0].keys, desk.opened[1][0].keys) == (0, 1)


def test_an_encoder_that_begins_with_a_key_frame_is_not_asked_for_another() -> None:
    desk = Desk()
    desk.rungs.want(frozenset({1}))
    desk.rungs.request_key(1)
    desk.encode()
    desk.encode()
    assert desk.opened[1][0].keys == 0


def test_a_key_frame_that_is_asked_for_in_another_thread_while_a_picture_is_encoded_comes_with_the_next() -> None:
    desk = Desk()
    desk.rungs.want(frozenset({1}))
    desk.encode()
    encoder = desk.opened[1][0]

    def ask() -> None:
        asking = threading.Thread(target=desk.rungs.request_key, args=[1])
        asking.start()
        asking.join(LIMIT_S)

    encoder.meanwhile = ask
    desk.encode()
    assert encoder.keys == 0
    encoder.meanwhile = ignore
    desk.encode()
    assert encoder.keys == 1


def test_it_comes_also_when_one_was_asked_for_before() -> None:
    desk = Desk()
    desk.rungs.want(frozenset({1}))
    desk.encode()
    encoder = desk.opened[1][0]
    encoder.meanwhile = lambda: desk.rungs.request_key(1)
    desk.rungs.request_key(1)
    desk.encode()
    encoder.meanwhile = ignore
    desk.encode()
    desk.encode()
    assert encoder.keys == 2


def test_one_that_is_asked_for_while_the_encoder_is_opened_is_not_lost() -> None:
    """Who asks may have come too late for the first frame."""
    desk = Desk()
    desk.rungs.want(frozenset({1}))
    made = desk._open

    def open_slowly(rung: int) -> Encoder:
        desk.rungs.request_key(rung)
        return made(rung)

    desk.rungs._make_encoder = open_slowly
    desk.encode()
    desk.encode()
    assert desk.opened[1][0].keys == 1


def test_a_size_that_the_codec_does_not_take_is_said_before_anybody_watches() -> None:
    with pytest.raises(MediaProblem, match=r"av1 cannot be encoded at 16x16 here.*--size"):
        only_encodable(plan_rungs(Codec.AV1, Size(16, 16), 20), lambda size: takes_av1(size=size))


def test_a_rung_that_is_too_narrow_for_the_codec_is_not_offered() -> None:
    plans = plan_rungs(Codec.AV1, Size(100, 720), 20)
    offered = only_encodable(plans, lambda size: takes_av1(size=size))
    assert [plan.height for plan in offered] == [480, 720]


def test_all_rungs_of_a_usual_picture_are_offered() -> None:
    plans = plan_rungs(Codec.AV1, Size(1280, 720), 20)
    assert only_encodable(plans, lambda size: takes_av1(size=size)) == plans


def test_jpeg_has_a_step_that_a_slow_radio_link_carries() -> None:
    smallest = plan_rungs(Codec.JPEG, Size(1280, 720), 30.0)[0]
    assert (smallest.width, smallest.height, smallest.every) == (212, 120, 4)
    assert smallest.bits_per_s < 0.85 * 300_000 / 2
    assert plan_rungs(Codec.H264, Size(1280, 720), 30.0)[0].height == 240
    assert [plan.height for plan in plan_rungs(Codec.JPEG, Size(160, 120), 30.0)] == [120, 120]


def test_a_picture_of_jpeg_that_does_not_change_is_encoded_once_and_again_for_who_asks() -> None:
    desk = Desk(plan_rungs(Codec.JPEG, Size(640, 480), 30.0))
    desk.rungs.want(frozenset({2, 3}))
    desk.is_still = True
    assert desk.encode() == [2, 3]
    assert (desk.encode(), desk.rungs.standing) == ([], [2, 3])
    desk.rungs.request_key(3)
    assert (desk.encode(), desk.rungs.standing) == ([3], [2])
    desk.is_still = False
    assert (desk.encode(), desk.rungs.standing) == ([2, 3], [])


def test_what_becomes_better_with_each_frame_is_encoded_for_a_while_though_nothing_changes() -> None:
    desk = Desk()
    desk.rungs.want(frozenset({1}))
    desk.is_still = True
    encoded = [bool(desk.encode()) for _ in range(100)]
    assert encoded == [True] * 30 + [False] * 70


def test_what_is_recorded_has_key_frames_by_itself_and_a_frame_each_second_though_nothing_changes() -> None:
    desk = Desk()
    desk.rungs.want(frozenset({1, 1 + 3}))
    pictures = 200
    for _ in range(pictures):
        desk.encode()
    watched, recorded = desk.opened[1]
    assert (watched.keys, recorded.keys) == (0, 2), "besides the first, each 3.5 of 10 seconds"
    desk.is_still = True
    still = [desk.encode() for _ in range(pictures)][40:]
    assert sum(1 in rungs for rungs in still) == 0
    assert 8 <= sum(4 in rungs for rungs in still) <= 11


def test_what_a_player_is_sent_goes_on_though_nothing_changes() -> None:
    desk = Desk()
    desk.rungs.want(frozenset({1}))
    desk.rungs.steady = frozenset({1})
    desk.is_still = True
    still = [desk.encode() for _ in range(200)][40:]
    assert 8 <= sum(map(bool, still)) <= 9
