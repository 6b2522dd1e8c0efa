"""What others say: dense on the disk, told once, and read up to where one has read."""

from __future__ import annotations

import msgspec
import pytest

from lanline.client.chat.following import FETCHED_AT_FIRST
from lanline.client.view import events
from lanline.client.view.values import MessageState, Unreadable
from lanline.errors import CloseCode
from lanline.model.content import Delete, Edit, Reaction, Text
from lanline.wire.chat.answers import Refused
from lanline.wire.chat.conversations import ConversationChanged, ConversationGone, Conversations, MemberChanged
from lanline.wire.chat.directory import PeopleChanged, Person
from lanline.wire.chat.entries import (
    Advance,
    Append,
    CursorMoved,
    EarlierEntries,
    Entries,
    Follow,
    LogCursor,
    LogEntry,
    ReadBefore,
)
from unit.client.chat.stage import (
    ANN,
    ANN_AND_BEN,
    BEN,
    CAI,
    LAB,
    PlayedLink,
    Stage,
    direct,
    entry,
    entry_of,
    lab,
    people_table,
    person,
    said,
    texts,
)


def followed(link: PlayedLink) -> dict[int, int]:
    return {follow.log: follow.after for follow in link.take(Follow)}


def test_a_new_log_is_followed_from_its_beginning_or_ten_thousand_back() -> None:
    assert followed(Stage().connect(lab(head=50))) == {LAB: 0}
    assert followed(Stage().connect(lab(head=FETCHED_AT_FIRST + 7))) == {LAB: 7}


def test_after_a_lost_link_a_log_is_read_on_from_where_the_disk_ends() -> None:
    stage = Stage()
    link = stage.connect(lab(head=5))
    link.say(said(LAB, 1, 2, 3))
    link.die()
    again = stage.connect(lab(head=5))
    assert followed(again) == {LAB: 3}
    again.say(said(LAB, 4, 5))
    assert [event.log for event in stage.heard(events.CaughtUp)] == [LAB]
    stage.restart()
    assert followed(stage.connect(lab(head=5))) == {LAB: 5}
    assert texts(stage.node.messages(LAB)) == [f"text {n}" for n in range(1, 6)]


@pytest.mark.parametrize("sequences", [(4, 5), (3, 4), (5,), (4, 6), (6, 5), (4, 4)])
def test_a_gap_or_a_repeat_ends_the_link_and_is_not_kept(sequences: tuple[int, ...]) -> None:
    stage = Stage()
    link = stage.connect(lab(head=3))
    link.say(said(LAB, 1, 2, 3))
    link.say(said(LAB, *sequences))
    if sequences == (4, 5):
        assert link.closed is None
        return
    assert link.closed is not None
    assert link.closed.code is CloseCode.PROTOCOL_VIOLATION
    assert [message.sequence for message in stage.node.messages(LAB)] == [1, 2, 3]


def test_what_comes_is_told_once_and_live_after_the_head_that_was_there() -> None:
    stage = Stage()
    link = stage.connect(lab(head=2))
    link.say(said(LAB, 1), said(LAB, 2), said(LAB, 3))
    received = stage.heard(events.EntriesReceived)
    assert [(texts(event.messages), event.is_live) for event in received] == [
        (["text 1"], False),
        (["text 2"], False),
        (["text 3"], True),
    ]
    message = received[0].messages[0]
    assert (message.account, message.state, message.is_own) == (BEN, MessageState.RECEIVED, False)


def test_entries_of_a_log_that_is_not_followed_are_left_alone() -> None:
    stage = Stage()
    link = stage.connect(lab(head=1))
    link.say(ConversationGone(LAB, "Sent away."), said(LAB, 1), said(999, 1))
    assert link.closed is None
    assert not stage.heard(events.EntriesReceived)
    assert stage.heard(events.ConversationClosed)[0].reason == "Sent away."
    assert not stage.node.conversations.all[0].is_open


def test_who_comes_back_into_a_room_reads_on() -> None:
    stage = Stage()
    link = stage.connect(lab(head=1))
    link.say(said(LAB, 1), ConversationGone(LAB, "You left."))
    link.take(Follow)
    link.say(ConversationChanged(lab(head=4)))
    assert followed(link) == {LAB: 1}
    assert stage.node.conversations.all[0].is_open
    link.say(said(LAB, 2, 3, 4, 5))
    assert stage.node.conversations.all[0].unread == 1, "what was said while one was out of it was not for one"


def test_what_was_said_before_one_came_into_a_room_is_not_unread() -> None:
    stage = Stage()
    link = stage.connect()
    link.say(ConversationChanged(lab(head=3)))
    link.say(said(LAB, 1, 2))
    link.take(Advance)
    stage.clock.turn(1)
    assert link.take(Advance)[-1].cursors == (LogCursor(LAB, 2, 2),), "other devices learn it, as far as it is here"
    stage.restart()
    link = stage.connect(lab(head=4))
    link.say(said(LAB, 3, 4))
    assert stage.node.conversations.all[0].unread == 1


def test_first_words_of_somebody_are_unread() -> None:
    stage = Stage()
    link = stage.connect()
    link.say(ConversationChanged(direct(head=1)), said(ANN_AND_BEN, 1))
    assert stage.node.conversations.all[0].unread == 1


def test_a_new_account_finds_what_was_said_before_as_history_when_its_home_first_looks() -> None:
    joining = Stage()
    joining.connect(lab(head=3))
    stage = Stage()
    joining.node.keep_start(stage.history)
    stage.restart()
    stage.connect(lab(head=5)).say(said(LAB, 1, 2, 3, 4, 5))
    assert stage.node.conversations.all[0].unread == 2


def test_a_room_that_was_lost_while_away_is_closed_at_the_next_sign_in() -> None:
    stage = Stage()
    stage.connect(lab(), direct()).die()
    link = stage.connect(direct())
    assert [event.title for event in stage.heard(events.ConversationClosed)] == ["#lab"]
    assert list(followed(link)) == [ANN_AND_BEN]


def test_a_conversation_of_two_is_called_by_the_others_name() -> None:
    stage = Stage()
    stage.connect(lab(), direct())
    assert [each.title for each in stage.node.conversations.all] == ["#lab", "ben"]
    found = stage.node.conversations.titled("BEN")
    assert found is not None
    assert found.shown.log == ANN_AND_BEN


def test_the_count_of_members_follows_who_comes_and_goes() -> None:
    stage = Stage()
    link = stage.connect(lab())
    link.say(MemberChanged(LAB, BEN, None, BEN, 2))
    assert [event.conversation.members for event in stage.heard(events.ConversationChanged)] == [2]
    stage.restart()
    found = stage.node.conversations.shown(LAB)
    assert found is not None
    assert found.members == 2


def test_what_cannot_be_opened_is_shown_as_that() -> None:
    stage = Stage()
    link = stage.connect(lab(head=3))
    future = LogEntry(1, bytes(16), BEN, 1, 1, "rsa", b"sealed")
    broken = LogEntry(2, bytes(16), BEN, 1, 1, "plain", b"\xc1")
    empty = entry(3, BEN, " ")
    link.say(Entries(LAB, (future, broken, empty)))
    (event,) = stage.heard(events.EntriesReceived)
    assert [type(message.content) for message in event.messages] == [Unreadable] * 3
    assert event.messages[0].content == Unreadable("rsa")


# Reading.


def test_cursors_are_reported_together_and_seldom() -> None:
    stage = Stage()
    link = stage.connect(lab(head=2))
    stage.clock.turn(1.0)
    link.take(Advance)
    for sequence in range(1, 6):
        link.say(said(LAB, sequence))
        stage.clock.turn(0.01)
    assert not link.take(Advance)
    stage.clock.turn(0.25)
    (advance,) = link.take(Advance)
    assert advance.cursors == (LogCursor(LAB, 5, 0),)
    stage.clock.turn(10)
    assert not link.take(Advance)


def test_what_is_read_is_on_the_disk_before_it_is_reported_and_counts_for_unread() -> None:
    stage = Stage()
    link = stage.connect(lab(head=3))
    link.say(said(LAB, 1, 2, 3))
    assert stage.node.conversations.all[0].unread == 3
    stage.node.reader.mark_read(LAB, 2)
    stage.node.reader.mark_read(LAB, 1)
    stage.node.reader.mark_read(LAB, 2)
    assert stage.node.conversations.all[0].unread == 1
    stage.clock.turn(0.3)
    assert link.take(Advance)[-1].cursors == (LogCursor(LAB, 3, 2),)
    stage.restart()
    assert (stage.node.conversations.all[0].read, stage.node.conversations.all[0].unread) == (2, 1)


def test_nobody_reads_further_than_what_is_here() -> None:
    stage = Stage()
    link = stage.connect(lab(head=3))
    link.say(said(LAB, 1))
    stage.node.reader.mark_read(LAB, 99)
    assert stage.node.conversations.all[0].read == 1


def test_what_another_device_has_read_is_no_longer_unread_here() -> None:
    stage = Stage()
    link = stage.connect(lab(head=3))
    link.say(said(LAB, 1, 2, 3), CursorMoved(LAB, ANN, 3, 2))
    assert (stage.node.conversations.all[0].read, stage.node.conversations.all[0].unread) == (2, 1)
    link.say(CursorMoved(LAB, ANN, 1, 1))
    assert stage.node.conversations.all[0].read == 2


def test_what_was_read_elsewhere_is_not_reported_as_delivered_here() -> None:
    stage = Stage()
    link = stage.connect(lab(head=9, delivered=0, read=8))
    link.say(said(LAB, 1))
    stage.clock.turn(0.3)
    assert [each for advance in link.take(Advance) for each in advance.cursors] == [LogCursor(LAB, 1, 1)]


def test_what_was_read_offline_is_reported_at_the_next_sign_in() -> None:
    stage = Stage()
    link = stage.connect(lab(head=2))
    link.say(said(LAB, 1, 2))
    stage.clock.turn(1)
    link.die()
    stage.node.reader.mark_read(LAB, 2)
    stage.clock.turn(1)
    stage.restart()
    again = stage.connect(lab(head=2, delivered=2))
    stage.clock.turn(0.3)
    assert again.take(Advance)[0].cursors == (LogCursor(LAB, 2, 2),)


def test_at_the_goodbye_cursors_are_reported_at_once() -> None:
    stage = Stage()
    link = stage.connect(lab(head=1))
    link.say(said(LAB, 1))
    stage.node.reader.mark_read(LAB, 1)
    done: list[str] = []
    stage.node.when_delivered(lambda: done.append("delivered"))
    assert link.take(Advance)[0].cursors == (LogCursor(LAB, 1, 1),)
    assert not done
    link.arrive()
    assert done


# One's own.


def test_ones_own_message_lives_through_sent_delivered_and_read() -> None:
    stage = Stage()
    link = stage.connect(direct())
    message = stage.say("ben", Text("hello"))
    link.commit(*link.take(Append), after=0)
    link.say(Entries(ANN_AND_BEN, (entry(1, ANN, "hello", message.entry_id),)))
    link.say(
        CursorMoved(ANN_AND_BEN, BEN, 1, 0), CursorMoved(ANN_AND_BEN, BEN, 1, 1), CursorMoved(ANN_AND_BEN, BEN, 0, 0)
    )
    states = [(each.entry_id, each.state) for each in stage.heard(events.MessageStateChanged)]
    assert states == [
        (message.entry_id, MessageState.SENT),
        (message.entry_id, MessageState.DELIVERED),
        (message.entry_id, MessageState.READ),
    ]
    assert stage.node.messages(ANN_AND_BEN)[0].state is MessageState.READ
    stage.clock.turn(1)
    stage.restart()
    assert stage.node.messages(ANN_AND_BEN)[0].state is MessageState.READ


def test_what_others_read_while_one_was_away_is_told_at_the_sign_in() -> None:
    stage = Stage()
    link = stage.connect(direct())
    message = stage.say("ben", Text("hello"))
    link.commit(*link.take(Append), after=0)
    link.die()
    stage.heard(events.MessageStateChanged)
    stage.connect(direct(head=1, others=(1, 1)))
    states = [(each.entry_id, each.state) for each in stage.heard(events.MessageStateChanged)]
    assert states == [(message.entry_id, MessageState.READ)]


# What is unread.


def test_what_was_said_while_one_was_away_is_unread_where_it_was_said() -> None:
    stage = Stage()
    link = stage.connect(lab(head=1), direct())
    link.say(said(LAB, 1))
    stage.node.reader.mark_read(LAB, 1)
    link.die()
    again = stage.connect(lab(head=3), direct(head=2))
    again.say(said(LAB, 2, 3), said(ANN_AND_BEN, 1), said(ANN_AND_BEN, 2))
    assert [(each.title, each.unread) for each in stage.node.conversations.all] == [("#lab", 2), ("ben", 2)]
    again.say(said(LAB, 4))
    assert stage.node.conversations.all[0].unread == 3


def test_nothing_is_unread_that_was_read_or_is_ones_own() -> None:
    stage = Stage()
    link = stage.connect(lab(head=2, read=1))
    link.say(said(LAB, 1), said(LAB, 2, account=ANN))
    assert stage.node.conversations.all[0].unread == 0


def test_what_was_left_unread_is_so_after_a_restart() -> None:
    stage = Stage()
    link = stage.connect(lab(head=2))
    link.say(said(LAB, 1, 2))
    stage.restart()
    stage.connect(lab(head=2, delivered=2))
    assert stage.node.conversations.all[0].unread == 2


def test_what_becomes_of_earlier_words_is_not_unread() -> None:
    stage = Stage()
    link = stage.connect(lab(head=1))
    link.say(said(LAB, 1))
    stage.node.reader.mark_read(LAB, 1)
    first = (1).to_bytes(16, "big")
    later = [entry_of(2, Reaction(first, "👍")), entry_of(3, Edit(first, "better")), entry_of(4, Delete(first))]
    link.say(Entries(LAB, (*later, entry(5))))
    assert stage.node.conversations.all[0].unread == 1
    stage.restart()
    stage.connect(lab(head=5, delivered=5, read=1))
    assert stage.node.conversations.all[0].unread == 1


# Earlier.


def test_what_was_said_before_is_read_backwards_and_kept() -> None:
    stage = Stage()
    head = FETCHED_AT_FIRST + 3
    link = stage.connect(lab(head=head))
    stage.node.reader.read_earlier(LAB, 2)
    stage.node.reader.read_earlier(LAB, 2)
    (asked,) = link.take(ReadBefore)
    assert (asked.before, asked.limit) == (4, 2)
    link.say(EarlierEntries(asked.request, LAB, (entry(2), entry(3))))
    (event,) = stage.heard(events.EarlierReceived)
    assert texts(event.messages) == ["text 2", "text 3"]
    assert stage.node.conversations.all[0].first == 1
    stage.restart()
    assert texts(stage.node.messages(LAB)) == ["text 2", "text 3"]


@pytest.mark.parametrize("sequences", [(1, 3), (2,), (3, 2), (3, 4)])
def test_a_gap_in_what_was_said_before_ends_the_link(sequences: tuple[int, ...]) -> None:
    stage = Stage()
    link = stage.connect(lab(head=FETCHED_AT_FIRST + 3))
    stage.node.reader.read_earlier(LAB, 2)
    (asked,) = link.take(ReadBefore)
    link.say(EarlierEntries(asked.request, LAB, tuple(map(entry, sequences))))
    assert link.closed is not None
    assert not stage.node.messages(LAB)


def test_at_the_beginning_there_is_nothing_earlier_and_a_refusal_is_an_end_too() -> None:
    stage = Stage()
    link = stage.connect(lab(head=1), direct(head=FETCHED_AT_FIRST + 1))
    stage.node.reader.read_earlier(LAB)
    stage.node.reader.read_earlier(ANN_AND_BEN)
    (asked,) = link.take(ReadBefore)
    link.say(Refused(asked.request, 7, "No."))
    assert [event.messages for event in stage.heard(events.EarlierReceived)] == [(), ()]


# People.


def test_comings_and_goings_are_told_and_a_lost_link_makes_nobody_online() -> None:
    stage = Stage()
    link = stage.connect()
    stage.heard(events.PeopleChanged)
    link.say(PeopleChanged((person(BEN),)), PeopleChanged((person(BEN), person(CAI))))
    came, both = stage.heard(events.PeopleChanged)
    assert [each.name for each in came.came] == ["ben"]
    assert [each.name for each in both.came] == ["cai"]
    link.say(PeopleChanged((person(BEN, is_online=False),)))
    assert [each.name for each in stage.heard(events.PeopleChanged)[0].went] == ["ben"]
    link.die()
    assert not any(each.is_online for each in stage.node.directory.people)


def test_people_are_known_offline_after_a_restart() -> None:
    stage = Stage()
    stage.connect()
    stage.restart()
    found = stage.node.directory.named("Ben")
    assert found is not None
    assert (found.account, found.is_online) == (BEN, False)


def test_a_hostile_name_never_reaches_a_terminal_raw() -> None:
    stage = Stage()
    link = stage.connect()
    link.say(PeopleChanged((person(BEN).__class__(BEN, "b\x1b[2Jen\n\u202e", True, "\x07here", 1),)))
    found = stage.node.directory.person(BEN)
    assert found is not None
    assert not set("\x1b\n\u202e\x07") & set(found.name + found.address)


def test_with_follows_all_off_nothing_is_followed() -> None:
    assert not Stage(follows_all=False).connect(lab(head=1), direct(head=1)).take(Follow)


def test_the_tables_may_come_in_pieces() -> None:
    stage, link = Stage(), PlayedLink()
    stage.node.on_connected(link)
    stage.greet(link)
    stage.sign_in(link)
    link.say(people_table(), Conversations((lab(),), is_last=False), Conversations((direct(),), is_last=True))
    assert set(followed(link)) == {LAB, ANN_AND_BEN}


def test_numbers_that_no_database_holds_end_the_link_and_nothing_else() -> None:
    stage = Stage()
    link = stage.connect(lab(head=1))
    link.say(PeopleChanged((Person(BEN, "ben", True, "", 2**64 - 1),)))
    link.say(Entries(LAB, (msgspec.structs.replace(entry(1), time_ms=2**64 - 1),)))
    assert link.closed is not None
    assert link.closed.code is CloseCode.PROTOCOL_VIOLATION
    stage.connect(lab(head=1)).say(said(LAB, 1))
    assert len(stage.node.messages(LAB)) == 1
