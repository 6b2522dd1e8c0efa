"""Random networks stay within what was promised, show every kind of trouble, and are the same for the same seed."""

from __future__ import annotations

import random

import pytest

from lanline.testing.conditions import BernoulliLoss, Conditions, GilbertElliottLoss, HeavyTailedJitter, UniformJitter
from lanline.testing.network import SimNetwork
from lanline.testing.world import SimWorld
from sim.weather import (
    ConditionsEvent,
    NetworkEvent,
    PartitionEvent,
    RebindEvent,
    random_conditions,
    random_events,
    schedule,
)

A, B = ("10.0.0.1", 1000), ("10.0.0.2", 2000)


def drawn_conditions(count: int = 3_000) -> list[Conditions]:
    return [random_conditions(random.Random(seed)) for seed in range(count)]


def drawn_events(count: int = 1_000) -> list[NetworkEvent]:
    return [event for seed in range(count) for event in random_events(random.Random(seed), 30.0, [A, B])]


def mean_loss(conditions: Conditions) -> float:
    loss = conditions.loss
    if isinstance(loss, GilbertElliottLoss):
        return loss.share_bad * loss.loss_in_bad
    return loss.rate if loss else 0.0


def test_random_conditions_stay_in_bounds_and_reach_for_them() -> None:
    drawn = drawn_conditions()
    latencies = [conditions.latency_s for conditions in drawn]
    assert 0.0001 <= min(latencies) < 0.00011
    assert 0.35 < max(latencies) <= 0.4
    assert 0.29 < max(map(mean_loss, drawn)) <= 0.3
    assert 0.09 < max(conditions.duplication for conditions in drawn) <= 0.1
    assert 0.19 < max(conditions.reordering for conditions in drawn) <= 0.2
    assert 8_000 <= min(conditions.rate_bytes_per_s or 1e9 for conditions in drawn) < 8_500
    holes = [conditions.mtu_bytes for conditions in drawn if conditions.mtu_bytes]
    assert 600 <= min(holes) < max(holes) <= 1_199
    assert 0.05 < len(holes) / len(drawn) < 0.15


def test_random_conditions_show_every_kind_and_leave_corruption_out() -> None:
    drawn = drawn_conditions(200)
    assert {type(conditions.loss) for conditions in drawn} == {type(None), BernoulliLoss, GilbertElliottLoss}
    assert {type(conditions.jitter) for conditions in drawn} == {type(None), UniformJitter, HeavyTailedJitter}
    assert {conditions.keep_fifo for conditions in drawn} == {False, True}
    assert {conditions.rate_bytes_per_s is None for conditions in drawn} == {False, True}
    assert not any(conditions.bit_flips or conditions.truncation for conditions in drawn)


@pytest.mark.parametrize("max_loss", [0.0, 0.05, 0.9])
def test_random_loss_keeps_to_its_limit(max_loss: float) -> None:
    drawn = [random_conditions(random.Random(seed), max_loss=max_loss) for seed in range(500)]
    assert max(map(mean_loss, drawn)) <= max_loss


def test_same_seed_draws_the_same_network_and_day() -> None:
    assert random_conditions(random.Random(5)) == random_conditions(random.Random(5))
    assert random_events(random.Random(5), 9.0, [A, B]) == random_events(random.Random(5), 9.0, [A, B])
    assert len(set(drawn_conditions(50))) == 50


def test_random_events_are_of_every_kind_in_order_and_within_the_duration() -> None:
    drawn = drawn_events()
    assert {type(event) for event in drawn} == {PartitionEvent, RebindEvent, ConditionsEvent}
    assert all(0.0 <= event.at_s <= 30.0 for event in drawn)
    one_day = random_events(random.Random(3), 30.0, [A, B])
    assert one_day == sorted(one_day, key=lambda event: event.at_s)


def test_random_partitions_last_up_to_a_minute_both_ways_and_one_way() -> None:
    drawn = [event for event in drawn_events() if isinstance(event, PartitionEvent)]
    assert 50.0 < max(event.until_s - event.at_s for event in drawn) <= 60.0 + 1e-9
    assert {event.one_way for event in drawn} == {False, True}
    assert {event.source_host for event in drawn} == {None, A[0], B[0]}


def test_random_rebindings_give_each_address_once_a_day() -> None:
    for seed in range(200):
        day = [event for event in random_events(random.Random(seed), 30.0, [A, B]) if isinstance(event, RebindEvent)]
        assert len({event.new_address for event in day} | {A, B}) == len(day) + 2


def test_events_without_addresses_mean_everybody() -> None:
    drawn = [event for seed in range(200) for event in random_events(random.Random(seed), 30.0)]
    assert {type(event) for event in drawn} == {PartitionEvent, ConditionsEvent}
    assert not any(event.source_host or event.destination_host for event in drawn if not isinstance(event, RebindEvent))


def test_schedule_lets_events_happen_at_their_times_counted_from_now() -> None:
    world = SimWorld(SimNetwork(1, Conditions(latency_s=0.0)), start=100.0)
    moved = ("198.51.100.1", 1000)
    schedule(
        world,
        [
            PartitionEvent(1.0, 2.0, A[0], None, one_way=False),
            RebindEvent(3.0, A, moved),
            ConditionsEvent(4.0, None, None, Conditions(latency_s=0.0, mtu_bytes=1)),
        ],
    )
    seen = []
    for _ in range(5):
        world.run_for(0.5)
        world.network.send(b"ab", A, B, world.now)
        seen += [(world.now, delivery.source) for delivery in world.network.deliver_due(world.now)]
        world.run_for(0.5)
    assert seen == [(100.5, A), (102.5, A), (103.5, moved)]
