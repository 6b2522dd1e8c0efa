"""Conditions that make no sense are refused where they are made."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lanline.testing.conditions import BernoulliLoss, Conditions, GilbertElliottLoss, HeavyTailedJitter, UniformJitter


@pytest.mark.parametrize(
    "nonsense",
    [
        lambda: BernoulliLoss(1.01),
        lambda: BernoulliLoss(float("nan")),
        lambda: GilbertElliottLoss(-0.1, 0.5),
        lambda: GilbertElliottLoss(0.1, 1.5),
        lambda: GilbertElliottLoss(0.1, 0.5, loss_in_bad=2.0),
        lambda: GilbertElliottLoss(0.1, 0.5, loss_in_good=-1.0),
        lambda: UniformJitter(-0.001),
        lambda: HeavyTailedJitter(scale_s=0.1, shape=0.0),
        lambda: HeavyTailedJitter(scale_s=0.1, cap_s=-1.0),
        lambda: Conditions(latency_s=-0.001),
        lambda: Conditions(duplication=1.1),
        lambda: Conditions(reordering=-0.1),
        lambda: Conditions(reordering_delay_s=-0.1),
        lambda: Conditions(bit_flips=2.0),
        lambda: Conditions(truncation=2.0),
        lambda: Conditions(rate_bytes_per_s=0.0),
        lambda: Conditions(queue_bytes=-1),
        lambda: Conditions(mtu_bytes=0),
    ],
)
def test_impossible_condition_is_refused(nonsense: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"cannot be|is a probability"):
        nonsense()


def test_burst_loss_from_mean_solves_for_the_long_run() -> None:
    loss = GilbertElliottLoss.from_mean(0.1, 5.0, loss_in_bad=0.5)
    assert loss.p_bad_to_good == pytest.approx(0.2)
    assert loss.share_bad == pytest.approx(0.2)
    assert loss.loss_in_bad == 0.5


def test_burst_loss_of_nothing_never_turns_bad() -> None:
    assert GilbertElliottLoss.from_mean(0.0, 5.0).p_good_to_bad == 0.0
    assert GilbertElliottLoss(0.0, 0.0).share_bad == 0.0


@pytest.mark.parametrize(("rate", "burst_length", "loss_in_bad"), [(0.5, 5.0, 0.5), (0.1, 0.5, 1.0), (0.9, 2.0, 1.0)])
def test_mean_that_no_burst_can_make_is_refused(rate: float, burst_length: float, loss_in_bad: float) -> None:
    with pytest.raises(ValueError, match="burst"):
        GilbertElliottLoss.from_mean(rate, burst_length, loss_in_bad)
