from __future__ import annotations

from lanline.model.accounts import AccountId, DeviceId
from lanline.model.logs import Cursor, LogId
from lanline.model.rooms import Access, Direct, Membership, Role, Room, Standing
from lanline.services.conversations import Conversation
from lanline.services.cursors import Cursors

ANN, BOB, CYD = AccountId(1), AccountId(2), AccountId(3)
LOG = LogId(9)
ROOM = Room(LOG, "#lab", "", Access.OPEN, ANN, 0)


def test_the_members_that_read_are_counted_through_every_change() -> None:
    conversation = Conversation(LOG, 0, 0, ROOM)
    for membership in (
        Membership(LOG, ANN, Role.OWNER),
        Membership(LOG, BOB, standing=Standing.INVITED),
        Membership(LOG, BOB),
        Membership(LOG, BOB, is_muted=True),
        Membership(LOG, CYD),
        Membership(LOG, CYD, standing=Standing.BANNED),
    ):
        conversation.put(membership)
    assert conversation.size == 2
    assert list(conversation.readers()) == [ANN, BOB]
    assert [conversation.may_speak(each) for each in (ANN, BOB, CYD)] == [True, False, False]
    conversation.drop(BOB)
    conversation.drop(BOB)
    assert conversation.size == 1


def test_two_read_a_conversation_of_two_and_one_their_own_notes() -> None:
    both = Conversation(LOG, 0, 0, Direct(LOG, ANN, BOB))
    assert (both.size, list(both.readers())) == (2, [ANN, BOB])
    assert [both.may_read(each) for each in (ANN, BOB, CYD)] == [True, True, False]
    notes = Conversation(LOG, 0, 0, Direct(LOG, ANN, ANN))
    assert (notes.size, list(notes.readers())) == (1, [ANN])


def test_times_do_not_go_back() -> None:
    conversation = Conversation(LOG, 5, 1000, ROOM)
    assert [conversation.stamp(now_ms) for now_ms in (900, 1100, 1050, 1200)] == [1000, 1100, 1100, 1200]


def test_a_mark_moves_forward_only_and_says_when_it_did() -> None:
    conversation = Conversation(LOG, 5, 0, ROOM)
    conversation.marks = {}
    assert conversation.move_mark(ANN, Cursor(3, 1)) == Cursor(3, 1)
    assert conversation.move_mark(ANN, Cursor(2, 1)) is None
    assert conversation.move_mark(ANN, Cursor(2, 2)) == Cursor(3, 2)
    assert conversation.mark(BOB) == Cursor()


def test_cursors_are_merged_until_they_are_taken() -> None:
    cursors = Cursors()
    device = DeviceId(4)
    cursors.advance(LOG, device, 0, 0)
    assert len(cursors) == 0
    cursors.advance(LOG, device, 5, 1)
    cursors.advance(LOG, device, 3, 2)
    taken = cursors.take()
    assert taken == {(LOG, device): Cursor(5, 2)}
    assert cursors.take() == {}
    cursors.advance(LOG, device, 6, 0)
    cursors.put_back(taken)
    assert cursors.take() == {(LOG, device): Cursor(6, 2)}
