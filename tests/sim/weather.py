"""Bad networks and bad days drawn at random: conditions within what real links do, and what happens to them meanwhile.

Everything comes from the generator that is handed in. What is drawn are plain values; `schedule` alone touches a world.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from lanline.testing.conditions import BernoulliLoss, Conditions, GilbertElliottLoss, HeavyTailedJitter, UniformJitter
from lanline.testing.trace import Address
from lanline.testing.world import SimWorld

_LONGEST_PARTITION_S = 60.0
_SLOWEST_BYTES_PER_S = 8_000.0
_FASTEST_BYTES_PER_S = 12_500_000.0


@dataclass(frozen=True, slots=True)
class PartitionEvent:
    """Times count from the start of the schedule. One-way cuts only what the source sends."""

    at_s: float
    until_s: float
    source_host: str | None
    destination_host: str | None
    one_way: bool


@dataclass(frozen=True, slots=True)
class RebindEvent:
    at_s: float
    own_address: Address
    new_address: Address


@dataclass(frozen=True, slots=True)
class ConditionsEvent:
    at_s: float
    source_host: str | None
    destination_host: str | None
    conditions: Conditions


NetworkEvent = PartitionEvent | RebindEvent | ConditionsEvent


def random_conditions(rng: random.Random, *, max_loss: float = 0.3) -> Conditions:
    """A plausible bad network. Each trouble is absent now and then, so that they are met alone and together."""
    latency_s = log_uniform(rng, 0.0001, 0.4)
    rate = log_uniform(rng, _SLOWEST_BYTES_PER_S, _FASTEST_BYTES_PER_S) if rng.random() < 0.5 else None
    return Conditions(
        latency_s=latency_s,
        jitter=_random_jitter(rng, latency_s),
        keep_fifo=rng.random() < 0.5,
        loss=_random_loss(rng, max_loss),
        duplication=rng.uniform(0.0, 0.1) if rng.random() < 0.5 else 0.0,
        reordering=rng.uniform(0.0, 0.2) if rng.random() < 0.5 else 0.0,
        reordering_delay_s=log_uniform(rng, 0.001, 0.2),
        rate_bytes_per_s=rate,
        queue_bytes=_random_queue(rng, rate),
        mtu_bytes=rng.randint(600, 1199) if rng.random() < 0.1 else None,
    )


def log_uniform(rng: random.Random, low: float, high: float) -> float:
    """Every order of magnitude as likely as the next; rounding may not lead out of the bounds."""
    return min(high, max(low, math.exp(rng.uniform(math.log(low), math.log(high)))))


def _random_jitter(rng: random.Random, latency_s: float) -> UniformJitter | HeavyTailedJitter | None:
    kind = rng.randrange(3)
    if kind == 0:
        return None
    if kind == 1:
        return UniformJitter(rng.uniform(0.0, 2.0) * latency_s)
    return HeavyTailedJitter(scale_s=rng.uniform(0.05, 0.5) * latency_s, shape=rng.uniform(1.2, 2.5))


def _random_loss(rng: random.Random, max_loss: float) -> BernoulliLoss | GilbertElliottLoss | None:
    kind = rng.randrange(4)
    rate = rng.uniform(0.0, max_loss)
    if kind == 0 or rate == 0.0:
        return None
    if kind == 1:
        return BernoulliLoss(rate)
    # The second term is the shortest burst that can make up this mean at all.
    return GilbertElliottLoss.from_mean(rate, rng.uniform(1.0, 16.0) + rate / (1.0 - rate))


def _random_queue(rng: random.Random, rate_bytes_per_s: float | None) -> int:
    """From a shallow queue to a bloated one of two seconds, and always room for a few datagrams."""
    room_s = log_uniform(rng, 0.02, 2.0)
    return max(6_000, int(room_s * (rate_bytes_per_s or _FASTEST_BYTES_PER_S)))


def random_events(
    rng: random.Random, duration_s: float, addresses: Sequence[Address] = (), *, max_loss: float = 0.3
) -> list[NetworkEvent]:
    """A schedule for these nodes in order of time. Without addresses there are no rebindings, and all hosts are meant.

    Everything begins within the duration; a partition may outlast it.
    """
    hosts = sorted({address[0] for address in addresses})
    events: list[NetworkEvent] = [_random_partition(rng, duration_s, hosts) for _ in range(rng.randrange(4))]
    if addresses:
        events += [_random_rebind(rng, duration_s, addresses, number) for number in range(rng.randrange(4))]
    for _ in range(rng.randrange(4)):
        conditions = random_conditions(rng, max_loss=max_loss)
        events.append(ConditionsEvent(rng.uniform(0.0, duration_s), *_random_direction(rng, hosts), conditions))
    return sorted(events, key=lambda event: event.at_s)


def _random_direction(rng: random.Random, hosts: Sequence[str]) -> tuple[str | None, str | None]:
    if not hosts or rng.random() < 0.4:
        return None, None
    host = rng.choice(hosts)
    return (host, None) if rng.random() < 0.5 else (None, host)


def _random_partition(rng: random.Random, duration_s: float, hosts: Sequence[str]) -> PartitionEvent:
    start = rng.uniform(0.0, duration_s)
    length = log_uniform(rng, 0.01, _LONGEST_PARTITION_S)
    return PartitionEvent(start, start + length, *_random_direction(rng, hosts), one_way=rng.random() < 0.3)


def _random_rebind(rng: random.Random, duration_s: float, addresses: Sequence[Address], number: int) -> RebindEvent:
    """Another port, as from a NAT that forgot, or another host, as from a change of networks; each given out once."""
    own = rng.choice(addresses)
    forgotten, roamed = (own[0], 50_000 + number), (f"198.51.100.{1 + number}", own[1])
    new_address = forgotten if rng.random() < 0.5 else roamed
    return RebindEvent(rng.uniform(0.0, duration_s), own, new_address)


def schedule(world: SimWorld, events: Sequence[NetworkEvent]) -> None:
    """Let all of this happen, counted from now."""
    for event in events:
        world.at(world.now + event.at_s, partial(_apply, world, event))


def _apply(world: SimWorld, event: NetworkEvent) -> None:
    network = world.network
    if isinstance(event, ConditionsEvent):
        network.set_conditions(event.source_host, event.destination_host, event.conditions)
    elif isinstance(event, RebindEvent):
        network.rebind(event.own_address, event.new_address)
    else:
        until = world.now + event.until_s - event.at_s
        network.partition(world.now, until, event.source_host, event.destination_host, one_way=event.one_way)
