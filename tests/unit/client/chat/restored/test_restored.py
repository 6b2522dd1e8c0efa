"""A server that was restored: copies are compared, what it lost is set aside and told, what is said next is seen."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from lanline.client.chat.database import STEPS
from lanline.client.chat.history import History
from lanline.client.chat.restored.comparison import PIECE
from lanline.client.view import events
from lanline.errors import CloseCode, RefusalCode
from lanline.model.content import Text
from lanline.model.rooms import Access, Role, Standing
from lanline.wire.chat.answers import Refused
from lanline.wire.chat.conversations import Conversation, Conversations, Member, RoomInfo
from lanline.wire.chat.entries import Advance, Append, EarlierEntries, Entries, Follow, LogEntry, ReadBefore
from lanline.wire.chat.signin import SignedIn, SignIn
from unit.client.chat.stage import (
    ANN,
    ANN_AND_BEN,
    BEN,
    LAB,
    PlayedLink,
    Stage,
    direct,
    entry,
    lab,
    people_table,
    said,
    texts,
)

OLD, NEW = b"o" * 16, b"n" * 16


def after(sequence: int) -> LogEntry:
    """One that the restored server was told after the backup."""
    return entry(sequence, BEN, f"after {sequence}", sequence.to_bytes(16, "little"))


def holding(count: int, *, history: History | None = None, has_read: bool = True) -> Stage:
    """A device with so many entries of the lab, of a server in its first epoch."""
    stage = Stage(history=history)
    stage.epoch = OLD
    link = stage.connect(lab(head=count))
    link.say(said(LAB, *range(1, count + 1)))
    if has_read:
        stage.node.reader.mark_read(LAB, count)
    stage.clock.turn(1)
    link.die()
    stage.told = []
    return stage


def restored(stage: Stage, *conversations: Conversation) -> PlayedLink:
    stage.epoch = NEW
    return stage.connect(*conversations)


def answer(link: PlayedLink, agreed: int) -> None:
    """As a server would that has the old log up to there, and another one from there on."""
    for asked in link.take(ReadBefore):
        first = max(1, asked.before - asked.limit)
        found = [entry(n) if n <= agreed else after(n) for n in range(first, asked.before)]
        link.say(EarlierEntries(asked.request, asked.log, tuple(found)))


def test_a_log_goes_on_where_the_copies_part_and_nothing_new_is_taken_for_known() -> None:
    stage = holding(8)
    link = restored(stage, lab(head=7, delivered=5, read=5))
    assert [(asked.log, asked.before) for asked in link.sent if isinstance(asked, ReadBefore)] == [(LAB, 8)]
    assert not link.take(Follow)
    answer(link, agreed=5)
    assert [(follow.log, follow.after) for follow in link.take(Follow)] == [(LAB, 5)]
    assert stage.heard(events.CopyParted) == [events.CopyParted(LAB, 5)]
    link.say(Entries(LAB, (after(6), after(7))))
    assert texts(stage.node.messages(LAB)) == ["text 1", "text 2", "text 3", "text 4", "text 5", "after 6", "after 7"]
    shown = stage.node.conversations.shown(LAB)
    assert shown is not None
    assert (shown.delivered, shown.read, shown.unread) == (7, 5, 2)
    [told] = stage.heard(events.ServerRestored)
    assert told.count == 3
    assert "3 messages in #lab are not there any more" in told.text
    assert [(name, message.content) for name, message in stage.node.set_aside("#LAB")] == [
        ("ben", Text(f"text {n}")) for n in (6, 7, 8)
    ]


def test_it_is_told_once_and_compared_once() -> None:
    stage = holding(8)
    link = restored(stage, lab(head=6, delivered=5, read=5))
    answer(link, agreed=5)
    link.say(Entries(LAB, (after(6),)))
    assert stage.heard(events.ServerRestored)
    for _ in range(2):
        stage.restart()
        again = stage.connect(lab(head=6, delivered=6, read=5))
        assert not again.take(ReadBefore)
        assert [follow.after for follow in again.take(Follow)] == [6]
        assert not stage.heard(events.ServerRestored)


def test_the_server_hears_nothing_of_cursors_before_the_comparison() -> None:
    stage = holding(8)
    link = restored(stage, lab(head=8, delivered=5, read=5))
    stage.node.reader.mark_read(LAB, 8)
    stage.clock.turn(1)
    assert not link.take(Advance)
    answer(link, agreed=5)
    stage.clock.turn(1)
    assert not link.take(Advance), "what it knows already"


def test_copies_that_part_far_back_are_compared_piece_by_piece() -> None:
    stage = holding(3 * PIECE)
    link = restored(stage, lab(head=3 * PIECE))
    for _ in range(3):
        answer(link, agreed=7)
    assert [follow.after for follow in link.take(Follow)] == [7]


def test_where_nothing_agrees_all_is_set_aside_and_the_log_is_read_from_its_beginning() -> None:
    stage = holding(4)
    link = restored(stage, lab(head=2))
    answer(link, agreed=0)
    assert [follow.after for follow in link.take(Follow)] == [0]
    link.say(Entries(LAB, (after(1), after(2))))
    assert texts(stage.node.messages(LAB)) == ["after 1", "after 2"]
    assert len(stage.node.set_aside("#lab")) == 4


def test_an_empty_log_is_not_asked_for_what_it_has_not() -> None:
    link = restored(holding(4), lab(head=0))
    assert not link.take(ReadBefore)
    assert [follow.after for follow in link.take(Follow)] == [0]


def test_where_nothing_was_lost_nothing_is_told() -> None:
    stage = holding(8)
    link = restored(stage, lab(head=8, delivered=8, read=8))
    answer(link, agreed=8)
    assert [follow.after for follow in link.take(Follow)] == [8]
    assert not stage.heard(events.ServerRestored)
    assert len(stage.node.messages(LAB)) == 8


def test_a_conversation_that_is_gone_is_closed_and_its_messages_are_set_aside() -> None:
    stage = holding(3)
    restored(stage)
    assert [closed.log for closed in stage.heard(events.ConversationClosed)] == [LAB]
    assert [told.count for told in stage.heard(events.ServerRestored)] == [3]
    assert not stage.node.messages(LAB)


def test_a_number_that_is_given_out_again_is_another_conversation() -> None:
    stage = holding(3)
    other = Member(ANN, Role.MEMBER, Standing.JOINED, is_muted=False)
    link = restored(stage, Conversation(LAB, 3, 0, 0, RoomInfo(LAB, "#tea", "", Access.OPEN, 2), other))
    answer(link, agreed=0)
    link.say(Entries(LAB, (after(1), after(2), after(3))))
    assert texts(stage.node.messages(LAB)) == ["after 1", "after 2", "after 3"]
    assert len(stage.node.set_aside("#lab")) == 3
    assert not stage.node.set_aside("#tea")


def test_what_waits_to_be_sent_goes_where_its_name_is_now() -> None:
    stage = holding(3)
    stage.say(LAB, Text("for the lab"))
    link = restored(stage, direct(), Conversation(99, 0, 0, 0, RoomInfo(99, "#lab", "", Access.OPEN, 2), None))
    assert [append.log for append in link.take(Append)] == [99]


def test_what_is_typed_before_the_table_is_here_waits_for_it() -> None:
    stage = holding(3)
    stage.epoch = NEW
    link = PlayedLink()
    stage.node.on_connected(link)
    stage.greet(link)
    stage.sign_in(link)
    stage.say(LAB, Text("for the lab"))
    assert not link.take(Append)
    room = RoomInfo(99, "#lab", "", Access.OPEN, 2)
    link.say(people_table(), Conversations((Conversation(99, 0, 0, 0, room, None),), is_last=True))
    assert [append.log for append in link.take(Append)] == [99]


def test_what_the_server_has_after_all_is_no_longer_aside() -> None:
    stage = holding(8)
    link = restored(stage, lab(head=6))
    answer(link, agreed=5)
    back = entry(8)
    again = LogEntry(6, back.entry_id, BEN, BEN * 100, back.time_ms + 99, back.suite, back.content)
    link.say(Entries(LAB, (again,)))
    assert [told.count for told in stage.heard(events.ServerRestored)] == [2]


@pytest.mark.parametrize("point", ["begin", "commit", "committed"])
@pytest.mark.parametrize("crash_after", range(5))
def test_a_crash_at_any_step_hides_nothing(point: str, crash_after: int) -> None:
    class Gone(BaseException):
        pass

    stage = holding(8)
    steps = iter(range(100))

    def reach(reached: str) -> None:
        if reached == point and next(steps) >= crash_after:
            raise Gone

    stage.history.crash_point = reach
    try:
        link = restored(stage, lab(head=6, delivered=5, read=5))
        answer(link, agreed=5)
        link.say(Entries(LAB, (after(6),)))
    except Gone:
        pass
    stage.history.crash_point = None
    stage.restart()
    link = restored(stage, lab(head=6, delivered=5, read=5))
    answer(link, agreed=5)
    if [follow.after for follow in link.take(Follow)] == [5]:
        link.say(Entries(LAB, (after(6),)))
    assert texts(stage.node.messages(LAB))[4:] == ["text 5", "after 6"]
    assert len(stage.node.set_aside("#lab")) == 3


def test_a_server_that_has_less_than_it_told_of_is_compared_whatever_its_epoch() -> None:
    stage = holding(8)
    link = stage.connect(lab(head=6, delivered=5, read=5))
    answer(link, agreed=5)
    assert [follow.after for follow in link.take(Follow)] == [5]


def test_a_server_that_tells_no_epoch_is_the_one_it_was() -> None:
    stage = holding(8)
    stage.epoch = b""
    assert [follow.after for follow in stage.connect(lab(head=8)).take(Follow)] == [8]
    stage.node.disconnect()
    stage.epoch = OLD
    assert [follow.after for follow in stage.connect(lab(head=8)).take(Follow)] == [8]


def test_a_comparison_that_is_put_off_or_cut_off_is_made_later() -> None:
    stage = holding(8)
    link = restored(stage, lab(head=8))
    [asked] = link.take(ReadBefore)
    link.say(Refused(asked.request, RefusalCode.SLOW_DOWN, "Wait.", 2000))
    stage.clock.turn(1.5)
    assert not link.take(ReadBefore)
    stage.clock.turn(1)
    assert link.take(ReadBefore)
    link.die()
    again = restored(stage, lab(head=8))
    answer(again, agreed=8)
    assert [follow.after for follow in again.take(Follow)] == [8]


def test_an_answer_with_a_gap_ends_the_link() -> None:
    stage = holding(8)
    link = restored(stage, lab(head=8))
    [asked] = link.take(ReadBefore)
    link.say(EarlierEntries(asked.request, LAB, (after(5), after(6))))
    assert link.closed is not None
    assert link.closed.code is CloseCode.PROTOCOL_VIOLATION


def test_a_node_that_follows_nothing_leaves_what_it_does_not_read_for_the_next() -> None:
    stage = holding(8)
    stage.restart(follows_all=False)
    assert not restored(stage, lab(head=6)).take(ReadBefore)
    stage.restart()
    link = restored(stage, lab(head=6))
    answer(link, agreed=5)
    link.say(Entries(LAB, (after(6),)))
    assert [told.count for told in stage.heard(events.ServerRestored)] == [3]


def test_a_file_from_before_there_were_epochs_is_compared_once(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    with sqlite3.connect(path) as connection:
        connection.executescript((STEPS / "0001_tables.sql").read_text())
        connection.execute("PRAGMA user_version = 1")
        connection.execute("INSERT INTO logs VALUES (?, 'ben', ?, '', 'open', 2, 1, 0, 1, 1)", (ANN_AND_BEN, BEN))
        connection.execute("INSERT INTO cursors (log, delivered, has_begun) VALUES (?, 1, 1)", (ANN_AND_BEN,))
        connection.execute(
            "INSERT INTO entries VALUES (?, 1, ?, ?, 0, ?, 'plain', x'00')",
            (ANN_AND_BEN, entry(1).entry_id, BEN, entry(1).time_ms),
        )
    connection.close()
    stage = Stage(history=History.open(path))
    link = restored(stage, direct(head=1))
    answer(link, agreed=1)
    assert [follow.after for follow in link.take(Follow)] == [1]


@pytest.mark.parametrize(("name", "is_let_in"), [("ann", True), ("ben", False)])
def test_who_joined_again_after_the_restore_keeps_the_home_under_another_number(name: str, is_let_in: bool) -> None:
    stage = holding(8)
    link = PlayedLink()
    stage.node.on_connected(link)
    stage.greet(link)
    [asked] = link.take(SignIn)
    link.say(SignedIn(asked.request, 77, name, 7700, is_admin=False, epoch=NEW))
    assert bool(stage.heard(events.SignedIn)) is is_let_in
    assert stage.node.own.account == (77 if is_let_in else ANN)
    assert bool(stage.heard(events.SignInRefused)) is not is_let_in
