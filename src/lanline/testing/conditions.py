"""What one direction of a network can do to a datagram, as plain values that are checked where they are made.

Times are virtual seconds, sizes are bytes of UDP payload, chances are per datagram. Nothing here draws or keeps state:
`path` applies these values, and `weather` draws them at random.
"""

from __future__ import annotations

from dataclasses import dataclass


def _require_chance(**chances: float) -> None:
    for name, value in chances.items():
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"{name} is a probability, not {value}")


def _require_not_negative(**amounts: float) -> None:
    for name, value in amounts.items():
        if not value >= 0.0:
            raise ValueError(f"{name} cannot be {value}")


@dataclass(frozen=True, slots=True)
class UniformJitter:
    """Every datagram takes up to `spread_s` longer, each length as likely as the next."""

    spread_s: float

    def __post_init__(self) -> None:
        _require_not_negative(spread_s=self.spread_s)


@dataclass(frozen=True, slots=True)
class HeavyTailedJitter:
    """Most datagrams take a little longer and a few very much: a Pareto excess of `scale_s`, cut off at `cap_s`.

    The median is scale_s * (2 ** (1 / shape) - 1). A smaller shape has the heavier tail.
    """

    scale_s: float
    shape: float = 1.5
    cap_s: float = 2.0

    def __post_init__(self) -> None:
        _require_not_negative(scale_s=self.scale_s, cap_s=self.cap_s)
        if not self.shape > 0.0:
            raise ValueError(f"shape cannot be {self.shape}")


@dataclass(frozen=True, slots=True)
class BernoulliLoss:
    """Every datagram is lost with the same chance, whatever became of the one before."""

    rate: float

    def __post_init__(self) -> None:
        _require_chance(rate=self.rate)


@dataclass(frozen=True, slots=True)
class GilbertElliottLoss:
    """Loss in bursts: a good and a bad state, each with its own chance of loss. Every datagram may turn the state."""

    p_good_to_bad: float
    p_bad_to_good: float
    loss_in_bad: float = 1.0
    loss_in_good: float = 0.0
    silent_turn_s: float | None = None
    """So long a silence turns the state as a datagram does: a fade passes whether or not anybody sends."""

    def __post_init__(self) -> None:
        _require_chance(
            p_good_to_bad=self.p_good_to_bad,
            p_bad_to_good=self.p_bad_to_good,
            loss_in_bad=self.loss_in_bad,
            loss_in_good=self.loss_in_good,
        )

    @classmethod
    def from_mean(
        cls, rate: float, burst_length: float, loss_in_bad: float = 1.0, silent_turn_s: float | None = None
    ) -> GilbertElliottLoss:
        """The model that loses `rate` in the long run and whose bad states last `burst_length` datagrams on average."""
        _require_chance(rate=rate, loss_in_bad=loss_in_bad)
        if burst_length < 1.0 or rate >= loss_in_bad:
            raise ValueError(f"no bursts of {burst_length} that lose {loss_in_bad} make a mean loss of {rate}")
        share_bad = rate / loss_in_bad
        p_bad_to_good = 1.0 / burst_length
        p_good_to_bad = p_bad_to_good * share_bad / (1.0 - share_bad)
        if p_good_to_bad > 1.0:
            raise ValueError(f"a mean loss of {rate} needs bursts longer than {burst_length}")
        return cls(p_good_to_bad, p_bad_to_good, loss_in_bad, silent_turn_s=silent_turn_s)

    @property
    def share_bad(self) -> float:
        """The part of all datagrams that meets the bad state in the long run."""
        turning = self.p_good_to_bad + self.p_bad_to_good
        return self.p_good_to_bad / turning if turning else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """One direction of the way between two hosts. The default is a quiet network of 10 ms one way."""

    latency_s: float = 0.010
    jitter: UniformJitter | HeavyTailedJitter | None = None
    keep_fifo: bool = False
    """Jitter and changes of latency delay without reordering; what `reordering` holds back still falls behind."""
    loss: BernoulliLoss | GilbertElliottLoss | None = None
    duplication: float = 0.0
    reordering: float = 0.0
    reordering_delay_s: float = 0.050
    bit_flips: float = 0.0
    """The chance that one to eight bits of a datagram are flipped."""
    truncation: float = 0.0
    """The chance that a datagram arrives shorter than it left."""
    rate_bytes_per_s: float | None = None
    queue_bytes: int = 65_536
    """What may wait or be on the line; the rest is dropped at the tail. Means nothing without a rate."""
    mtu_bytes: int | None = None
    """Larger datagrams vanish without a word, as in a path MTU black hole."""

    def __post_init__(self) -> None:
        _require_not_negative(
            latency_s=self.latency_s, reordering_delay_s=self.reordering_delay_s, queue_bytes=self.queue_bytes
        )
        _require_chance(
            duplication=self.duplication,
            reordering=self.reordering,
            bit_flips=self.bit_flips,
            truncation=self.truncation,
        )
        if self.rate_bytes_per_s is not None and not self.rate_bytes_per_s > 0.0:
            raise ValueError(f"rate_bytes_per_s cannot be {self.rate_bytes_per_s}; a partition stops everything")
        if self.mtu_bytes is not None and self.mtu_bytes < 1:
            raise ValueError(f"mtu_bytes cannot be {self.mtu_bytes}")
