"""What a bad network does to packets, as the proxy is asked for it. What becomes of each packet: `lanline.testing`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lanline.testing.conditions import BernoulliLoss, Conditions, GilbertElliottLoss, UniformJitter
from lanline.testing.path import Path

BURST_STEP_S = 0.015
"""Longer than the interval of the latency bench, so that its steady stream steps once a packet. Without steps in a
silence the one packet of a sender that backs off would meet the same burst for seconds."""


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

    @property
    def conditions(self) -> Conditions:
        loss: BernoulliLoss | GilbertElliottLoss = BernoulliLoss(self.loss)
        if self.burst > 1.0:
            loss = GilbertElliottLoss.from_mean(self.loss, self.burst, silent_turn_s=BURST_STEP_S)
        return Conditions(
            latency_s=self.delay_s,
            loss=loss,
            jitter=UniformJitter(self.jitter_s) if self.jitter_s else None,
            reordering=self.reorder,
            reordering_delay_s=self.delay_s,
            rate_bytes_per_s=self.rate_bps / 8 or None,
            queue_bytes=self.queue_bytes,
        )


@dataclass(slots=True)
class Counters:
    offered_packets: int = 0
    offered_bytes: int = 0
    lost_packets: int = 0
    overflowed_packets: int = 0


class Line:
    """One direction of the way: says of each packet when it comes out, or that it does not."""

    def __init__(self, impairment: Impairment, seed: str, *, calm: bool = False) -> None:
        self.counters = Counters()
        self._calm = calm
        self._is_cut = False
        self._impairment = impairment
        self._path = Path("near", "far", seed, impairment.conditions)

    def begin_loss(self) -> None:
        """A calm line lost nothing so far, and asked no chance: which of what follows is lost depends on the seed."""
        self._calm = False

    def set_rate(self, rate_bps: float) -> None:
        """For what comes from now on; what waits leaves at the old rate."""
        self._impairment = replace(self._impairment, rate_bps=rate_bps)
        self._path.change(self._impairment.conditions)

    def set_delay(self, delay_s: float, jitter_s: float) -> None:
        self._impairment = replace(self._impairment, delay_s=delay_s, jitter_s=jitter_s)
        self._path.change(self._impairment.conditions)

    def cut(self, is_cut: bool) -> None:
        """The cable is out: nothing passes."""
        self._is_cut = is_cut

    def admit(self, size_bytes: int, now: float) -> float | None:
        """The time at which the packet leaves, or None where it is dropped."""
        counters, path = self.counters, self._path
        counters.offered_packets += 1
        counters.offered_bytes += size_bytes
        if self._is_cut or (not self._calm and path.loses_one(now)):
            counters.lost_packets += 1
            return None
        if path.refusal(size_bytes, now) is not None:
            counters.overflowed_packets += 1
            return None
        return path.arrival(path.depart(size_bytes, now), held_back=path.holds_back())
