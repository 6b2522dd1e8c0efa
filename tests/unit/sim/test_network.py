"""The network around its paths: determinism, whose conditions hold where, partitions, and changes of address."""

from __future__ import annotations

import math
import random

import pytest

from lanline.testing.conditions import BernoulliLoss, Conditions, GilbertElliottLoss, HeavyTailedJitter
from lanline.testing.network import SimNetwork
from lanline.testing.trace import Address, Fate, first_difference

A, B, C = ("10.0.0.1", 1000), ("10.0.0.2", 2000), ("10.0.0.3", 3000)
MOVED = ("192.0.2.9", 9999)
QUIET = Conditions(latency_s=0.5)
DEAD = Conditions(loss=BernoulliLoss(1.0))
WILD = Conditions(
    jitter=HeavyTailedJitter(0.01),
    loss=GilbertElliottLoss.from_mean(0.2, 3.0),
    duplication=0.1,
    reordering=0.2,
    bit_flips=0.1,
    truncation=0.1,
    rate_bytes_per_s=100_000.0,
    queue_bytes=3_000,
    mtu_bytes=1_100,
)


def wild_run(seed: int, *, answers: int = 300) -> SimNetwork:
    network = SimNetwork(seed, WILD, keep_records=True)
    traffic = random.Random(0)
    for number in range(600):
        now = number * 0.005
        network.deliver_due(now)
        network.send(traffic.randbytes(traffic.randrange(1_200)), A, B, now)
        if number < answers:
            network.send(number.to_bytes(4, "big"), B, A, now)
    network.deliver_due(math.inf)
    return network


def received(network: SimNetwork, now: float = math.inf) -> list[bytes]:
    return [delivery.data for delivery in network.deliver_due(now)]


def test_same_seed_gives_the_same_trace_and_another_seed_another() -> None:
    one, same, other = wild_run(7), wild_run(7), wild_run(8)
    assert one.trace.records
    assert same.trace.records
    assert other.trace.records
    assert first_difference(one.trace.records, same.trace.records) is None
    assert one.trace.digest() == same.trace.digest()
    assert first_difference(one.trace.records, other.trace.records) is not None
    assert one.trace.digest() != other.trace.digest()
    assert all(one.trace.count(fate) for fate in Fate if fate not in {Fate.PARTITIONED, Fate.UNROUTED})


def test_traffic_of_one_direction_does_not_shift_the_luck_of_the_other() -> None:
    fates = []
    for answers in (0, 300):
        records = wild_run(7, answers=answers).trace.records or []
        fates.append([(record.time_s, record.fate, record.digest) for record in records if record.source == A])
    assert fates[0] == fates[1]


def test_simultaneous_arrivals_come_in_the_order_of_sending() -> None:
    network = SimNetwork(1, QUIET)
    for number in range(100):
        source, destination = random.Random(number).sample([A, B, C], 2)
        network.send(bytes([number]), source, destination, 1.0)
    assert received(network, 1.5) == [bytes([number]) for number in range(100)]


def test_time_never_runs_backwards() -> None:
    network = SimNetwork(1, QUIET)
    network.send(b"", A, B, 2.0)
    with pytest.raises(ValueError, match="the time is"):
        network.send(b"", A, B, 1.0)


def crossing(network: SimNetwork, now: float) -> set[tuple[str, str]]:
    """The directions in which a datagram gets through."""
    for source in (A, B, C):
        for destination in (A, B, C):
            if source != destination:
                network.send(b"", source, destination, now)
    return {(delivery.source[0], delivery.destination[0]) for delivery in network.deliver_due(now + 0.5)}


def test_conditions_hold_for_their_direction_only() -> None:
    network = SimNetwork(1, QUIET)
    everything = crossing(network, 0.0)
    assert len(everything) == 6
    network.set_conditions(A[0], B[0], DEAD)
    assert crossing(network, 1.0) == everything - {(A[0], B[0])}
    network.set_conditions(None, C[0], DEAD)
    assert crossing(network, 2.0) == everything - {(A[0], B[0]), (A[0], C[0]), (B[0], C[0])}
    network.set_conditions(A[0], None, QUIET)
    assert crossing(network, 3.0) == everything - {(B[0], C[0])}
    network.set_conditions(None, None, QUIET)
    assert crossing(network, 4.0) == everything


def test_conditions_hold_for_hosts_that_have_not_spoken_yet_and_the_newest_wins() -> None:
    network = SimNetwork(1, QUIET)
    network.set_conditions(A[0], None, DEAD)
    network.set_conditions(None, B[0], QUIET)
    assert crossing(network, 0.0) == {
        (A[0], B[0]), (B[0], A[0]), (B[0], C[0]), (C[0], A[0]), (C[0], B[0]),
    }  # fmt: skip


def test_conditions_that_are_set_again_are_the_newest() -> None:
    network = SimNetwork(1, QUIET)
    network.set_conditions(A[0], None, DEAD)
    network.set_conditions(None, B[0], QUIET)
    network.set_conditions(A[0], None, DEAD)
    assert (A[0], B[0]) not in crossing(network, 0.0)


def test_nothing_crosses_a_partition_that_was_sent_in_it_or_would_arrive_in_it() -> None:
    network = SimNetwork(1, QUIET)
    network.partition(10.0, 20.0)
    for now in (9.0, 9.5, 9.6, 10.0, 19.5, math.nextafter(20.0, 0.0), 20.0):
        network.send(str(now).encode(), A, B, now)
    assert received(network) == [b"9.0", b"20.0"]
    assert network.trace.count(Fate.PARTITIONED) == 5


@pytest.mark.parametrize(
    ("hosts", "one_way", "cut"),
    [
        ((A[0], B[0]), False, {(A[0], B[0]), (B[0], A[0])}),
        ((A[0], B[0]), True, {(A[0], B[0])}),
        ((A[0], None), False, {(A[0], B[0]), (A[0], C[0]), (B[0], A[0]), (C[0], A[0])}),
        ((None, A[0]), True, {(B[0], A[0]), (C[0], A[0])}),
    ],
)
def test_partition_cuts_its_directions_until_it_is_healed(
    hosts: tuple[str | None, str | None], one_way: bool, cut: set[tuple[str, str]]
) -> None:
    network = SimNetwork(1, QUIET)
    everything = crossing(network, 0.0)
    network.partition(1.0, math.inf, *hosts, one_way=one_way)
    assert crossing(network, 1.0) == everything - cut
    network.heal(C[0], B[0])
    assert crossing(network, 2.0) == everything - cut
    network.heal(*hosts)
    assert crossing(network, 3.0) == everything


def test_heal_without_hosts_forgets_every_partition() -> None:
    network = SimNetwork(1, QUIET)
    network.partition(0.0, math.inf, A[0], B[0])
    network.partition(0.0, math.inf)
    network.heal()
    assert len(crossing(network, 0.0)) == 6


def test_rebound_host_is_seen_and_reached_under_its_new_address_only() -> None:
    network = SimNetwork(1, QUIET)
    network.send(b"before", A, B, 0.0)
    network.rebind(A, MOVED)
    network.send(b"after", A, B, 0.0)
    network.send(b"to the old", B, A, 0.0)
    network.send(b"to the new", B, MOVED, 0.0)
    assert network.deliver_due(1.0) == [(b"before", A, B), (b"after", MOVED, B), (b"to the new", B, A)]
    assert network.trace.count(Fate.UNROUTED) == 1


def test_what_is_under_way_to_an_address_that_is_given_up_vanishes() -> None:
    network = SimNetwork(1, QUIET)
    network.send(b"too late", B, A, 0.0)
    network.rebind(A, MOVED)
    assert received(network) == []
    assert network.trace.count(Fate.UNROUTED) == 1


@pytest.mark.parametrize("named_as", [A, MOVED], ids=["own address", "public address"])
def test_host_may_be_rebound_again_and_come_back(named_as: Address) -> None:
    network = SimNetwork(1, QUIET)
    network.rebind(A, MOVED)
    network.rebind(named_as, A)
    network.send(b"home", A, B, 0.0)
    network.send(b"home", B, A, 0.0)
    network.send(b"gone", B, MOVED, 0.0)
    assert network.deliver_due(1.0) == [(b"home", A, B), (b"home", B, A)]


def test_address_that_was_given_up_may_go_to_another_host() -> None:
    network = SimNetwork(1, QUIET)
    network.rebind(A, MOVED)
    network.rebind(C, A)
    network.send(b"for whoever is there", B, A, 0.0)
    network.send(b"from there", C, B, 0.0)
    assert network.deliver_due(1.0) == [(b"for whoever is there", B, C), (b"from there", A, B)]


def test_own_address_means_its_host_even_while_another_one_shows_it() -> None:
    network = SimNetwork(1, QUIET)
    network.send(b"", A, B, 0.0)
    network.rebind(A, MOVED)
    network.rebind(C, A)
    network.rebind(A, ("192.0.2.10", 1))
    network.send(b"from A", A, B, 0.0)
    network.send(b"from C", C, B, 0.0)
    assert [delivery.source for delivery in network.deliver_due(1.0)] == [A, ("192.0.2.10", 1), A]


def test_address_in_use_is_not_given_to_a_second_host() -> None:
    network = SimNetwork(1, QUIET)
    network.rebind(A, MOVED)
    network.send(b"", C, B, 0.0)
    for taken in (MOVED, C):
        with pytest.raises(ValueError, match="belongs to"):
            network.rebind(B, taken)


def test_conditions_follow_a_host_to_its_new_address() -> None:
    network = SimNetwork(1, QUIET)
    network.set_conditions(None, A[0], DEAD)
    network.rebind(A, MOVED)
    network.send(b"", B, MOVED, 0.0)
    assert network.trace.count(Fate.LOST) == 1
