"""How far devices have come: cheap to say, written once a second, told once it is written."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lanline.errors import StorageFull
from lanline.wire.chat import conversations, entries
from serverhouse.house import Client, House

OpenHouse = Callable[..., House]


def advance(client: Client, log: int, delivered: int, read: int = 0) -> None:
    client.say(entries.Advance((entries.LogCursor(log, delivered, read),)))


def moved(client: Client) -> list[tuple[int, int, int]]:
    return [(each.account, each.delivered, each.read) for each in client.all(entries.CursorMoved)]


@pytest.fixture
def pair(house: House) -> tuple[Client, Client, int]:
    ann, bob = house.join("ann"), house.join("bob")
    log = ann.ask(conversations.OpenDirect(ann.number(), bob.account), conversations.Opened).log
    for number in range(1, 6):
        ann.append(log, number)
    return ann, bob, log


Pair = tuple[Client, Client, int]


def test_the_other_hears_of_it_once_it_is_written(house: House, pair: Pair) -> None:
    ann, bob, log = pair
    advance(bob, log, 3, 1)
    assert moved(ann) == []
    house.pass_time(1.01)
    assert moved(ann) == [(bob.account, 3, 1)]
    assert moved(bob) == [], "not back to the device itself"


def test_two_programs_of_one_device_hear_of_each_other(house: House, pair: Pair) -> None:
    """Or the one would go on showing as unread what was read in the other."""
    _, bob, log = pair
    other = house.sign_in("bob")
    advance(bob, log, 3, 2)
    house.pass_time(1.01)
    assert (moved(bob), moved(other)) == ([], [(bob.account, 3, 2)])


def test_a_program_hears_what_another_has_read_that_is_gone_by_then(house: House, pair: Pair) -> None:
    _, bob, log = pair
    other = house.sign_in("bob")
    advance(bob, log, 3, 2)
    bob.hang_up()
    house.pass_time(1.01)
    assert moved(other) == [(bob.account, 3, 2)]


def test_many_words_are_one_write(house: House, pair: Pair) -> None:
    _, bob, log = pair
    advance(bob, log, 1)
    house.pass_time(1.01)
    writes = 0
    real = house.store.write

    def counting(work: object) -> object:
        nonlocal writes
        writes += 1
        return real(work)  # type: ignore[arg-type]

    house.store.write = counting  # type: ignore[method-assign, assignment]
    for delivered in range(2, 6):
        advance(bob, log, delivered)
    house.pass_time(1.01)
    assert writes == 1


def test_a_cursor_never_goes_back_nor_beyond_the_head(house: House, pair: Pair) -> None:
    ann, bob, log = pair
    advance(bob, log, 4, 2)
    house.pass_time(1.01)
    advance(bob, log, 2, 1)
    advance(bob, log, 10**9, 3)
    ann.append(log, 6)  # which bob cannot have meant
    house.pass_time(1.01)
    assert moved(ann) == [(bob.account, 4, 2), (bob.account, 5, 3)]


def test_ones_other_devices_hear_how_far_one_has_read(house: House, pair: Pair) -> None:
    _, bob, log = pair
    phone = house.join("bob", key="phone")
    advance(bob, log, 5, 5)
    house.pass_time(1.01)
    assert moved(phone) == [(bob.account, 5, 5)]
    advance(phone, log, 4, 4)
    house.pass_time(1.01)
    assert moved(bob) == [], "the account was further already"
    again = house.sign_in("phone")
    conversation = again.conversations()[log]
    assert (conversation.delivered, conversation.read) == (4, 5)


@pytest.fixture
def crowd(house: House) -> list[Client]:
    return [house.join(f"guest{letter}") for letter in "abcdefghjkmnpqrstuvwxyz"]


def test_in_a_room_of_any_size_an_author_hears_once_that_somebody_has_it(house: House, crowd: list[Client]) -> None:
    ann, *others = crowd
    log = ann.log("#lobby")
    ann.append(log, 1)
    for other in others:
        advance(other, log, 1)
    house.pass_time(1.01)
    assert [delivered_read[1:] for delivered_read in moved(ann)] == [(1, 0)]
    assert [moved(other) for other in others] == [[] for _ in others], "they have said nothing"
    for other in others:
        advance(other, log, 1, 1)
    house.pass_time(1.01)
    assert [delivered_read[1:] for delivered_read in moved(ann)] == [(1, 0), (1, 1)]


def test_what_one_has_oneself_is_not_with_somebody(house: House, crowd: list[Client]) -> None:
    ann, ben, *_ = crowd
    log = ann.log("#lobby")
    ann.append(log, 1)
    advance(ann, log, 1, 1)
    house.pass_time(1.01)
    again = house.sign_in("guesta")
    assert (again.conversations()[log].other_delivered, again.conversations()[log].other_read) == (0, 0)
    advance(ben, log, 1)
    house.pass_time(1.01)
    assert moved(ann) == [(ben.account, 1, 0)]


def test_the_moves_of_all_at_once_are_told_to_each_author_once(house: House, crowd: list[Client]) -> None:
    """However many move: the furthest goes first, and those after it say nothing more to anybody."""
    ann, *others = crowd
    log = ann.log("#lobby")
    for number in range(1, len(crowd) + 1):
        crowd[number - 1].append(log, number)
    for place, other in enumerate(others, 1):
        advance(other, log, place, place)
    house.pass_time(1.01)
    assert len(moved(ann)) == 1
    assert all(len(moved(other)) <= 2 for other in others), "the furthest hears of the second, who was told first"


def test_marks_of_a_room_show_to_who_was_away(house: House, crowd: list[Client]) -> None:
    ann, ben, *_ = crowd
    log = ann.log("#lobby")
    ann.append(log, 1)
    ann.append(log, 2)
    ann.hang_up()
    advance(ben, log, 2, 1)
    house.pass_time(1.01)
    house.stop()
    house.start()
    ann, ben = house.sign_in("guesta"), house.sign_in("guestb")
    stands = ann.conversations()[log]
    assert (stands.other_delivered, stands.other_read) == (2, 1)
    advance(ben, log, 2, 2)
    house.pass_time(1.01)
    assert moved(ann) == [(ben.account, 2, 2)], "also of what was said before the server was started again"


def test_it_survives_a_restart_and_shows_to_both(house: House, pair: Pair) -> None:
    ann, bob, log = pair
    advance(bob, log, 5, 4)
    house.pass_time(1.01)
    house.stop()
    house.start()
    ann, bob = house.sign_in("ann"), house.sign_in("bob")
    mine = bob.conversations()[log]
    assert (mine.delivered, mine.read) == (5, 4)
    theirs = ann.conversations()[log]
    assert (theirs.other_delivered, theirs.other_read) == (5, 4)


def test_what_cannot_be_written_now_is_written_later(house: House, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, bob, log = pair
    advance(bob, log, 5)

    def full(works: list[object]) -> list[object]:
        return [StorageFull("full")] * len(works)

    with monkeypatch.context() as patched:
        patched.setattr(house.engine, "transact", full)
        house.pass_time(1.01)
    assert moved(ann) == []
    house.pass_time(1.01)
    assert moved(ann) == [(bob.account, 5, 0)]


def test_a_cursor_in_a_conversation_one_may_not_read_is_nothing(house: House, pair: Pair) -> None:
    ann, _, log = pair
    cyd = house.join("cyd")
    advance(cyd, log, 5)
    advance(cyd, 4711, 5)
    house.pass_time(1.01)
    assert moved(ann) == []
    assert cyd.link.closed is None
