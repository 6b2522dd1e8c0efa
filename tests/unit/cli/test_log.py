"""`lanline log --follow`: each message once and in order, whatever happens between it and its node."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lanline.cli.log import _Shown
from lanline.client.node.call import NodeCall
from lanline.client.node.protocol import Answer, Changed, Done, FromNode, MarkRead, Page, Read
from lanline.client.view.events import ConversationClosed, EntriesOpened, EntriesReceived
from lanline.client.view.values import Conversation, Message, MessageState, NodeState, Unreadable
from lanline.client.view.view import Snapshot
from lanline.errors import InvalidInput
from lanline.model.content import Text
from unit.client.node.running import Played

LAB = 10


def lab(delivered: int, **more: Any) -> Conversation:
    return Conversation(LAB, "#lab", None, head=delivered, delivered=delivered, **more)


def message(sequence: int, account: int = 2) -> Message:
    state = MessageState.SENT if account == 1 else MessageState.RECEIVED
    return Message(LAB, sequence, sequence.to_bytes(16, "big"), account, 0, Text(f"text {sequence}"), state, "#lab")


def snapshot(conversation: Conversation, history: str = "a") -> FromNode:
    link: tuple[Any, ...]
    me, link = (1, "me", "ship", "ship:5265", False), (NodeState.SYNCHRONIZED, "", 0, None, (), ())
    return Changed(Snapshot(*me, *link, (), (conversation,), ((),), (), history))


def came(*sequences: int) -> FromNode:
    return Changed(EntriesReceived(LAB, tuple(map(message, sequences)), is_live=True))


def page(number: int, delivered: int, *sequences: int, own: int = 0, **more: Any) -> FromNode:
    messages = tuple(message(each, 1 if each == own else 2) for each in sequences)
    return Answer(number, Page(lab(delivered, **more), messages))


CLOSED = Changed(ConversationClosed(LAB, "#lab", "gone"))


def followed(*nodes: list[list[FromNode]]) -> Played:
    """Until the conversation is closed."""
    played = Played(*nodes)
    with NodeCall(played) as call:  # type: ignore[arg-type]
        call.follow()
        shown = _Shown(call, json=False)
        shown.show_kept(LAB, 20, 1.0, goes_on=True)
        with pytest.raises(InvalidInput, match="closed"):
            shown.go_on(LAB)
    return played


def texts(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line.rsplit("text ", 1)[1] for line in capsys.readouterr().out.splitlines()]


BEGINNING: list[FromNode] = [snapshot(lab(1)), Answer(1, Done())]


def test_what_comes_in_one_piece_with_the_first_page_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    followed([BEGINNING, [came(2), page(2, 2, 1, 2), came(3), CLOSED]])
    assert texts(capsys) == ["1", "2", "3"]


def test_ones_own_that_is_ahead_of_others_hides_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    followed([BEGINNING, [page(2, 1, 1, 3, own=3), came(2, 3), CLOSED]])
    assert texts(capsys) == ["1", "2", "3"]


def test_after_the_next_node_it_goes_on_behind_what_was_shown(capsys: pytest.CaptureFixture[str]) -> None:
    first = [BEGINNING, [page(2, 1, 1), came(2)]]
    second = [[snapshot(lab(4))], [came(5), page(5, 5, 3, 4, 5)], [page(6, 5)], [came(6), CLOSED]]
    followed(first, second)
    assert texts(capsys) == ["1", "2", "3", "4", "5", "6"]


def test_of_a_restored_server_it_shows_what_is_unread_though_its_numbers_are_old(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = [BEGINNING, [page(2, 2, 1, 2)]]
    second = [[snapshot(lab(4, read=1), "b")], [page(5, 4, 2, 3, 4)], [page(6, 4)], [CLOSED]]
    assert Read(LAB, 1000, after=1) in followed(first, second).heard
    assert texts(capsys) == ["1", "2", "2", "3", "4"]


def test_what_can_be_read_now_is_shown_and_nothing_that_came_after_it_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sealed = Changed(EntriesReceived(LAB, (msgspec.structs.replace(message(2), content=Unreadable("said/1")),), True))
    opened = Changed(EntriesOpened(LAB, (message(2),)))
    followed([BEGINNING, [page(2, 1, 1), sealed, came(3), opened, CLOSED]])
    assert [line[-1] for line in capsys.readouterr().out.splitlines() if "text" in line] == ["1", "3", "2"]


def test_what_this_device_has_not_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    followed([BEGINNING, [page(2, 1, 1), came(5), CLOSED]])
    told = capsys.readouterr()
    assert "3 messages came before these" in told.err
    assert "text 5" in told.out


def test_a_room_that_was_closed_meanwhile_ends_it(capsys: pytest.CaptureFixture[str]) -> None:
    closed = lab(1, is_open=False)
    followed([BEGINNING, [page(2, 1, 1)]], [[snapshot(closed)], [Answer(5, Page(closed, ()))]])
    assert texts(capsys) == ["1"]


def test_many_at_once_are_marked_as_read_together() -> None:
    """A node that nobody reads from reads no more itself: who then waits until it has read waits for ever."""
    played = followed([BEGINNING, [page(2, 1, 1), *map(came, range(2, 200)), CLOSED]])
    assert [each.through for each in played.heard if isinstance(each, MarkRead)] == [199]
