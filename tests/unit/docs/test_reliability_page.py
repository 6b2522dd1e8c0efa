"""The tables of docs/reliability.md can be made anew, and a seed gives the same figures again."""

from __future__ import annotations

import pytest

import reliability
from lanline.testing.conditions import BernoulliLoss


def test_a_seed_gives_the_same_figures_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reliability, "DURATION_S", 2.0)
    rows = [reliability.loss_row(reliability.SETTINGS[0], "5 %", BernoulliLoss(0.05), seed) for seed in (1, 1, 2)]
    assert rows[0] == rows[1]
    assert rows[0] != rows[2]
    assert rows[0][-1] == "all"


def test_a_long_partition_is_told_and_what_was_not_delivered_is_known() -> None:
    setting = reliability.PARTITION_SETTINGS[-1]
    _, _, learned, first, _, accepted, arrived, reported, refused = reliability.partition_row(setting, 20.0, 1)
    assert learned == "after 2.5 s: UNREACHABLE"
    assert first == "nothing comes"
    assert int(reported) <= int(arrived) < int(accepted)
    assert int(refused) > 0


@pytest.mark.parametrize("name", ["loss", "partition"])
def test_the_page_has_a_place_for_each_table(name: str) -> None:
    page = reliability.PAGE.read_text(encoding="utf-8")
    assert "| new |" in reliability.replaced(page, name, "| new |")


def test_a_page_without_the_place_is_left_alone() -> None:
    with pytest.raises(ValueError, match="no place"):
        reliability.replaced("# Nothing here\n", "loss", "| new |")
