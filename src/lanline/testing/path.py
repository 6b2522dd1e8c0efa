"""One direction between two hosts: the line, its queue, and the chances that a datagram takes on it.

The path keeps what outlasts a single datagram (the queue, the state of burst loss, the last arrival) and draws from its
own generator, so that traffic in one direction never shifts the luck of another. It knows neither addresses nor
partitions: those are the network's.
"""

from __future__ import annotations

import random
from collections import deque

from lanline.testing.conditions import BernoulliLoss, Conditions, GilbertElliottLoss, UniformJitter
from lanline.testing.trace import Fate

_MAX_FLIPPED_BITS = 8
_MAX_TURNS = 1000
"""After so many the state has long forgotten where it was."""


class Path:
    __slots__ = (
        "_conditions",
        "_in_bad_state",
        "_last_arrival",
        "_last_chance_at",
        "_line_free_at",
        "_loss",
        "_queue",
        "_queued_bytes",
        "_random",
        "destination_host",
        "source_host",
    )

    def __init__(self, source_host: str, destination_host: str, seed: int | str, conditions: Conditions) -> None:
        self.source_host = source_host
        self.destination_host = destination_host
        # A text seeds through SHA-512: the same in every process, and unrelated for neighbouring seeds.
        name = f"{seed}|{source_host}|{destination_host}"
        self._random = random.Random(name)
        # Which datagrams are lost does not depend on what else becomes of them.
        self._loss = random.Random(f"{name}|loss")
        self._last_chance_at: float | None = None
        self._queue: deque[tuple[float, int]] = deque()
        self._queued_bytes = 0
        self._line_free_at = 0.0
        self._last_arrival = 0.0
        self.change(conditions)

    def change(self, conditions: Conditions) -> None:
        """From now on; what is already under way or in the queue keeps the times it was given."""
        self._conditions = conditions
        loss = conditions.loss
        # Starting where the long run would be makes the mean loss right from the first datagram on.
        self._in_bad_state = isinstance(loss, GilbertElliottLoss) and self._loss.random() < loss.share_bad

    def refusal(self, size_bytes: int, now: float) -> Fate | None:
        """Why this datagram cannot even start, if it cannot."""
        conditions = self._conditions
        if conditions.mtu_bytes is not None and size_bytes > conditions.mtu_bytes:
            return Fate.TOO_LARGE
        if conditions.rate_bytes_per_s is not None:
            self._forget_departed(now)
            if self._queued_bytes + size_bytes > conditions.queue_bytes:
                return Fate.QUEUE_FULL
        return None

    def _forget_departed(self, now: float) -> None:
        queue = self._queue
        while queue and queue[0][0] <= now:
            self._queued_bytes -= queue.popleft()[1]

    def depart(self, size_bytes: int, now: float) -> float:
        """Take a datagram that was not refused into the queue; return when its last byte has left."""
        rate = self._conditions.rate_bytes_per_s
        if rate is None:
            return now
        departure = max(now, self._line_free_at) + size_bytes / rate
        self._line_free_at = departure
        self._queue.append((departure, size_bytes))
        self._queued_bytes += size_bytes
        return departure

    def loses_one(self, now: float) -> bool:
        loss = self._conditions.loss
        if loss is None:
            return False
        draw = self._loss.random
        if isinstance(loss, BernoulliLoss):
            return draw() < loss.rate
        in_bad = False
        for _ in range(self._turns(loss, now)):
            in_bad = self._in_bad_state
            turns = draw() < (loss.p_bad_to_good if in_bad else loss.p_good_to_bad)
            self._in_bad_state = in_bad is not turns
        chance = loss.loss_in_bad if in_bad else loss.loss_in_good
        # A certain outcome draws nothing, which halves the cost of the classic all-or-nothing model.
        return chance > 0.0 and (chance >= 1.0 or draw() < chance)

    def _turns(self, loss: GilbertElliottLoss, now: float) -> int:
        before, self._last_chance_at = self._last_chance_at, now
        if loss.silent_turn_s is None or before is None:
            return 1
        return min(max(1, int((now - before) / loss.silent_turn_s)), _MAX_TURNS)

    def duplicates(self) -> bool:
        chance = self._conditions.duplication
        return chance > 0.0 and self._random.random() < chance

    def holds_back(self) -> bool:
        chance = self._conditions.reordering
        return chance > 0.0 and self._random.random() < chance

    def arrival(self, departure: float, *, held_back: bool) -> float:
        """When one copy reaches the other side."""
        conditions = self._conditions
        arrival = departure + conditions.latency_s
        if conditions.jitter is not None:
            arrival += self._jitter()
        if conditions.keep_fifo:
            arrival = max(arrival, self._last_arrival)
        if held_back:
            # Not noted as the last arrival: those behind it have to be able to overtake, FIFO or not.
            return arrival + conditions.reordering_delay_s
        self._last_arrival = max(arrival, self._last_arrival)
        return arrival

    def _jitter(self) -> float:
        jitter = self._conditions.jitter
        if jitter is None:
            return 0.0
        if isinstance(jitter, UniformJitter):
            return jitter.spread_s * self._random.random()
        return min(jitter.cap_s, jitter.scale_s * (self._random.paretovariate(jitter.shape) - 1.0))

    def damage(self, data: bytes) -> bytes:
        """The same object when nothing happened to it."""
        conditions = self._conditions
        if conditions.truncation > 0.0 and data and self._random.random() < conditions.truncation:
            data = data[: self._random.randrange(len(data))]
        if conditions.bit_flips > 0.0 and data and self._random.random() < conditions.bit_flips:
            data = self._flip_bits(data)
        return data

    def _flip_bits(self, data: bytes) -> bytes:
        size_bits = 8 * len(data)
        flipped = bytearray(data)
        # Different bits, or two flips of one bit would leave the datagram whole.
        for bit in self._random.sample(range(size_bits), self._random.randint(1, min(_MAX_FLIPPED_BITS, size_bits))):
            flipped[bit // 8] ^= 1 << (bit % 8)
        return bytes(flipped)
