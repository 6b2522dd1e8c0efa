"""What a bad network does to packets in one direction: delay, loss, bursts, jitter, reordering, a narrow pipe.

Pure arithmetic on a seeded generator. The proxy moves the packets, for UDP and for TCP by this same model.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Protocol

BURST_STEP_S = 0.015
"""Longer than the interval of the latency bench, so that its steady stream steps once a packet."""
MOST_STEPS = 1000
"""After so many the chain has long forgotten where it was."""


@dataclass(frozen=True, slots=True)
class Impairment:
    delay_s: float = 0.0
    loss: float = 0.0
    burst: float = 1.0
    """Mean length of a run of lost packets; 1 loses each packet independently."""
    jitter_s: float = 0.0
    reorder: float = 0.0
    """Share of packets that wait twice the delay, so that their successors overtake them."""
    rate_bps: float = 0.0
    """Bits a second; 0 is as fast as they come."""
    queue_bytes: int = 256 * 1024
    """What may wait for a narrow pipe; the rest is dropped, as a router does."""


@dataclass(slots=True)
class Counters:
    offered_packets: int = 0
    offered_bytes: int = 0
    lost_packets: int = 0
    overflowed_packets: int = 0


class LossModel(Protocol):
    def loses_next(self, now: float) -> bool: ...


class IndependentLoss:
    """Bernoulli: every packet for itself."""

    def __init__(self, share: float, rng: random.Random) -> None:
        self._share = share
        self._rng = rng

    def loses_next(self, now: float) -> bool:
        del now
        return self._rng.random() < self._share


class BurstLoss:
    """Gilbert-Elliott with a good state that loses nothing and a bad one that loses everything.

    The bad state ends with probability 1 / mean burst after each packet; it is entered as often as makes `share` of
    all packets fall into it. Silence counts as a packet every `BURST_STEP_S`: a fade passes whether or not anybody
    sends, and without that the one packet of a sender that backs off would meet the same burst for seconds.
    """

    def __init__(self, share: float, mean_burst: float, rng: random.Random) -> None:
        self._rng = rng
        self._leave_bad = 1.0 / mean_burst
        self._enter_bad = self._leave_bad * share / (1.0 - share)
        self._bad = rng.random() < share
        self._last_packet_at: float | None = None

    def loses_next(self, now: float) -> bool:
        for _ in range(self._steps_until(now)):
            change = self._leave_bad if self._bad else self._enter_bad
            if self._rng.random() < change:
                self._bad = not self._bad
        return self._bad

    def _steps_until(self, now: float) -> int:
        silence_s = 0.0 if self._last_packet_at is None else now - self._last_packet_at
        self._last_packet_at = now
        return min(max(1, int(silence_s / BURST_STEP_S)), MOST_STEPS)


def loss_model(impairment: Impairment, rng: random.Random) -> LossModel:
    if impairment.burst > 1.0:
        return BurstLoss(impairment.loss, impairment.burst, rng)
    return IndependentLoss(impairment.loss, rng)


class Line:
    """One direction of the way: says of each packet when it comes out, or that it does not."""

    def __init__(self, impairment: Impairment, seed: str, *, calm: bool = False) -> None:
        self.counters = Counters()
        self._calm = calm
        self._is_cut = False
        self._impairment = impairment
        self._rng = random.Random(seed)
        # Its own generator: which packets are lost depends on their number only, not on jitter being asked for.
        self._loss = loss_model(impairment, random.Random(f"{seed} loss"))
        self._pipe_free_at = 0.0

    def begin_loss(self) -> None:
        """A calm line lost nothing so far, and asked no chance: the fates of what follows depend on the seed only."""
        self._calm = False

    def set_rate(self, rate_bps: float) -> None:
        """For what comes from now on; what waits leaves at the old rate."""
        self._impairment = replace(self._impairment, rate_bps=rate_bps)

    def set_delay(self, delay_s: float, jitter_s: float) -> None:
        self._impairment = replace(self._impairment, delay_s=delay_s, jitter_s=jitter_s)

    def cut(self, is_cut: bool) -> None:
        """The cable is out: nothing passes."""
        self._is_cut = is_cut

    def admit(self, size_bytes: int, now: float) -> float | None:
        """The time at which the packet leaves, or None where it is dropped."""
        counters = self.counters
        counters.offered_packets += 1
        counters.offered_bytes += size_bytes
        if self._is_cut or (not self._calm and self._loss.loses_next(now)):
            counters.lost_packets += 1
            return None
        through_pipe = self._queue(size_bytes, now)
        if through_pipe is None:
            counters.overflowed_packets += 1
            return None
        return through_pipe + self._delay()

    def _queue(self, size_bytes: int, now: float) -> float | None:
        rate = self._impairment.rate_bps
        if not rate:
            return now
        starts = max(now, self._pipe_free_at)
        if (starts - now) * rate / 8 + size_bytes > self._impairment.queue_bytes:
            return None
        self._pipe_free_at = starts + size_bytes * 8 / rate
        return self._pipe_free_at

    def _delay(self) -> float:
        impairment = self._impairment
        delay = impairment.delay_s
        if impairment.jitter_s:
            delay += self._rng.uniform(0.0, impairment.jitter_s)
        if impairment.reorder and self._rng.random() < impairment.reorder:
            delay += impairment.delay_s
        return delay
