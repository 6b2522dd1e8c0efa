from __future__ import annotations

import itertools

import pytest

from lanline.client.view.edits import TAKEN_BACK, with_edits
from lanline.client.view.values import Message, MessageState
from lanline.model.content import Content, Delete, Edit, FileReference, Notice, Reply, Text

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
    (shown,) = with_edits([meant], [said(ANN, Delete(meant.entry_id))])
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
