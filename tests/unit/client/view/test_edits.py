from __future__ import annotations

import itertools

import msgspec
import pytest

from lanline.client.view.edits import TAKEN_BACK, Folded, folded, with_edits
from lanline.client.view.values import Message, MessageState
from lanline.model.content import Content, Delete, Edit, FileReference, Notice, Reaction, Reply, Text

ANN, BEN, LAB = 1, 2, 10
_NUMBERS = itertools.count(1)


def said(account: int, content: Content, state: MessageState = MessageState.RECEIVED) -> Message:
    number = next(_NUMBERS)
    return Message(LAB, number, number.to_bytes(16, "big"), account, 0, content, state)


@pytest.mark.parametrize(
    "content", [Text("secret"), Reply(b"x" * 16, "secret"), Notice("secret"), FileReference("secret", 1, "", b"", ())]
)
def test_what_was_taken_back_is_not_shown(content: Content) -> None:
    meant = said(ANN, content)
    wish = said(ANN, Delete(meant.entry_id))
    assert [each.content for each in with_edits([meant, wish])] == [Text(TAKEN_BACK), wish.content]


def test_an_edit_that_came_later_counts() -> None:
    meant = said(ANN, Text("secret"))
    (shown,) = folded([meant], [said(ANN, Delete(meant.entry_id))])
    assert shown.content == Text(TAKEN_BACK)


def test_what_was_edited_has_its_latest_words_and_remains_what_it_is() -> None:
    meant = said(ANN, Reply(b"x" * 16, "frist"))
    edits = [said(ANN, Edit(meant.entry_id, text)) for text in ("firts", "first")]
    assert with_edits([meant, *edits])[0].content == Reply(b"x" * 16, "first (edited)")


def test_what_was_edited_and_taken_back_is_nowhere() -> None:
    meant = said(ANN, Text("secret"))
    edit = said(ANN, Edit(meant.entry_id, "another secret"))
    shown = with_edits([meant, edit, said(ANN, Delete(meant.entry_id))])
    assert [each.content for each in shown[:2]] == [Text(TAKEN_BACK)] * 2


@pytest.mark.parametrize("state", [MessageState.RECEIVED, MessageState.REFUSED])
def test_only_the_edit_of_its_author_that_was_taken_is_heard(state: MessageState) -> None:
    meant = said(ANN, Text("mine"))
    wisher = BEN if state is MessageState.RECEIVED else ANN
    wishes = [said(wisher, Delete(meant.entry_id), state), said(wisher, Edit(meant.entry_id, "his"), state)]
    assert with_edits([meant, *wishes])[0] == meant


def test_what_was_said_of_a_message_stands_at_it() -> None:
    meant = said(ANN, Text("frist"))
    later = [said(ANN, Edit(meant.entry_id, "first")), said(BEN, Reaction(meant.entry_id, "+1"))]
    (shown,) = folded([meant, *later])
    assert isinstance(shown, Folded)
    assert (shown.content, shown.reactions) == (Text("first (edited)"), (("+1", (BEN,)),))
    (shown,) = folded([meant, *later, said(ANN, Delete(meant.entry_id))])
    assert shown.content == Text(TAKEN_BACK)
    assert not isinstance(shown, Folded), "what was said of it goes with it"


def test_a_reaction_counts_once_of_each_until_it_is_taken_off() -> None:
    meant = said(ANN, Text("first"))
    ups = [said(each, Reaction(meant.entry_id, "+1")) for each in (BEN, ANN, BEN)]
    off = said(BEN, Reaction(meant.entry_id, "+1", is_withdrawn=True))
    heart = said(BEN, Reaction(meant.entry_id, "<3"))
    (shown,) = folded([meant, *ups, off, heart])
    assert isinstance(shown, Folded)
    assert shown.reactions == (("+1", (ANN,)), ("<3", (BEN,)))
    (shown,) = folded([meant, ups[0], off])
    assert shown == meant


def test_an_edit_by_somebody_else_changes_nothing_and_is_not_shown() -> None:
    meant = said(ANN, Text("mine"))
    assert folded([meant, said(BEN, Edit(meant.entry_id, "his")), said(BEN, Delete(meant.entry_id))]) == [meant]


def test_what_is_said_of_a_message_that_is_not_there_stands_for_itself() -> None:
    wish = said(ANN, Delete(b"x" * 16))
    assert folded([wish]) == [wish]


def test_an_edit_that_waits_to_be_sent_changes_nothing_yet() -> None:
    meant = said(ANN, Text("mine"), MessageState.SENT)
    waits = msgspec.structs.replace(said(ANN, Edit(meant.entry_id, "new"), MessageState.QUEUED), sequence=0)
    assert folded([meant, waits]) == [meant, waits]


def test_words_of_who_is_ignored_are_not_shown_nor_heard() -> None:
    meant, hidden = said(ANN, Text("mine")), said(BEN, Text("his"))
    up = said(BEN, Reaction(meant.entry_id, "+1"))
    ignored = [msgspec.structs.replace(each, is_ignored=True) for each in (hidden, up)]
    assert folded([meant, *ignored]) == [meant]
