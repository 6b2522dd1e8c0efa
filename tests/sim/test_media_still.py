"""A picture that does not change costs next to nothing, and is there all the same: for who joins late, for who lost the
last frame of it, after an outage, and in the size that the link carries.
"""

from __future__ import annotations

import pytest

from lanline.testing.conditions import BernoulliLoss, Conditions
from lanline.wire.video import StreamCodec, Subscribe
from sim.broadcast import SEEDS, Broadcast
from sim.test_media_recovery import TOP, broadcast

CODECS = [StreamCodec.JPEG, StreamCodec.H264]
MOST_BITS_PER_S = 200_000


def still(codec: StreamCodec, seed: int = 1, conditions: Conditions | None = None) -> Broadcast:
    """Since 3 s."""
    made = broadcast(codec, seed, conditions or Conditions())
    made.run(3.0)
    made.publisher.is_still = True
    return made


def bits_per_s(made: Broadcast, seconds: float, viewer: int = 0) -> float:
    address = (f"viewer{viewer}", 1)
    before = made.publisher.sent_bytes[address]
    made.run(seconds)
    return (made.publisher.sent_bytes[address] - before) * 8 / seconds


@pytest.mark.parametrize("codec", CODECS)
def test_it_costs_next_to_nothing_and_the_viewer_knows_that_all_is_well(codec: StreamCodec) -> None:
    made = still(codec)
    made.run(0.5)
    assert bits_per_s(made, 30.0) < MOST_BITS_PER_S / 20
    viewer = made.viewers[0]
    assert made.world.now - viewer.stood_at[-1] < 0.5
    assert viewer.viewer.statistics.asked_for == 0
    made.publisher.is_still = False
    made.run(2.0)
    assert made.share_shown(33.6, 35.0) == 1.0


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("seed", range(2 * SEEDS))
def test_the_last_frame_arrives_though_packets_are_lost(codec: StreamCodec, seed: int) -> None:
    made = still(codec, seed, Conditions(loss=BernoulliLoss(0.3)))
    made.run(0.1)
    last = min(frame_id for frame_id, at in made.publisher.captured.items() if at >= 3.0)
    made.run(2.0)
    assert made.viewers[0].shown[-1][0] >= last
    assert bits_per_s(made, 30.0) < MOST_BITS_PER_S


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("loss", [0.0, 0.2])
def test_who_joins_sees_it(codec: StreamCodec, loss: float) -> None:
    made = still(codec, 1, Conditions(loss=BernoulliLoss(loss)))
    made.run(5.0)
    late = made.add_viewer()
    made.run(2.0)
    assert late.shown
    assert late.shown[-1][1] == TOP


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("outage_s", [0.5, 6.0])
def test_what_changed_in_an_outage_is_seen_after_it(codec: StreamCodec, outage_s: float) -> None:
    made = still(codec)
    made.run(2.0)
    made.network.partition(5.0, 5.0 + outage_s)
    made.run(0.1)
    made.publisher.is_still = False
    made.run(0.1)
    made.publisher.is_still = True
    made.run(outage_s)
    changed_at = 5.2
    made.run(2.0)
    assert made.publisher.captured[made.viewers[0].shown[-1][0]] > changed_at - 0.1
    assert bits_per_s(made, 20.0) < MOST_BITS_PER_S


@pytest.mark.parametrize("codec", CODECS)
def test_it_becomes_large_again_where_the_link_does(codec: StreamCodec) -> None:
    made = broadcast(codec, 1, Conditions())
    made.run(3.0)
    made.network.set_conditions("publisher", None, Conditions(rate_bytes_per_s=400_000 / 8, queue_bytes=30_000))
    made.run(5.0)
    assert made.viewers[0].shown[-1][1] < TOP
    made.publisher.is_still = True
    made.network.set_conditions("publisher", None, Conditions())
    made.run(5.0)
    assert made.viewers[0].shown[-1][1] == TOP
    made.run(2.0)
    assert bits_per_s(made, 20.0) < MOST_BITS_PER_S


def test_who_watches_beside_a_recording_is_sent_no_key_frames_for_it() -> None:
    made = broadcast(StreamCodec.H264, 1, Conditions())
    made.add_viewer(Subscribe(records=True))
    made.run(9.0)
    watching, recording = made.viewers
    assert len(watching.keys) == 1, "to begin with"
    assert {rung for _, rung, _ in recording.shown} == {TOP}
    assert made.publisher.encoded.keys() == {TOP, TOP + 4}
    recording.viewer.request_key(made.world.now + recording.offset_s)
    made.run(1.0)
    assert (len(watching.keys), recording.keys[-1] > 9.0) == (1, True)


def test_who_records_alone_has_the_picture_encoded_once() -> None:
    made = broadcast(StreamCodec.H264, 1, Conditions())
    made.viewers[0].viewer._wants = Subscribe(records=True)
    made.run(3.0)
    assert made.publisher.encoded.keys() == {TOP + 4}
    assert made.share_shown(0.5, 2.5) == 1.0
