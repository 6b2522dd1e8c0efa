"""Whether a peer has moved to an address: who is asked when, and what counts as an answer."""

from __future__ import annotations

import pytest

from lanline.proto.link.newaddress import CHALLENGE_PACKET_BYTES, NewAddress

NEW, OLD = b"new addr", b"old addr"
PTO_S = 0.1


@pytest.fixture
def new() -> NewAddress:
    return NewAddress(("192.0.2.9", 9), NEW + OLD, PTO_S, 10.0)


def test_the_old_address_is_asked_at_once_and_the_new_one_when_enough_came_from_it(new: NewAddress) -> None:
    assert new.questions(10.0) == (OLD, None)
    new.credit(CHALLENGE_PACKET_BYTES - 1)
    assert new.questions(10.0) == (None, None)
    new.credit(1)
    assert new.questions(10.0) == (None, NEW)
    assert new.questions(10.0) == (None, None)


def test_no_more_goes_to_the_new_address_than_came_from_it(new: NewAddress) -> None:
    new.credit(3 * CHALLENGE_PACKET_BYTES)
    asked = [new.questions(new.due_at)[1] for _ in range(6)]
    assert asked == [NEW] * 3 + [None] * 3


def test_it_has_moved_when_the_new_address_has_answered_and_the_time_of_the_old_one_is_over(new: NewAddress) -> None:
    new.questions(10.0)
    new.questions(10.0 + PTO_S / 2)
    new.answer_from_here(OLD)
    assert not new.is_proven
    new.answer_from_here(NEW)
    assert not new.has_moved(10.0 + PTO_S / 2)
    assert new.has_moved(10.001 + PTO_S)


def test_whoever_asks_late_waits_for_the_answer_as_long(new: NewAddress) -> None:
    new.questions(10.0)
    new.answer_from_here(NEW)
    assert not new.has_moved(20.0)
    new.questions(20.0)
    assert not new.has_moved(20.0)
    assert new.has_moved(20.001 + PTO_S)


def test_a_short_way_leaves_time_to_a_busy_program() -> None:
    near = NewAddress(("192.0.2.9", 9), NEW + OLD, 0.026, 10.0)
    near.questions(10.0)
    near.answer_from_here(NEW)
    near.questions(10.05)
    assert not near.has_moved(10.09)
    assert near.has_moved(10.101)


def test_a_proven_address_is_asked_no_more_and_the_old_one_once_more(new: NewAddress) -> None:
    new.credit(1000)
    new.questions(10.0)
    new.answer_from_here(NEW)
    assert new.questions(new.due_at) == (OLD, None)


def test_an_answer_is_one_of_the_two_challenges(new: NewAddress) -> None:
    assert new.is_answer(NEW)
    assert new.is_answer(OLD)
    assert not new.is_answer(b"8 octets")
    assert not new.is_answer(None)


def test_asking_grows_rarer_and_ends(new: NewAddress) -> None:
    times = []
    while not new.is_over(new.due_at):
        times.append(new.due_at)
        new.questions(new.due_at)
    assert times == pytest.approx([10.0, 10.05, 10.1, 10.15, 10.25, 10.45, 10.85, 11.65])
    assert new.due_at == pytest.approx(13.0)
