from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lanline.core import limits
from lanline.core.limits import Buckets, GrowingWaits


def test_a_burst_passes_and_then_the_rate() -> None:
    buckets: Buckets[str] = Buckets(10.0, 3)
    assert [buckets.take("ann", 100.0) for _ in range(3)] == [0.0] * 3
    assert abs(buckets.take("ann", 100.0) - 0.1) < 1e-9
    assert buckets.take("bob", 100.0) == 0.0
    assert buckets.take("ann", 100.1) == 0.0
    assert buckets.take("ann", 100.1) > 0.0


def test_a_refusal_takes_nothing() -> None:
    buckets: Buckets[str] = Buckets(1.0, 1)
    buckets.take("ann", 0.0)
    for _ in range(100):
        assert buckets.take("ann", 0.5) > 0.0
    assert buckets.take("ann", 1.0) == 0.0


def test_who_was_quiet_has_a_burst_again_and_no_more() -> None:
    buckets: Buckets[str] = Buckets(10.0, 3)
    buckets.take("ann", 0.0)
    assert [buckets.take("ann", 1000.0) == 0.0 for _ in range(4)] == [True] * 3 + [False]


def test_what_is_given_back_may_be_taken_again() -> None:
    buckets: Buckets[str] = Buckets(1.0, 1)
    buckets.take("ann", 0.0)
    buckets.give_back("ann")
    buckets.give_back("nobody")
    assert buckets.take("ann", 0.0) == 0.0


@given(st.lists(st.floats(0.0, 5.0), max_size=200))
def test_never_more_than_burst_and_rate_allow(gaps: list[float]) -> None:
    buckets: Buckets[str] = Buckets(2.0, 5)
    now, taken = 0.0, 0
    for gap in gaps:
        now += gap
        taken += buckets.take("ann", now) == 0.0
        assert taken <= 5 + now * 2.0 + 1e-3


def test_ever_new_names_do_not_grow_it() -> None:
    buckets: Buckets[int] = Buckets(0.001, 1)
    for number in range(limits._MAX_KEYS + 500):
        assert buckets.take(number, 0.0) == 0.0
    assert len(buckets._full_at) == limits._MAX_KEYS
    assert buckets.take(limits._MAX_KEYS + 499, 0.0) > 0.0, "the newest are kept"
    assert buckets.take(-1, 10_000.0) == 0.0
    assert len(buckets._full_at) == 1, "those that are full again are forgotten first"


def test_each_further_try_waits_twice_as_long_up_to_the_longest() -> None:
    waits: GrowingWaits[str] = GrowingWaits(2, 10.0, 60.0)
    now = 0.0
    asked: list[float] = []
    for _ in range(7):
        assert waits.take("ann", now) == 0.0
        asked.append(waits.take("ann", now) if asked else 0.0)
        now += asked[-1]
    assert asked == [0.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0]
    assert waits.take("bob", now) == 0.0


def test_a_try_that_does_not_count_leaves_no_wait() -> None:
    waits: GrowingWaits[str] = GrowingWaits(1, 10.0, 60.0)
    waits.take("ann", 0.0)
    waits.give_back("ann")
    assert waits.take("ann", 0.0) == 0.0
    assert waits.take("ann", 5.0) == 5.0
    waits.forget("ann")
    assert waits.take("ann", 5.0) == 0.0


def test_waits_are_forgotten_after_a_quiet_day_and_do_not_grow_in_number() -> None:
    waits: GrowingWaits[int] = GrowingWaits(1, 10.0, 60.0)
    for now in (0.0, 10.0):
        waits.take(1, now)
    assert waits.take(1, 30.0 + 25 * 3600) == 0.0
    assert waits.take(1, 30.0 + 25 * 3600) == 10.0
    for number in range(limits._MAX_KEYS + 500):
        waits.take(number, 10**6)
    assert len(waits._tries) == limits._MAX_KEYS
