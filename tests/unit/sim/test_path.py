"""Each condition of a direction: what must hold for every datagram exactly, and what in the mean within four sigma."""

from __future__ import annotations

import math
from itertools import groupby, pairwise

import pytest

from lanline.testing.conditions import BernoulliLoss, Conditions, GilbertElliottLoss, HeavyTailedJitter, UniformJitter
from lanline.testing.network import SimNetwork
from lanline.testing.trace import Fate

A, B = ("10.0.0.1", 1000), ("10.0.0.2", 2000)
COUNT = 20_000


def send_numbered(network: SimNetwork, count: int = COUNT, gap_s: float = 0.001) -> list[int]:
    """Send numbers from A to B; return those that arrived, in order of arrival."""
    for number in range(count):
        network.send(number.to_bytes(4, "big"), A, B, number * gap_s)
    return [int.from_bytes(delivery.data, "big") for delivery in network.deliver_due(math.inf)]


def delays(conditions: Conditions, count: int = COUNT) -> list[float]:
    network = SimNetwork(1, conditions)
    for number in range(count):
        network.send(b"x", A, B, float(number))
    found: list[float] = []
    while (arrival := network.next_arrival()) is not None:
        found += [arrival - len(found)] * len(network.deliver_due(arrival))
    return found


def four_sigma(rate: float, count: int = COUNT) -> float:
    return 4.0 * math.sqrt(rate * (1.0 - rate) / count)


def test_quiet_network_delivers_all_in_order_after_exactly_the_latency() -> None:
    network = SimNetwork(1, Conditions(latency_s=0.25))
    network.send(b"one", A, B, 1.0)
    network.send(b"two", A, B, 1.0)
    assert network.next_arrival() == 1.25
    assert network.deliver_due(math.nextafter(1.25, 0.0)) == []
    assert network.deliver_due(1.25) == [(b"one", A, B), (b"two", A, B)]
    assert network.next_arrival() is None


@pytest.mark.parametrize("rate", [0.01, 0.3])
def test_bernoulli_loss_has_its_rate_and_no_memory(rate: float) -> None:
    arrived = set(send_numbered(SimNetwork(1, Conditions(loss=BernoulliLoss(rate)))))
    lost = [number not in arrived for number in range(COUNT)]
    assert sum(lost) / COUNT == pytest.approx(rate, abs=four_sigma(rate))
    after_a_loss = [now for before, now in pairwise(lost) if before]
    assert sum(after_a_loss) / len(after_a_loss) == pytest.approx(rate, abs=four_sigma(rate, len(after_a_loss)))


@pytest.mark.parametrize(("rate", "burst_length"), [(0.05, 4.0), (0.3, 8.0)])
def test_burst_loss_has_its_rate_and_its_mean_burst_length(rate: float, burst_length: float) -> None:
    loss = GilbertElliottLoss.from_mean(rate, burst_length)
    arrived = set(send_numbered(SimNetwork(1, Conditions(loss=loss)), 100_000))
    runs = [(bad, len(list(run))) for bad, run in groupby(number not in arrived for number in range(100_000))]
    bursts = [length for bad, length in runs if bad]
    assert sum(bursts) / 100_000 == pytest.approx(rate, rel=0.1)
    assert sum(bursts) / len(bursts) == pytest.approx(burst_length, rel=0.1)


def test_burst_loss_spares_some_in_the_bad_state_and_takes_some_in_the_good_one() -> None:
    loss = GilbertElliottLoss(p_good_to_bad=0.02, p_bad_to_good=0.06, loss_in_bad=0.8, loss_in_good=0.04)
    arrived = send_numbered(SimNetwork(1, Conditions(loss=loss)), 100_000)
    assert 1.0 - len(arrived) / 100_000 == pytest.approx(0.25 * 0.8 + 0.75 * 0.04, rel=0.1)


def test_burst_loss_starts_in_the_bad_state_as_often_as_it_is_in_it() -> None:
    conditions = Conditions(loss=GilbertElliottLoss.from_mean(0.3, 1000.0))
    lost = sum(not send_numbered(SimNetwork(seed, conditions), 1) for seed in range(2_000))
    assert lost / 2_000 == pytest.approx(0.3, abs=four_sigma(0.3, 2_000))


def test_duplicates_come_at_their_rate_and_are_equal() -> None:
    network = SimNetwork(1, Conditions(duplication=0.1))
    arrived = send_numbered(network)
    assert set(arrived) == set(range(COUNT))
    assert (len(arrived) - COUNT) / COUNT == pytest.approx(0.1, abs=four_sigma(0.1))
    assert network.trace.count(Fate.DUPLICATED) == len(arrived) - COUNT


def test_uniform_jitter_fills_its_range_evenly() -> None:
    found = delays(Conditions(latency_s=0.1, jitter=UniformJitter(0.2)))
    assert 0.1 - 1e-9 <= min(found) < 0.101
    assert 0.299 < max(found) <= 0.3 + 1e-9
    assert sum(found) / COUNT == pytest.approx(0.2, abs=4 * 0.2 / math.sqrt(12 * COUNT))


def test_heavy_tailed_jitter_has_its_median_its_tail_and_its_cap() -> None:
    found = sorted(delays(Conditions(latency_s=0.1, jitter=HeavyTailedJitter(scale_s=0.01, shape=1.5, cap_s=0.5))))
    assert found[0] >= 0.1 - 1e-9
    assert found[COUNT // 2] - 0.1 == pytest.approx(0.01 * (2 ** (1 / 1.5) - 1), rel=0.05)
    # Pareto: the chance of an excess over 30 times the scale is 31 ** -shape.
    assert sum(delay - 0.1 > 0.3 for delay in found) / COUNT == pytest.approx(31**-1.5, rel=0.3)
    assert found[-1] == pytest.approx(0.6)


def test_jitter_reorders_unless_fifo_is_kept() -> None:
    jitter = UniformJitter(0.050)
    loose = send_numbered(SimNetwork(1, Conditions(jitter=jitter)), 1_000)
    strict = send_numbered(SimNetwork(1, Conditions(jitter=jitter, keep_fifo=True)), 1_000)
    assert loose != sorted(loose) == list(range(1_000))
    assert strict == list(range(1_000))


def test_fifo_holds_when_the_latency_falls() -> None:
    network = SimNetwork(1, Conditions(latency_s=1.0, keep_fifo=True))
    network.send(b"slow", A, B, 0.0)
    network.set_conditions(None, None, Conditions(latency_s=0.1, keep_fifo=True))
    network.send(b"quick", A, B, 0.5)
    assert [delivery.data for delivery in network.deliver_due(1.0)] == [b"slow", b"quick"]


@pytest.mark.parametrize("keep_fifo", [False, True])
def test_reordering_holds_back_its_share_by_its_delay(keep_fifo: bool) -> None:
    network = SimNetwork(1, Conditions(reordering=0.2, reordering_delay_s=0.0105, keep_fifo=keep_fifo))
    arrived = send_numbered(network)
    place = {number: index for index, number in enumerate(arrived)}
    overtaken = [number for number in range(COUNT - 11) if place[number] > place[number + 1]]
    assert sorted(arrived) == list(range(COUNT))
    assert network.trace.count(Fate.HELD_BACK) / COUNT == pytest.approx(0.2, abs=four_sigma(0.2))
    assert len(overtaken) / COUNT == pytest.approx(0.2 * 0.8, abs=four_sigma(0.16))
    # A hold of 10.5 gaps lets those pass that come within the next ten, and no later one.
    assert all(place[number] < place[number + 11] for number in range(COUNT - 11) if number + 11 not in overtaken)


def test_rate_limit_spaces_datagrams_and_drops_the_tail() -> None:
    network = SimNetwork(1, Conditions(latency_s=0.0, rate_bytes_per_s=1_000.0, queue_bytes=300))
    for number in range(5):
        network.send(bytes([number]) * 100, A, B, 0.0)
    assert network.trace.count(Fate.QUEUE_FULL) == 2
    arrivals = []
    while (arrival := network.next_arrival()) is not None:
        arrivals += [(round(arrival, 9), delivery.data[0]) for delivery in network.deliver_due(arrival)]
    assert arrivals == [(0.1, 0), (0.2, 1), (0.3, 2)]


def test_queue_takes_more_as_soon_as_the_line_has_taken_some() -> None:
    network = SimNetwork(1, Conditions(latency_s=0.0, rate_bytes_per_s=1_000.0, queue_bytes=200))
    network.send(bytes(125), A, B, 0.0)
    network.send(bytes(76), A, B, 0.0)
    network.send(bytes(75), A, B, 0.0)
    network.send(bytes(125), A, B, 0.124)
    assert network.trace.count(Fate.QUEUE_FULL) == 2
    network.send(bytes(125), A, B, 0.125)
    assert network.trace.count(Fate.QUEUE_FULL) == 2


def test_queue_is_the_hosts_and_the_other_direction_has_its_own() -> None:
    network = SimNetwork(1, Conditions(rate_bytes_per_s=1_000.0, queue_bytes=100))
    network.send(bytes(100), A, B, 0.0)
    network.send(bytes(100), (A[0], 1001), (B[0], 2001), 0.0)
    network.send(bytes(100), B, A, 0.0)
    assert network.trace.count(Fate.QUEUE_FULL) == 1
    assert [delivery.source for delivery in network.deliver_due(9.0)] == [A, B]


def test_black_hole_swallows_what_is_larger_than_the_mtu() -> None:
    network = SimNetwork(1, Conditions(mtu_bytes=1_000))
    for size in (999, 1_000, 1_001):
        network.send(bytes(size), A, B, 0.0)
    assert [len(delivery.data) for delivery in network.deliver_due(1.0)] == [999, 1_000]
    assert network.trace.count(Fate.TOO_LARGE) == 1


def test_flipped_bits_come_at_their_rate_one_to_eight_at_a_time() -> None:
    network = SimNetwork(1, Conditions(bit_flips=0.2))
    for number in range(COUNT):
        network.send(bytes(50), A, B, float(number))
    flips = [int.from_bytes(delivery.data, "big").bit_count() for delivery in network.deliver_due(math.inf)]
    assert len(flips) == COUNT
    assert set(flips) == set(range(9))
    assert sum(flip > 0 for flip in flips) / COUNT == pytest.approx(0.2, abs=four_sigma(0.2))


def test_truncated_datagrams_are_shorter_beginnings() -> None:
    network = SimNetwork(1, Conditions(truncation=0.5))
    whole = bytes(range(100))
    for number in range(COUNT):
        network.send(whole, A, B, float(number))
    arrived = [delivery.data for delivery in network.deliver_due(math.inf)]
    assert all(whole.startswith(data) for data in arrived)
    assert {len(data) for data in arrived} == set(range(101))
    assert sum(data != whole for data in arrived) / COUNT == pytest.approx(0.5, abs=four_sigma(0.5))


def test_empty_and_tiny_datagrams_survive_corruption() -> None:
    network = SimNetwork(1, Conditions(bit_flips=1.0, truncation=1.0))
    network.send(b"", A, B, 0.0)
    network.send(b"x", A, B, 0.0)
    assert [delivery.data for delivery in network.deliver_due(1.0)] == [b"", b""]
