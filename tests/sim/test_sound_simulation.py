"""Sound beside pictures over bad networks in virtual time: what is heard when it is due, how late that is, and how far
the pictures are from it.

The bounds are what six seeds of 13 s came to, and a margin. 20 ms of sound are a frame; it is 20 ms old when it leaves.
"""

from __future__ import annotations

import random

import pytest

from lanline.proto.media.outgoingstream import StreamPlan
from lanline.testing.conditions import BernoulliLoss, Conditions, GilbertElliottLoss, HeavyTailedJitter, UniformJitter
from lanline.wire.video import StreamCodec, Subscribe
from sim.broadcast import OPUS, SEEDS, Broadcast, percentile
from sim.listening import Listening
from sim.weather import random_conditions

SECONDS = 16.0
BEGIN, END = 2.0, 15.0
FPS = 30.0
JPEG = [StreamPlan(StreamCodec.JPEG, 640, 480, 1_000_000)]
H264 = [StreamPlan(StreamCodec.H264, 1280, 720, 500_000)]
LADDER_RATES = ((240, 300_000), (480, 900_000), (720, 2_200_000), (1080, 5_500_000))


def ladder(codec: StreamCodec) -> list[StreamPlan]:
    return [StreamPlan(codec, height * 16 // 9, height, rate) for height, rate in LADDER_RATES]


def link(mbit: float, queue_bytes: int = 64_000) -> Conditions:
    return Conditions(rate_bytes_per_s=mbit * 125_000, queue_bytes=queue_bytes)


def handed_on_once_and_whole(broadcast: Broadcast) -> bool:
    return all(
        not node.damaged and len({number for number, _ in node.heard}) == len(node.heard) for node in broadcast.viewers
    )


@pytest.mark.parametrize(
    ("conditions", "most_delay_s"),
    [
        (Conditions(), 0.080),
        (Conditions(loss=BernoulliLoss(0.01)), 0.130),
        (Conditions(loss=BernoulliLoss(0.05)), 0.130),
        (Conditions(loss=BernoulliLoss(0.10)), 0.150),
        (Conditions(loss=BernoulliLoss(0.20)), 0.200),
        (Conditions(loss=GilbertElliottLoss.from_mean(0.05, 4.0)), 0.200),
        (Conditions(jitter=UniformJitter(0.03)), 0.120),
        (Conditions(jitter=HeavyTailedJitter(0.005)), 0.220),
        (Conditions(reordering=0.1, reordering_delay_s=0.02), 0.110),
        (Conditions(duplication=0.1), 0.080),
    ],
    ids=["calm", "1 %", "5 %", "10 %", "20 %", "bursts", "jitter", "heavy jitter", "reordering", "duplicates"],
)
@pytest.mark.parametrize(("seed", "plans"), [(1, JPEG), (2, H264)], ids=["jpeg", "h264"])
def test_sound_is_there_when_it_is_due_and_pictures_are_in_step_with_it(
    seed: int, plans: list[StreamPlan], conditions: Conditions, most_delay_s: float
) -> None:
    broadcast = Broadcast(seed, conditions, plans=plans, audio=OPUS)
    broadcast.run(SECONDS)
    assert handed_on_once_and_whole(broadcast)
    listening = Listening(broadcast)
    assert listening.share_heard(BEGIN, END) >= 0.99
    assert listening.longest_silence(BEGIN, END) <= 3
    assert listening.delays(BEGIN, END)[-1] <= most_delay_s
    offsets = listening.offsets(BEGIN, END)
    assert len(offsets) >= 0.85 * FPS * (END - BEGIN)
    assert abs(percentile(offsets, 0.99)) <= 0.020
    assert abs(offsets[-1]) <= 0.060


def test_what_is_repaired_far_away_is_there_when_it_is_due() -> None:
    conditions = Conditions(latency_s=0.050, loss=BernoulliLoss(0.05))
    broadcast = Broadcast(1, conditions, plans=H264, audio=OPUS)
    broadcast.run(SECONDS)
    listening = Listening(broadcast)
    assert listening.share_heard(BEGIN, END) >= 0.99
    assert listening.delays(BEGIN, END)[-1] <= 0.300


@pytest.mark.parametrize("codec", [StreamCodec.JPEG, StreamCodec.H264])
def test_a_link_that_narrows_and_the_change_of_rungs_cost_a_moment_of_sound(codec: StreamCodec) -> None:
    """The moment is the queue that pictures have filled: sound stands in it as everything does."""
    broadcast = Broadcast(1, link(8.0), plans=ladder(codec), audio=OPUS)
    broadcast.run(8.0)
    broadcast.network.set_conditions("publisher", None, link(2.0))
    broadcast.run(8.0)
    broadcast.network.set_conditions("publisher", None, link(8.0))
    broadcast.run(8.0)
    assert len(broadcast.rungs_shown(7.0, 24.0)) >= 4, "down and up again"
    assert handed_on_once_and_whole(broadcast)
    listening = Listening(broadcast)
    assert listening.share_heard(1.0, 8.0) == 1.0
    assert listening.share_heard(8.0, 16.0) >= 0.98
    assert listening.share_heard(16.0, 23.0) >= 0.995
    assert listening.longest_silence(1.0, 23.0) <= 8
    assert listening.delays(1.0, 23.0)[-1] <= 0.400
    assert abs(percentile(listening.offsets(1.0, 23.0), 0.98)) <= 0.020


@pytest.mark.parametrize(("mbit", "queue_bytes", "least_heard"), [(0.5, 64_000, 0.95), (0.5, 256_000, 0.78)])
def test_sound_survives_a_queue_of_seconds_and_is_near_again_when_it_has_gone(
    mbit: float, queue_bytes: int, least_heard: float
) -> None:
    """What was in the mouth while the queue of the network grew, nobody can hear in time."""
    broadcast = Broadcast(1, link(8.0, queue_bytes), plans=ladder(StreamCodec.JPEG)[:3], audio=OPUS)
    broadcast.run(6.0)
    broadcast.network.set_conditions("publisher", None, link(mbit, queue_bytes))
    broadcast.run(10.0)
    broadcast.network.set_conditions("publisher", None, link(8.0, queue_bytes))
    broadcast.run(24.0)
    assert handed_on_once_and_whole(broadcast)
    listening = Listening(broadcast)
    assert listening.share_heard(6.0, 16.0) >= least_heard
    assert listening.share_heard(36.0, 39.0) == 1.0
    assert listening.delays(36.0, 39.0)[-1] <= 0.500
    assert abs(percentile(listening.offsets(36.0, 39.0), 0.99)) <= 0.020


def test_a_rung_that_a_person_chooses_costs_no_sound() -> None:
    broadcast = Broadcast(1, Conditions(), plans=ladder(StreamCodec.H264), audio=OPUS)
    node = broadcast.viewers[0]
    for height in (240, 720, 480, 1080):
        broadcast.run(2.0)
        node.viewer.subscribe(broadcast.world.now + node.offset_s, Subscribe(max_height=height))
    broadcast.run(4.0)
    assert len({rung for _, rung in broadcast.rungs_shown(0.0, 12.0)}) == 4
    assert Listening(broadcast).share_heard(0.5, 11.0) == 1.0


def test_who_wants_no_sound_is_sent_none_and_takes_none_from_another() -> None:
    broadcast = Broadcast(1, Conditions(), audio=OPUS, viewers=2)
    deaf = broadcast.viewers[1]
    deaf.viewer.subscribe(0.0, Subscribe(wants_audio=False))
    broadcast.run(4.0)
    assert not deaf.heard
    assert Listening(broadcast).share_heard(0.5, 3.0) == 1.0


@pytest.mark.parametrize("seed", range(2 * SEEDS))
def test_in_any_weather_no_sound_is_handed_on_twice_or_damaged(seed: int) -> None:
    rng = random.Random(seed)
    plans = ladder(rng.choice([StreamCodec.JPEG, StreamCodec.H264]))[:2]
    broadcast = Broadcast(seed, random_conditions(rng), plans=plans, audio=OPUS)
    broadcast.network.set_conditions(None, "publisher", random_conditions(rng))
    broadcast.run(5.0)
    broadcast.network.set_conditions("publisher", None, random_conditions(rng))
    broadcast.run(5.0)
    assert handed_on_once_and_whole(broadcast)
