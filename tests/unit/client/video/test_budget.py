from __future__ import annotations

from lanline.client.video.budget import Budget


def test_what_goes_out_in_the_long_run_is_the_rate() -> None:
    budget = Budget(8_000_000)  # a megabyte a second
    taken = sum(10_000 for tick in range(10_000) if budget.take(10_000, tick / 1000))
    assert 9_900_000 < taken < 10_300_000


def test_what_is_larger_than_the_bucket_goes_now_and_then() -> None:
    budget = Budget(8_000_000)
    taken = [tick / 10 for tick in range(100) if budget.take(1_000_000, tick / 10)]
    assert 8 <= len(taken) <= 11


def test_little_is_never_refused() -> None:
    budget = Budget(8_000_000)
    assert all(budget.take(1000, tick / 100) for tick in range(1000))
