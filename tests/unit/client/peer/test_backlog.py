from __future__ import annotations

import pytest

from lanline.client.peer.backlog import MAX_TEXTS, WINDOW_BYTES, Backlog
from lanline.errors import InvalidInput
from lanline.model.text import MAX_TEXT_BYTES


def take_all(backlog: Backlog) -> list[str]:
    taken = []
    while backlog.has_sendable():
        taken.append(backlog.take_sendable().text)
    return taken


def test_what_was_not_shown_goes_out_again_in_order() -> None:
    backlog = Backlog()
    for text in "abcd":
        backlog.add(text)
    assert take_all(backlog) == ["a", "b", "c", "d"]
    assert [text.text for text in backlog.settle(2)] == ["a", "b"]
    backlog.add("e")
    backlog.begin_link()
    assert take_all(backlog) == ["c", "d", "e"]
    assert backlog.texts == ["c", "d", "e"]


def test_a_receipt_settles_only_what_was_sent() -> None:
    backlog = Backlog()
    backlog.add("kept")
    assert backlog.settle(99) == []
    assert len(backlog) == 1


def test_no_more_is_out_than_the_window_but_always_one() -> None:
    backlog = Backlog()
    for _ in range(3):
        backlog.add("x" * (MAX_TEXT_BYTES - 1))
    assert len(take_all(backlog)) == max(1, WINDOW_BYTES // (MAX_TEXT_BYTES - 1))
    backlog.settle(1)
    assert len(take_all(backlog)) == 1


def test_too_long_and_too_many_are_refused() -> None:
    backlog = Backlog()
    with pytest.raises(InvalidInput, match="1,048,577 bytes"):
        backlog.add("x" * (MAX_TEXT_BYTES + 1))
    for _ in range(MAX_TEXTS):
        backlog.add("")
    with pytest.raises(InvalidInput, match="10,000 messages wait"):
        backlog.add("one more")
