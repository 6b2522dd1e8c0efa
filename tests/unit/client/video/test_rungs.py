"""Which sizes of a picture are offered."""

from __future__ import annotations

from functools import partial

import pytest

from lanline.client.video.rungs import only_encodable, plan_rungs
from lanline.errors import MediaProblem
from lanline.media.api import Codec, Size
from lanline.media.codecs.moving import check_size

takes_av1 = partial(check_size, Codec.AV1, 60, fps=20.0)


def test_the_usual_heights_are_offered_below_the_own_one() -> None:
    plans = plan_rungs(Codec.H264, Size(1280, 720), 20)
    assert [(plan.width, plan.height) for plan in plans] == [(426, 240), (852, 480), (1280, 720)]


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
