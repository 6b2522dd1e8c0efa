"""The seeded network: datagrams go in with a time, and come out later, changed, twice, elsewhere or never.

The network owns what is under way, who is cut off from whom, and which conditions hold between two hosts. What a single
direction does to a datagram is `path`'s; the clock and the nodes are `world`'s. A host is the first half of an address:
all ports of a host share its lines. Hosts are always meant by their own name, also after a `rebind`.
"""

from __future__ import annotations

import heapq
import math
from typing import NamedTuple

from lanline.testing.addresses import Translation
from lanline.testing.conditions import Conditions
from lanline.testing.path import Path
from lanline.testing.trace import Address, Fate, Trace


class Delivery(NamedTuple):
    """`source` is what the receiver sees; `destination` is its own address, whatever address was written to."""

    data: bytes
    source: Address
    destination: Address


class _Copy(NamedTuple):
    """Ordered by arrival, then by the order of sending: `number` is never the same twice."""

    arrival: float
    number: int
    serial: int
    data: bytes
    route: tuple[Address, Address]
    path: Path


class _Direction(NamedTuple):
    """From one host to another; none stands for any."""

    source_host: str | None
    destination_host: str | None

    def covers(self, source_host: str | None, destination_host: str | None) -> bool:
        return self.source_host in {None, source_host} and self.destination_host in {None, destination_host}


class _Partition(NamedTuple):
    start: float
    until: float
    directions: tuple[_Direction, ...]

    def cuts(self, path: Path, now: float) -> bool:
        return self.start <= now < self.until and any(
            direction.covers(path.source_host, path.destination_host) for direction in self.directions
        )


class SimNetwork:
    def __init__(
        self,
        seed: int | str,
        conditions: Conditions | None = None,
        *,
        keep_records: bool = False,
        keep_digest: bool = False,
    ) -> None:
        self.seed = seed
        self.trace = Trace(keep_records=keep_records, keep_digest=keep_digest)
        self._translation = Translation()
        self._rules: dict[_Direction, Conditions] = {_Direction(None, None): conditions or Conditions()}
        self._paths: dict[tuple[str, str], Path] = {}
        self._partitions: list[_Partition] = []
        self._under_way: list[_Copy] = []
        self._serial = 0
        self._copies = 0
        self._now = -math.inf

    # ---- what the network is like ----

    def set_conditions(self, source_host: str | None, destination_host: str | None, conditions: Conditions) -> None:
        """For what is sent from now on in this direction. None stands for any host; the newest rule that fits holds."""
        direction = _Direction(source_host, destination_host)
        self._rules = {rule: kept for rule, kept in self._rules.items() if not direction.covers(*rule)}
        self._rules[direction] = conditions
        for path in self._paths.values():
            if direction.covers(path.source_host, path.destination_host):
                path.change(conditions)

    def partition(
        self,
        start: float,
        until: float,
        source_host: str | None = None,
        destination_host: str | None = None,
        *,
        one_way: bool = False,
    ) -> None:
        """Nothing crosses from `start` and before `until`: neither what is sent then nor what would arrive then.

        Without a host everybody is cut off; with one, it from all others. An open end is `math.inf`, until `heal`.
        """
        there, back = _Direction(source_host, destination_host), _Direction(destination_host, source_host)
        self._partitions.append(_Partition(start, until, (there,) if one_way else (there, back)))

    def heal(self, source_host: str | None = None, destination_host: str | None = None) -> None:
        """Forget every partition that stands between exactly these two, one-way or not; without hosts, all of them."""
        everything = source_host is None and destination_host is None
        hosts = {source_host, destination_host}
        self._partitions = [
            partition for partition in self._partitions if not everything and set(partition.directions[0]) != hosts
        ]

    def rebind(self, old_address: Address, new_address: Address) -> None:
        """The host gets another public address: others see it from now on, and the old one reaches nobody.

        What is still under way to the old address vanishes when it gets there.
        """
        self._translation.rebind(old_address, new_address)

    # ---- datagrams ----

    def send(self, data: bytes, source: Address, destination: Address, now: float) -> None:
        """`source` is the sender's own address, `destination` the one that it believes the receiver to have."""
        if now < self._now:
            raise ValueError(f"sent at {now}, but the time is {self._now} already")
        self._now = now
        self._serial = serial = self._serial + 1
        route = (self._translation.public(source), destination)
        record = self.trace.record
        record(Fate.SENT, now, serial, route, data)
        owner = self._translation.owner(destination)
        if owner is None:
            record(Fate.UNROUTED, now, serial, route, data)
            return
        path = self._path(source[0], owner[0])
        refusal = Fate.PARTITIONED if self._is_cut(path, now) else path.refusal(len(data), now)
        if refusal is not None:
            record(refusal, now, serial, route, data)
            return
        departure = path.depart(len(data), now)
        if path.loses_one(now):
            record(Fate.LOST, now, serial, route, data)
            return
        self._launch(path, departure, serial, route, data)
        if path.duplicates():
            record(Fate.DUPLICATED, now, serial, route, data)
            self._launch(path, departure, serial, route, data)

    def _launch(self, path: Path, departure: float, serial: int, route: tuple[Address, Address], data: bytes) -> None:
        held_back = path.holds_back()
        if held_back:
            self.trace.record(Fate.HELD_BACK, self._now, serial, route, data)
        arriving = path.damage(data)
        if arriving is not data:
            self.trace.record(Fate.CORRUPTED, self._now, serial, route, arriving)
        self._copies += 1
        arrival = path.arrival(departure, held_back=held_back)
        heapq.heappush(self._under_way, _Copy(arrival, self._copies, serial, arriving, route, path))

    def _path(self, source_host: str, destination_host: str) -> Path:
        hosts = (source_host, destination_host)
        path = self._paths.get(hosts)
        if path is None:
            # The newest rule stands last, and the first one fits everything.
            conditions = next(c for rule, c in reversed(self._rules.items()) if rule.covers(*hosts))
            path = self._paths[hosts] = Path(*hosts, self.seed, conditions)
        return path

    def _is_cut(self, path: Path, now: float) -> bool:
        return bool(self._partitions) and any(partition.cuts(path, now) for partition in self._partitions)

    def next_arrival(self) -> float | None:
        """When something may arrive next; it may still turn out to be cut off or to have nowhere to go."""
        return self._under_way[0].arrival if self._under_way else None

    def deliver_due(self, now: float) -> list[Delivery]:
        """What has arrived by now, in order of arrival; what arrives in the same instant, in order of sending."""
        due: list[Delivery] = []
        while self._under_way and self._under_way[0].arrival <= now:
            arrival, _, serial, data, route, path = heapq.heappop(self._under_way)
            owner = self._translation.owner(route[1])
            fate = Fate.DELIVERED
            if owner is None:
                fate = Fate.UNROUTED
            elif self._is_cut(path, arrival):
                fate = Fate.PARTITIONED
            self.trace.record(fate, arrival, serial, route, data)
            if owner is not None and fate is Fate.DELIVERED:
                due.append(Delivery(data, route[0], owner))
        self._now = max(self._now, now)
        return due
