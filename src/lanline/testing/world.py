"""The virtual clock: any number of nodes without I/O, joined by one seeded network, one step at a time.

The loop owns the time and the order of things: the earliest of the next scheduled action, the next arrival and the next
deadline; of those due at the same instant, in that order. Each step is one mutation of one node, then one full drain of
it, as the real driver does. It knows nothing of what the nodes say to each other.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from lanline.testing.network import SimNetwork
from lanline.testing.trace import Address

_ROUNDS_OF_ONE_DRAIN = 100_000
_MAX_STEPS = 5_000_000


class SimulationStuck(Exception):
    """Steps are taken and nothing comes of them: a livelock, or a run far longer than it was meant to be."""


class Endpoint(Protocol):
    def receive_datagram(self, data: bytes, address: Address, now: float) -> None: ...

    def handle_timer(self, now: float) -> None: ...

    def datagrams_to_send(self, now: float) -> Iterable[tuple[bytes, Address]]: ...

    def next_event(self) -> Any | None: ...

    def next_deadline(self) -> float | None: ...


EventHandler = Callable[[Any, float], None]
"""Called with the event and the time. It may give commands to its own node, which are then part of the same drain."""


def _ignore_event(event: Any, now: float) -> None:
    pass


class SimNode:
    """An endpoint with its place in the world. `queued_for` is when the world will next look at its deadline."""

    __slots__ = ("address", "deadline", "endpoint", "gone", "name", "on_event", "queued_for", "timer_at", "timer_calls")

    def __init__(self, name: str, endpoint: Endpoint, address: Address, on_event: EventHandler) -> None:
        self.name = name
        self.endpoint = endpoint
        self.address = address
        self.on_event = on_event
        self.deadline: float | None = None
        self.queued_for: float | None = None
        self.timer_at = -math.inf
        self.timer_calls = 0
        self.gone = False


class SimWorld:
    def __init__(
        self, network: SimNetwork, *, start: float = 0.0, max_steps: int = _MAX_STEPS, timers_at_one_instant: int = 100
    ) -> None:
        self.network = network
        self.now = start
        self.steps = 0
        self.max_steps = max_steps
        self.timers_at_one_instant = timers_at_one_instant
        self.nodes: dict[Address, SimNode] = {}
        self._deadlines: list[tuple[float, int, SimNode]] = []
        self._actions: list[tuple[float, int, Callable[[], object], SimNode | None]] = []
        self._order = 0

    # ---- who is there, and what will happen ----

    def add(self, name: str, endpoint: Endpoint, address: Address, on_event: EventHandler = _ignore_event) -> SimNode:
        """`address` is the node's own one, which it keeps when the network shows another to its peers."""
        if address in self.nodes:
            raise ValueError(f"{self.nodes[address].name} has the address {address} already")
        node = self.nodes[address] = SimNode(name, endpoint, address, on_event)
        return node

    def remove(self, node: SimNode) -> None:
        """As if its process were killed. What reaches its address goes nowhere, until another node is added there."""
        node.gone = True
        del self.nodes[node.address]

    def at(self, time: float, action: Callable[[], object], node: SimNode | None = None) -> None:
        """Do this at a virtual time; then drain the node that it concerns, or all of them when none is named."""
        if time < self.now:
            raise ValueError(f"cannot act at {time}: it is {self.now} already")
        heapq.heappush(self._actions, (time, self._next_order(), action, node))

    def _next_order(self) -> int:
        self._order += 1
        return self._order

    # ---- the clock ----

    def run_until(self, condition: Callable[[], bool], limit_s: float) -> bool:
        """Step until the condition holds; false when it does not after `limit_s` virtual seconds from now.

        The condition is asked after every step. When nothing is left to happen, the time jumps to the limit.
        """
        end = self.now + limit_s
        self.drain()
        while not condition():
            if not self.step(end):
                self.now = end
                return False
        return True

    def run_for(self, duration_s: float) -> None:
        self.run_until(lambda: False, duration_s)

    def step(self, end: float = math.inf) -> bool:
        """Move the clock to what comes next, and let it happen; false when nothing does until `end`."""
        action_at = self._actions[0][0] if self._actions else math.inf
        arrival = self.network.next_arrival()
        arrival_at = math.inf if arrival is None else arrival
        deadline_at = self._next_deadline()
        earliest = min(action_at, arrival_at, deadline_at)
        if earliest > end or earliest == math.inf:
            return False
        self._count_step()
        # A deadline may lie in the past: then it is due now, and the clock stands.
        self.now = max(self.now, earliest)
        if action_at == earliest:
            self._act()
        elif arrival_at == earliest:
            self._deliver()
        else:
            self._fire_timer()
        return True

    def _count_step(self) -> None:
        self.steps += 1
        if self.steps > self.max_steps:
            raise self._stuck(f"more than {self.max_steps} steps")

    def _stuck(self, what: str) -> SimulationStuck:
        return SimulationStuck(f"{what} (virtual time {self.now!r}, step {self.steps}, seed {self.network.seed!r})")

    # ---- one mutation, then one full drain ----

    def _act(self) -> None:
        _, _, action, node = heapq.heappop(self._actions)
        action()
        if node is None:
            self.drain()
        elif not node.gone:
            self._drain(node)

    def _deliver(self) -> None:
        for data, source, destination in self.network.deliver_due(self.now):
            node = self.nodes.get(destination)
            if node is not None:
                node.endpoint.receive_datagram(data, source, self.now)
                self._drain(node)

    def _fire_timer(self) -> None:
        node = heapq.heappop(self._deadlines)[2]
        node.queued_for = None
        if node.timer_at != self.now:
            node.timer_at = self.now
            node.timer_calls = 0
        node.timer_calls += 1
        if node.timer_calls > self.timers_at_one_instant:
            raise self._stuck(
                f"{node.name} had its timer handled {self.timers_at_one_instant} times at one instant, "
                f"and its deadline still is {node.deadline!r}"
            )
        node.endpoint.handle_timer(self.now)
        self._drain(node)

    def drain(self) -> None:
        """Let out what commands from outside the loop have left in the nodes. Running does this by itself at first."""
        for node in list(self.nodes.values()):
            self._drain(node)

    def _drain(self, node: SimNode) -> None:
        endpoint, send, now = node.endpoint, self.network.send, self.now
        for _ in range(_ROUNDS_OF_ONE_DRAIN):
            if node.gone:
                return
            event = endpoint.next_event()
            if event is not None:
                node.on_event(event, now)
                continue
            idle = True
            for data, address in endpoint.datagrams_to_send(now):
                idle = False
                send(data, node.address, address, now)
            # Sending may have made events, and handling those more to send: both have to be empty in one round.
            if idle:
                self._note_deadline(node)
                return
        raise self._stuck(f"{node.name} has more events or datagrams after {_ROUNDS_OF_ONE_DRAIN} rounds of one drain")

    def _note_deadline(self, node: SimNode) -> None:
        node.deadline = deadline = node.endpoint.next_deadline()
        # A deadline that moved away is corrected when its old time comes: links move theirs with every packet.
        if deadline is not None and (node.queued_for is None or deadline < node.queued_for):
            node.queued_for = deadline
            heapq.heappush(self._deadlines, (deadline, self._next_order(), node))

    def _next_deadline(self) -> float:
        """The earliest deadline that holds; entries that were overtaken are dropped on the way, moved ones put back."""
        while self._deadlines:
            queued_for, _, node = self._deadlines[0]
            if node.queued_for == queued_for and node.deadline == queued_for and not node.gone:
                return queued_for
            heapq.heappop(self._deadlines)
            if node.queued_for == queued_for and not node.gone:
                node.queued_for = None
                self._note_deadline(node)
        return math.inf
