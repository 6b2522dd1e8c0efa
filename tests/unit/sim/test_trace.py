"""The trace tells apart what differs in any respect, and says where."""

from __future__ import annotations

import hashlib

import pytest

from lanline.testing.trace import Fate, Trace, TraceRecord, first_difference

A, B, C = ("10.0.0.1", 1000), ("10.0.0.2", 2000), ("10.0.0.3", 3000)


def test_record_holds_time_route_size_digest_and_fate() -> None:
    trace = Trace(keep_records=True)
    trace.record(Fate.SENT, 1.5, 1, (A, B), b"hello")
    assert trace.records == [TraceRecord(1.5, Fate.SENT, 1, A, B, 5, hashlib.sha256(b"hello").hexdigest())]
    assert trace.count(Fate.SENT) == 1


def test_records_are_kept_only_when_asked_for_and_do_not_change_the_digest() -> None:
    lean, full = Trace(), Trace(keep_records=True)
    for trace in (lean, full):
        trace.record(Fate.SENT, 1.5, 1, (A, B), b"hello")
    assert lean.records is None
    assert lean.digest() == full.digest() != Trace().digest()


@pytest.mark.parametrize(
    "other",
    [
        (Fate.CORRUPTED, 1.5, 1, (A, B), b"hello"),
        (Fate.SENT, 1.6, 1, (A, B), b"hello"),
        (Fate.SENT, 1.5, 2, (A, B), b"hello"),
        (Fate.SENT, 1.5, 1, (C, B), b"hello"),
        (Fate.SENT, 1.5, 1, (A, C), b"hello"),
        (Fate.SENT, 1.5, 1, (A, B), b"hellO"),
        (Fate.SENT, 1.5, 1, (A, B), b"hello "),
    ],
)
def test_digest_and_records_differ_when_anything_differs(
    other: tuple[Fate, float, int, tuple[tuple[str, int], tuple[str, int]], bytes],
) -> None:
    one, two = Trace(keep_records=True), Trace(keep_records=True)
    one.record(Fate.SENT, 1.5, 1, (A, B), b"hello")
    two.record(*other)
    assert one.digest() != two.digest()
    assert one.records != two.records


def test_corrupted_content_and_later_fates_count_in_the_digest() -> None:
    digests = set()
    for fate, data in ((Fate.CORRUPTED, b"ab"), (Fate.CORRUPTED, b"ac"), (Fate.LOST, b"aa"), (Fate.DELIVERED, b"aa")):
        trace = Trace()
        trace.record(Fate.SENT, 1.5, 1, (A, B), b"aa")
        trace.record(fate, 1.5, 1, (A, B), data)
        digests.add(trace.digest())
    assert len(digests) == 4


def test_first_difference_names_the_place_and_both_sides() -> None:
    one, two, three = (TraceRecord(float(n), Fate.SENT, n, A, B, 0, "") for n in range(3))
    assert first_difference([one, two], [one, two]) is None
    assert first_difference([one, two], [one, three]) == (1, two, three)
    assert first_difference([one], [one, three]) == (1, None, three)
    assert first_difference([one, two], [one]) == (1, two, None)
