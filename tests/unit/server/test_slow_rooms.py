"""Slow rooms and pinned messages: who may set them, what the server holds back, and what everybody is told."""

from __future__ import annotations

import pytest

from lanline.errors import RefusalCode
from lanline.model.rooms import MAX_PINS, MAX_SLOW_S, Access, Role
from lanline.wire.chat import answers, groups
from lanline.wire.chat import conversations as wire
from serverhouse.house import Client, House
from unit.server.test_rooms import create, do, enter

Room = tuple[Client, Client, int]


@pytest.fixture(name="slow")
def _slow(house: House) -> Room:
    """Ann's, where bob waits 30 seconds."""
    ann, bob = house.join("ann"), house.join("bob")
    log = create(ann)
    enter(bob)
    assert do(ann, wire.SetSlow, log, 30) is None
    return ann, bob, log


def refused(client: Client, request: int) -> answers.Refused:
    answer = client.answer(request)
    assert isinstance(answer, answers.Refused)
    return answer


def gives_up(client: Client, number: int) -> None:
    client.say(groups.GiveUp(number.to_bytes(16, "big")))


def test_a_member_waits_and_is_told_how_long(house: House, slow: Room) -> None:
    _, bob, log = slow
    assert bob.conversations()[log].slow_s == 30
    assert bob.place(bob.append(log, 1)) is not None
    house.pass_time(10)
    answer = refused(bob, bob.append(log, 2))
    assert (answer.known_code, answer.retry_after_ms) == (RefusalCode.SLOW_ROOM, 20_000)
    assert answer.text == "#lab takes a message of yours every 30 s."
    house.pass_time(20)
    assert bob.place(bob.append(log, 2)) is not None


def test_nothing_passes_what_waits_before_it_is_given_up(house: House, slow: Room) -> None:
    _, bob, log = slow
    bob.append(log, 1)
    for number in (2, 3):
        bob.append(log, number, settles=False)
    house.settle()
    house.pass_time(31)
    assert refused(bob, bob.append(log, 3)).known_code is RefusalCode.SLOW_DOWN, "the second comes first"
    assert bob.place(bob.append(log, 2)) is not None


def test_other_conversations_go_on_once_it_is_given_up(slow: Room) -> None:
    _, bob, log = slow
    bob.append(log, 1)
    refused(bob, bob.append(log, 2))
    assert refused(bob, bob.append(bob.log("#lobby"), 3)).known_code is RefusalCode.SLOW_DOWN
    gives_up(bob, 2)
    assert bob.place(bob.append(bob.log("#lobby"), 3)) is not None


def test_two_of_one_batch_are_not_both_taken(house: House, slow: Room) -> None:
    _, bob, log = slow
    requests = [bob.append(log, number, settles=False) for number in (1, 2)]
    house.settle()
    assert bob.place(requests[0]) is not None
    assert refused(bob, requests[1]).known_code is RefusalCode.SLOW_ROOM


def test_a_repeat_is_answered_with_its_place(slow: Room) -> None:
    _, bob, log = slow
    first = bob.place(bob.append(log, 1))
    again = bob.place(bob.append(log, 1))
    assert first is not None
    assert again is not None
    assert again.sequence == first.sequence


def test_the_wait_outlives_a_restart_of_the_server(house: House, slow: Room) -> None:
    _, bob, log = slow
    bob.append(log, 1)
    house.stop()
    house.start()
    back = house.sign_in("bob")
    assert back.conversations()[log].slow_s == 30
    assert refused(back, back.append(log, 2)).known_code is RefusalCode.SLOW_ROOM


def test_moderators_and_others_do_not_wait_for_each_other(slow: Room) -> None:
    ann, bob, log = slow
    bob.append(log, 1)
    assert ann.place(ann.append(log, 2)) is not None
    assert ann.place(ann.append(log, 3)) is not None
    assert do(ann, wire.SetRole, log, bob.account, Role.MODERATOR) is None
    assert bob.place(bob.append(log, 4)) is not None


def test_it_ends_at_once(slow: Room) -> None:
    ann, bob, log = slow
    bob.append(log, 1)
    assert do(ann, wire.SetSlow, log, 0) is None
    assert bob.place(bob.append(log, 2)) is not None
    assert bob.place(bob.append(log, 3)) is not None


def test_only_moderators_make_a_room_slow_and_within_bounds(slow: Room) -> None:
    ann, bob, log = slow
    assert do(bob, wire.SetSlow, log, 0) is RefusalCode.NOT_ALLOWED
    assert do(ann, wire.SetSlow, log, MAX_SLOW_S + 1) is RefusalCode.INVALID
    assert bob.conversations()[log].slow_s == 30


# Pins.


def test_a_pin_is_told_to_all_and_to_who_comes_later(house: House, slow: Room) -> None:
    ann, bob, log = slow
    for number in (1, 2):
        ann.append(log, number)
    assert do(ann, wire.SetPinned, log, 2, True) is None
    assert do(ann, wire.SetPinned, log, 1, True) is None
    assert bob.conversations()[log].pins == (2, 1)
    cyd = house.join("cyd")
    enter(cyd)
    assert cyd.conversations()[log].pins == (2, 1)
    house.stop()
    house.start()
    back = house.sign_in("bob")
    assert back.conversations()[log].pins == (2, 1)
    assert do(house.sign_in("ann"), wire.SetPinned, log, 2, False) is None
    assert back.conversations()[log].pins == (1,)


def test_who_may_pin_and_what(slow: Room) -> None:
    ann, bob, log = slow
    ann.append(log, 1)
    assert do(bob, wire.SetPinned, log, 1, True) is RefusalCode.NOT_ALLOWED
    assert do(ann, wire.SetPinned, log, 2, True) is RefusalCode.NOT_FOUND
    assert do(ann, wire.SetPinned, log, 1, True) is None
    assert do(bob, wire.SetPinned, log, 1, False) is RefusalCode.NOT_ALLOWED
    assert do(ann, wire.SetPinned, ann.log("#lobby") + 99, 1, True) is RefusalCode.UNKNOWN_CONVERSATION
    assert bob.conversations()[log].pins == (1,)


def test_a_room_has_so_many_pins(slow: Room) -> None:
    ann, _, log = slow
    for number in range(1, MAX_PINS + 2):
        ann.append(log, number)
    told = [do(ann, wire.SetPinned, log, number, True) for number in range(1, MAX_PINS + 2)]
    assert told == [*[None] * MAX_PINS, RefusalCode.QUOTA_EXCEEDED]


def test_a_room_that_is_closed_keeps_its_pace_and_pins(slow: Room) -> None:
    ann, bob, log = slow
    ann.append(log, 1)
    assert do(ann, wire.SetPinned, log, 1, True) is None
    assert do(ann, wire.SetAccess, log, Access.INVITE_ONLY) is None
    assert (bob.conversations()[log].slow_s, bob.conversations()[log].pins) == (30, (1,))


def test_an_invitation_is_new_once(house: House) -> None:
    ann, bob = house.join("ann"), house.join("bob")
    log = create(ann, access=Access.INVITE_ONLY)
    assert do(ann, wire.InviteToRoom, log, bob.account) is None
    assert [(each.by, each.is_new) for each in bob.all(wire.InvitedToRoom)] == [(ann.account, True)]
    house.stop()
    house.start()
    back = house.sign_in("bob")
    assert [(each.by, each.is_new) for each in back.all(wire.InvitedToRoom)] == [(ann.account, False)]
