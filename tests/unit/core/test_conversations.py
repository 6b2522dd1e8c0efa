from __future__ import annotations

from lanline.core.changes import Appended, DirectOpened
from lanline.core.conversations import Conversation, Conversations
from lanline.model.accounts import AccountId
from lanline.model.logs import LogId
from lanline.model.rooms import Access, Direct, Membership, Role, Room, Standing

ANN, BOB, CYD = AccountId(1), AccountId(2), AccountId(3)
LOG = LogId(9)
ROOM = Room(LOG, "#lab", "", Access.OPEN, ANN, 0)


def test_the_members_that_read_are_counted_through_every_change() -> None:
    conversation = Conversation(0, ROOM)
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
    assert [conversation.may_read(each) for each in (ANN, BOB, CYD)] == [True, True, False]
    conversation.drop(BOB)
    conversation.drop(BOB)
    assert conversation.size == 1


def test_two_read_a_conversation_of_two_and_one_their_own_notes() -> None:
    both = Conversation(0, Direct(LOG, ANN, BOB))
    assert (both.size, list(both.readers())) == (2, [ANN, BOB])
    assert [both.may_read(each) for each in (ANN, BOB, CYD)] == [True, True, False]
    notes = Conversation(0, Direct(LOG, ANN, ANN))
    assert (notes.size, list(notes.readers())) == (1, [ANN])


def handle(conversations: Conversations, change: Appended | DirectOpened) -> None:
    conversations.handlers()[type(change)](change)


def test_what_comes_while_the_conversations_of_two_are_read_in_is_not_missed() -> None:
    """A read that takes its time finds them as they were when it began."""
    conversations, direct = Conversations(), Direct(LOG, ANN, BOB)
    assert conversations.begin_directs(ANN)
    assert conversations.begin_directs(BOB)
    handle(conversations, Appended(LOG, 7, ()))
    conversations.end_directs(BOB, None)
    handle(conversations, DirectOpened(Direct(LogId(10), ANN, CYD)))
    handle(conversations, Appended(LogId(10), 1, ()))
    conversations.end_directs(ANN, [(direct, 5), (Direct(LogId(10), ANN, CYD), 0)])
    assert {each.log: each.head for each in conversations.of(ANN)} == {LOG: 7, LogId(10): 1}
    assert not conversations.begin_directs(ANN)
    assert conversations.begin_directs(BOB), "whose read had failed"
    handle(conversations, Appended(LOG, 6, ()))
    assert conversations.head_for(LOG, BOB) == 7
    assert conversations.head_for(LOG, CYD) is None
