"""A set of integers in ranges, against a plain set."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lanline.proto.link.ranges import RangeSet

SPANS = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 20)), max_size=60)


def build(spans: list[tuple[int, int]]) -> tuple[RangeSet, set[int]]:
    ranges, model = RangeSet(), set()
    for first, size in spans:
        ranges.add(first, first + size)
        model |= set(range(first, first + size + 1))
    return ranges, model


def runs(model: set[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for number in sorted(model):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


@given(SPANS)
def test_holds_what_a_set_would_hold_in_as_few_ranges_as_possible(spans: list[tuple[int, int]]) -> None:
    ranges, model = build(spans)
    assert ranges.descending(1000) == runs(model)[::-1]
    assert len(ranges) == len(runs(model))
    assert all((number in ranges) == (number in model) for number in range(-1, 225))
    if model:
        assert ranges.lowest == runs(model)[0]
        assert ranges.largest == max(model)


@given(SPANS, st.integers(0, 220), st.integers(0, 20))
def test_covers_only_what_is_there_without_a_gap(spans: list[tuple[int, int]], first: int, size: int) -> None:
    ranges, model = build(spans)
    assert ranges.covers(first, first + size) == all(each in model for each in range(first, first + size + 1))


@given(SPANS.filter(bool), st.integers(1, 5))
def test_dropping_and_listing_start_at_the_right_ends(spans: list[tuple[int, int]], limit: int) -> None:
    ranges, model = build(spans)
    expected = runs(model)
    assert ranges.descending(limit) == expected[::-1][:limit]
    assert ranges.drop_lowest() == expected[0][1]
    assert ranges.descending(1000) == expected[:0:-1]
