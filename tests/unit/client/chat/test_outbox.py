"""What is typed: on the disk first, sent in order, sent again until it is committed, never silently gone."""

from __future__ import annotations

import itertools

import pytest

from lanline.client.chat.outbox import MAX_UNCOMMITTED
from lanline.client.view import events
from lanline.client.view.values import MessageState, NodeState
from lanline.errors import HistoryProblem, InvalidInput, RefusalCode
from lanline.model.content import Text
from lanline.wire.chat.answers import Refused
from lanline.wire.chat.conversations import ConversationChanged, ConversationGone, OpenDirect, Opened
from lanline.wire.chat.entries import Append, Entries
from unit.client.chat.stage import ANN, ANN_AND_BEN, BEN, LAB, Stage, direct, entry, lab, texts


def ids(appends: list[Append]) -> list[bytes]:
    return [append.entry_id for append in appends]


def test_what_is_typed_offline_is_on_the_disk_and_goes_out_in_order_after_a_restart() -> None:
    stage = Stage()
    stage.connect(lab()).die()
    typed = [stage.say("#lab", Text(f"text {n}")).entry_id for n in range(5)]
    stage.restart()
    assert texts(stage.node.outbox.messages) == [f"text {n}" for n in range(5)]
    assert ids(stage.connect(lab()).take(Append)) == typed


def test_what_could_not_be_written_on_its_way_out_is_told_and_tried_again_ever_more_rarely(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage()
    typed = stage.say("#lab", Text("hello")).entry_id
    rows = stage.node.outbox._rows
    resolve, tried = rows.resolve, list[float]()

    def full(destination: str, log: int) -> None:
        tried.append(stage.clock.now())
        if len(tried) < 4:
            raise HistoryProblem("The disk is full.")
        resolve(destination, log)

    monkeypatch.setattr(rows, "resolve", full)
    link = stage.connect(lab())
    for _ in range(80):
        stage.clock.turn(0.1)
    assert [round(later - earlier) for earlier, later in itertools.pairwise(tried)] == [1, 2, 4]
    assert ids(link.take(Append)) == [typed]
    assert [event.text for event in stage.heard(events.HistoryFailed)] == ["The disk is full."]
    assert {event.reason for event in stage.heard(events.SendingPutOff)} == {
        "The disk is full. What you have said is kept, and sent when it can be written."
    }
    assert link.closed is None


def test_the_first_words_ever_may_be_typed_before_the_first_sign_in() -> None:
    stage = Stage()
    message = stage.say("#lab", Text("hello"))
    assert (message.log, message.destination, message.state) == (None, "#lab", MessageState.QUEUED)
    (append,) = stage.connect(lab()).take(Append)
    assert (append.log, append.entry_id) == (LAB, message.entry_id)


def test_a_committed_message_leaves_the_outbox_and_is_history() -> None:
    stage = Stage()
    link = stage.connect(lab(head=4, delivered=0))
    stage.say(LAB, Text("hello"))
    link.commit(*link.take(Append), after=4)
    assert not stage.node.outbox.messages
    (change,) = stage.heard(events.MessageStateChanged)
    assert (change.state, change.sequence) == (MessageState.SENT, 5)
    stage.restart()
    assert not stage.connect(lab(head=5)).take(Append)
    assert texts(stage.node.messages(LAB)) == ["hello"]


def test_what_was_not_committed_goes_out_again_on_the_next_link_under_the_same_ids() -> None:
    stage = Stage()
    link = stage.connect(lab())
    for n in range(4):
        stage.say(LAB, Text(f"text {n}"))
    sent = link.take(Append)
    link.commit(sent[0], after=0)
    link.die()
    again = stage.connect(lab(head=2)).take(Append)
    assert ids(again) == ids(sent[1:])


def test_only_so_many_are_under_way_and_the_rest_follows() -> None:
    stage = Stage()
    link = stage.connect(lab())
    for n in range(MAX_UNCOMMITTED + 10):
        stage.say(LAB, Text(f"text {n}"))
    first = link.take(Append)
    assert len(first) == MAX_UNCOMMITTED
    link.commit(*first[:4], after=0)
    assert len(link.take(Append)) == 4
    link.commit(*first[4:], after=4)
    assert len(link.take(Append)) == 6


def test_large_messages_are_bounded_by_their_bytes() -> None:
    stage = Stage()
    link = stage.connect(lab())
    for _ in range(10):
        stage.say(LAB, Text("x" * 60_000))
    assert len(link.take(Append)) == 5


def test_a_full_link_is_not_written_to_until_it_drains() -> None:
    stage = Stage()
    link = stage.connect(lab())
    link.is_full = True
    stage.say(LAB, Text("one"))
    assert not link.take(Append)
    link.drain()
    assert len(link.take(Append)) == 1


def test_a_refused_message_is_told_kept_on_show_and_does_not_hold_up_the_next() -> None:
    stage = Stage()
    link = stage.connect(lab())
    one, two = (stage.say(LAB, Text(text)) for text in ("one", "two"))
    first, second = link.take(Append)
    link.say(Refused(first.request, RefusalCode.MUTED, "You are muted here."))
    link.commit(second, after=0)
    changes = stage.heard(events.MessageStateChanged)
    assert [(each.entry_id, each.state, each.problem) for each in changes] == [
        (one.entry_id, MessageState.REFUSED, "You are muted here."),
        (two.entry_id, MessageState.SENT, ""),
    ]
    stage.restart()
    assert not stage.connect(lab(head=1)).take(Append)
    assert [(each.state, each.problem) for each in stage.node.messages(LAB)[-1:]] == [
        (MessageState.REFUSED, "You are muted here.")
    ]


def test_a_refused_message_may_be_said_again_or_forgotten() -> None:
    stage = Stage()
    link = stage.connect(lab())
    kept, dropped = (stage.say(LAB, Text(text)) for text in ("kept", "dropped"))
    for append in link.take(Append):
        link.say(Refused(append.request, RefusalCode.MUTED, "You are muted here."))
    stage.node.outbox.forget(dropped.entry_id)
    stage.node.outbox.say_again(kept.entry_id)
    later = stage.say(LAB, Text("later"))
    assert ids(link.take(Append)) == [kept.entry_id, later.entry_id]
    assert texts(stage.node.outbox.messages) == ["kept", "later"]


def test_what_is_said_again_under_its_id_waits_once() -> None:
    """A face whose node was killed before the answer came says it again: here it waits, there it has its place."""
    stage = Stage()
    first, again = (stage.say("#lab", Text("once"), b"i" * 16) for _ in range(2))
    assert first == again
    link = stage.connect(lab())
    (append,) = link.take(Append)
    link.commit(append, after=0)
    stage.say("#lab", Text("once"), b"i" * 16)
    (repeat,) = link.take(Append)
    link.commit(repeat, after=0)
    assert texts(stage.node.messages(LAB)) == ["once"]
    assert not stage.node.outbox.messages


def test_what_waits_cannot_be_forgotten_nor_said_twice() -> None:
    stage = Stage()
    message = stage.say("#lab", Text("waits"))
    stage.node.outbox.forget(message.entry_id)
    stage.node.outbox.say_again(message.entry_id)
    assert len(stage.connect(lab()).take(Append)) == 1


def test_after_slow_down_all_from_the_refused_one_on_go_out_again_in_order() -> None:
    stage = Stage()
    link = stage.connect(lab())
    for n in range(6):
        stage.say(LAB, Text(f"text {n}"))
    sent = link.take(Append)
    for append in sent[2:]:
        link.say(Refused(append.request, RefusalCode.SLOW_DOWN, "Slower.", 400))
    assert [event.reason for event in stage.heard(events.SendingPutOff)] == ["Slower."], "once for all of them"
    stage.say(LAB, Text("text 6"))
    link.commit(*sent[:2], after=0)
    assert not link.take(Append)
    stage.clock.turn(0.41)
    again = link.take(Append)
    assert ids(again)[:4] == ids(sent[2:])
    assert len(again) == 5
    link.commit(*again, after=2)
    states = [change.state for change in stage.heard(events.MessageStateChanged)]
    assert states == [MessageState.SENT] * 7


def test_a_pause_for_slowness_ends_with_its_link() -> None:
    stage = Stage()
    link = stage.connect(lab())
    stage.say(LAB, Text("one"))
    (append,) = link.take(Append)
    link.say(Refused(append.request, RefusalCode.SLOW_DOWN, "Slower.", 60_000))
    link.die()
    assert len(stage.connect(lab()).take(Append)) == 1


def test_the_first_words_to_somebody_open_the_conversation_and_hold_up_what_follows() -> None:
    stage = Stage()
    link = stage.connect(lab())
    first = stage.say("BEN", Text("hello"))
    second = stage.say("#lab", Text("to all"))
    assert not link.take(Append)
    (opening,) = link.take(OpenDirect)
    assert opening.account == BEN
    link.say(ConversationChanged(direct()), Opened(opening.request, ANN_AND_BEN))
    assert [(each.log, each.entry_id) for each in link.take(Append)] == [
        (ANN_AND_BEN, first.entry_id),
        (LAB, second.entry_id),
    ]


def test_a_conversation_is_asked_for_once_whatever_is_typed_meanwhile() -> None:
    stage = Stage()
    link = stage.connect()
    for n in range(3):
        stage.say("ben", Text(f"text {n}"))
    assert len(link.take(OpenDirect)) == 1
    link.die()
    assert len(stage.connect().take(OpenDirect)) == 1


@pytest.mark.parametrize(
    ("destination", "code"), [("nobody", RefusalCode.UNKNOWN_PERSON), ("#nix", RefusalCode.UNKNOWN_CONVERSATION)]
)
def test_what_can_go_nowhere_is_refused_and_what_follows_goes_on(destination: str, code: RefusalCode) -> None:
    stage = Stage()
    stage.say(destination, Text("lost?"))
    stage.say(destination, Text("lost too?"))
    after = stage.say("#lab", Text("found"))
    link = stage.connect(lab())
    assert ids(link.take(Append)) == [after.entry_id]
    refused = stage.heard(events.MessageStateChanged)
    assert [each.code for each in refused] == [code, code]
    assert texts(stage.node.outbox.messages) == ["lost?", "lost too?", "found"]


def test_an_opening_that_is_refused_refuses_what_waits_for_it() -> None:
    stage = Stage()
    link = stage.connect(lab())
    stage.say("ben", Text("hello"))
    after = stage.say("#lab", Text("to all"))
    (opening,) = link.take(OpenDirect)
    link.say(Refused(opening.request, RefusalCode.NOT_ALLOWED, "Not you."))
    assert stage.heard(events.MessageStateChanged)[0].problem == "Not you."
    assert ids(link.take(Append)) == [after.entry_id]


def test_an_opening_that_is_put_off_is_asked_for_again() -> None:
    stage = Stage()
    link = stage.connect()
    stage.say("ben", Text("hello"))
    (opening,) = link.take(OpenDirect)
    link.say(Refused(opening.request, RefusalCode.SLOW_DOWN, "Slower.", 700))
    assert not link.take(OpenDirect)
    assert [event.reason for event in stage.heard(events.SendingPutOff)] == ["Slower."]
    stage.clock.turn(0.8)
    assert len(link.take(OpenDirect)) == 1


def test_ones_own_entry_that_comes_back_settles_what_was_never_answered() -> None:
    stage = Stage()
    link = stage.connect(lab())
    message = stage.say(LAB, Text("one"))
    link.die()
    again = stage.connect(lab(head=1))
    again.take(Append)
    again.say(Entries(LAB, (entry(1, ANN, "one", message.entry_id),)))
    assert not stage.node.outbox.messages
    assert [each.state for each in stage.heard(events.MessageStateChanged)] == [MessageState.SENT]


def test_a_listener_that_answers_a_refusal_overtakes_nothing() -> None:
    stage = Stage()
    stage.say("nobody", Text("lost"))
    middle = stage.say("#lab", Text("middle"))
    said: list[bytes] = []

    def answer(event: object) -> None:
        if isinstance(event, events.MessageStateChanged) and event.state is MessageState.REFUSED:
            said.append(stage.say("#lab", Text("last")).entry_id)

    stage.node.subscribe(answer)
    link = stage.connect(lab())
    stage.clock.turn(6)
    assert ids(link.take(Append)) == [middle.entry_id, *said]


@pytest.mark.parametrize("text", ["", " \n ", "x" * 70_000, "half \ud800 a character"])
def test_what_no_server_would_take_is_refused_before_it_is_kept(text: str) -> None:
    stage = Stage()
    with pytest.raises(InvalidInput):
        stage.say("#lab", Text(text))
    assert not stage.node.outbox.messages


@pytest.mark.parametrize("destination", ["", "#", "two words", "\x1b[31m", "#a/b"])
def test_a_name_that_cannot_be_one_is_no_destination(destination: str) -> None:
    stage = Stage()
    with pytest.raises(InvalidInput):
        stage.say(destination, Text("hello"))


def test_nothing_is_typed_into_a_room_that_one_has_left() -> None:
    stage = Stage()
    link = stage.connect(lab())
    link.say(ConversationGone(LAB, "You left."))
    with pytest.raises(InvalidInput):
        stage.say(LAB, Text("hello"))
    assert stage.node.state is NodeState.SYNCHRONIZED
