"""The virtual clock: what happens when, in which order, and how a node that goes nowhere is caught."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pytest

from lanline.testing.conditions import BernoulliLoss, Conditions, UniformJitter
from lanline.testing.network import SimNetwork
from lanline.testing.trace import Address, Fate
from lanline.testing.world import SimulationStuck, SimWorld

A, B = ("10.0.0.1", 1000), ("10.0.0.2", 2000)


class Node:
    """Does nothing by itself, and notes what it is called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.events: list[Any] = []
        self.outgoing: list[tuple[bytes, Address]] = []
        self.deadline: float | None = None
        self.on_datagram: Callable[[bytes, Address, float], None] = lambda *_: None
        self.on_timer: Callable[[float], None] = lambda _: setattr(self, "deadline", None)

    def receive_datagram(self, data: bytes, address: Address, now: float) -> None:
        self.calls.append(("datagram", data, address, now))
        self.on_datagram(data, address, now)

    def handle_timer(self, now: float) -> None:
        self.calls.append(("timer", now))
        self.on_timer(now)

    def datagrams_to_send(self, now: float) -> Iterable[tuple[bytes, Address]]:
        taken, self.outgoing = self.outgoing, []
        return taken

    def next_event(self) -> Any | None:
        return self.events.pop(0) if self.events else None

    def next_deadline(self) -> float | None:
        return self.deadline


class Pair:
    """Two silent nodes, a second apart."""

    def __init__(self, conditions: Conditions | None = None, **settings: Any) -> None:
        self.network = SimNetwork(11, conditions or Conditions(latency_s=1.0), keep_records=True)
        self.world = SimWorld(self.network, **settings)
        self.a, self.b = Node(), Node()
        self.happened: list[Any] = []
        self.node_a = self.world.add("alice", self.a, A, lambda event, now: self.happened.append((event, now)))
        self.node_b = self.world.add("bob", self.b, B)


def test_datagram_arrives_with_its_source_at_its_time() -> None:
    pair = Pair(start=50.0)
    pair.a.outgoing.append((b"hi", B))
    assert pair.world.run_until(lambda: bool(pair.b.calls), 10.0)
    assert pair.b.calls == [("datagram", b"hi", A, 51.0)]
    assert pair.world.now == 51.0


def test_timer_fires_at_its_deadline_also_after_it_was_moved() -> None:
    pair = Pair()
    pair.a.deadline = 5.0
    pair.world.at(1.0, lambda: setattr(pair.a, "deadline", 7.0))
    pair.world.at(2.0, lambda: setattr(pair.a, "deadline", 3.0))
    pair.world.at(2.5, lambda: setattr(pair.b, "deadline", 4.0))
    pair.world.at(2.6, lambda: setattr(pair.b, "deadline", None))
    pair.world.run_for(100.0)
    assert pair.a.calls == [("timer", 3.0)]
    assert pair.b.calls == []
    assert pair.world.now == 100.0


def test_deadline_that_comes_closer_overtakes_that_of_another_node() -> None:
    pair = Pair()
    pair.a.deadline, pair.b.deadline = 10.0, 7.0
    pair.world.at(1.0, lambda: setattr(pair.a, "deadline", 5.0))
    pair.world.run_for(100.0)
    assert (pair.a.calls, pair.b.calls) == ([("timer", 5.0)], [("timer", 7.0)])


def test_later_deadline_replaces_an_earlier_one() -> None:
    pair = Pair()
    pair.a.deadline = 5.0
    pair.world.at(1.0, lambda: setattr(pair.a, "deadline", 7.0))
    pair.world.run_for(100.0)
    assert pair.a.calls == [("timer", 7.0)]


def test_overdue_deadline_is_handled_now() -> None:
    pair = Pair(start=50.0)
    pair.a.deadline = 3.0
    pair.world.run_for(1.0)
    assert pair.a.calls == [("timer", 50.0)]


def test_actions_come_before_arrivals_and_these_before_timers_of_one_instant() -> None:
    pair = Pair()
    pair.a.outgoing.append((b"hi", B))
    pair.b.deadline = 1.0
    pair.world.at(1.0, lambda: pair.b.calls.append(("action",)))
    pair.world.at(1.0, lambda: pair.b.calls.append(("second action",)))
    pair.world.run_for(1.0)
    assert [call[0] for call in pair.b.calls] == ["action", "second action", "datagram", "timer"]


def test_drain_takes_events_first_and_then_all_that_they_cause() -> None:
    pair = Pair()
    order: list[str] = []

    def on_event(event: str, now: float) -> None:
        order.append(event)
        if event == "first":
            pair.b.outgoing.append((b"because of first", A))
            pair.b.events.append("second")

    pair.node_b.on_event = on_event
    pair.b.on_datagram = lambda *_: pair.b.events.append("first")
    pair.a.outgoing.append((b"hi", B))
    pair.world.run_for(2.0)
    assert order == ["first", "second"]
    assert pair.a.calls == [("datagram", b"because of first", B, 2.0)]


def test_events_that_sending_makes_are_handled_in_the_same_drain() -> None:
    pair = Pair()

    def datagrams_to_send(now: float) -> Iterable[tuple[bytes, Address]]:
        if not pair.happened:
            pair.a.events.append("sent")
            yield b"hi", B

    pair.a.datagrams_to_send = datagrams_to_send  # type: ignore[method-assign]
    pair.world.drain()
    assert pair.happened == [("sent", 0.0)]


def test_every_datagram_of_a_batch_is_drained_by_itself() -> None:
    pair = Pair()
    pair.b.on_datagram = lambda data, address, _: pair.b.outgoing.append((b"re: " + data, address))
    pair.a.outgoing += [(b"one", B), (b"two", B)]
    pair.world.run_for(1.0)
    sent = [record.serial for record in pair.network.trace.records or [] if record.source == B]
    assert [call[1] for call in pair.b.calls] == [b"one", b"two"]
    assert sent == [3, 4]


def test_run_until_gives_up_at_its_limit_and_goes_on_from_there() -> None:
    pair = Pair()
    pair.a.deadline = 5.0
    assert not pair.world.run_until(lambda: bool(pair.a.calls), 4.0)
    assert pair.world.now == 4.0
    assert pair.world.run_until(lambda: bool(pair.a.calls), 4.0)
    assert pair.world.now == 5.0


def test_action_for_one_node_drains_that_one_only() -> None:
    pair = Pair()
    pair.world.run_for(1.0)
    pair.a.outgoing.append((b"waits", B))
    pair.world.at(1.5, lambda: pair.b.outgoing.append((b"goes", A)), pair.node_b)
    pair.world.step()
    assert [record.source for record in pair.network.trace.records or []] == [B]


def test_action_in_the_past_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot act"):
        Pair(start=5.0).world.at(4.0, lambda: None)


def test_removed_node_hears_nothing_and_its_successor_takes_over() -> None:
    pair = Pair()
    pair.b.deadline = 1.5
    pair.a.outgoing.append((b"for nobody", B))
    pair.world.at(0.5, lambda: pair.world.remove(pair.node_b))
    pair.world.run_for(1.5)
    successor = Node()
    pair.world.add("bob again", successor, B)
    pair.a.outgoing.append((b"for the new one", B))
    pair.world.run_for(1.0)
    assert pair.b.calls == []
    assert [call[1] for call in successor.calls] == [b"for the new one"]


def test_address_is_given_to_one_node_only() -> None:
    pair = Pair()
    with pytest.raises(ValueError, match="alice"):
        pair.world.add("mallory", Node(), A)


@pytest.mark.parametrize("deadline", [2.0, 1.0, -math.inf], ids=["now", "in the past", "before all time"])
def test_deadline_that_does_not_move_is_a_livelock_with_a_name(deadline: float) -> None:
    pair = Pair(timers_at_one_instant=30)
    pair.a.on_timer = lambda _: None
    pair.world.at(2.0, lambda: setattr(pair.a, "deadline", deadline))
    with pytest.raises(SimulationStuck, match=r"alice had its timer handled 30 times.*virtual time 2\.0.*seed 11"):
        pair.world.run_for(10.0)
    assert len(pair.a.calls) == 30


def test_many_timers_at_different_times_are_no_livelock() -> None:
    pair = Pair(timers_at_one_instant=3)
    pair.a.deadline = 0.0
    pair.a.on_timer = lambda now: setattr(pair.a, "deadline", now + 0.001)
    pair.world.run_for(1.0)
    assert len(pair.a.calls) > 900


@pytest.mark.parametrize("endless", ["events", "datagrams"])
def test_drain_that_never_ends_is_caught(endless: str) -> None:
    pair = Pair()
    if endless == "events":
        pair.a.next_event = lambda: "again"  # type: ignore[method-assign]
        pair.node_a.on_event = lambda *_: None
    else:
        pair.a.datagrams_to_send = lambda now: [(b"again", B)]  # type: ignore[method-assign]
    with pytest.raises(SimulationStuck, match="alice has more events or datagrams"):
        pair.world.drain()


def echo(node: Node, data: bytes, address: Address, now: float) -> None:
    node.outgoing.append((data, address))


def test_ping_pong_without_any_delay_runs_into_the_cap_on_steps() -> None:
    pair = Pair(Conditions(latency_s=0.0), max_steps=1_000)
    for node in (pair.a, pair.b):
        node.on_datagram = partial(echo, node)
    pair.a.outgoing.append((b"ping", B))
    with pytest.raises(SimulationStuck, match="more than 1000 steps"):
        pair.world.run_for(1.0)


def chatter(seed: int) -> tuple[str, float, int]:
    """Two nodes that answer every datagram and start anew by a timer, over a lossy network."""
    conditions = Conditions(jitter=UniformJitter(0.05), loss=BernoulliLoss(0.3), duplication=0.05)
    network = SimNetwork(seed, conditions, keep_digest=True)
    world = SimWorld(network)
    nodes = {address: Node() for address in (A, B)}

    def restart(node: Node, peer: Address, now: float) -> None:
        node.outgoing.append((b"anew", peer))
        node.deadline = now + 0.2

    for (address, node), peer in zip(nodes.items(), (B, A), strict=True):
        node.on_datagram = partial(echo, node)
        node.on_timer = partial(restart, node, peer)
        node.deadline = 0.0
        world.add(str(address), node, address)
    world.at(2.0, lambda: network.rebind(A, ("192.0.2.1", 1)))
    world.run_for(4.0)
    return network.trace.digest(), world.now, network.trace.count(Fate.DELIVERED)


def test_whole_run_is_repeated_by_its_seed() -> None:
    assert chatter(3) == chatter(3)
    assert chatter(3) != chatter(4)
    assert chatter(3)[2] > 50
