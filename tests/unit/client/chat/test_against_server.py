"""The node and the real server, with links and processes that die at any step: what is typed is said once, in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from lanline.client.view.values import Message, MessageState
from lanline.model.content import Text
from unit.client.chat.village import Home, Process, Village

SEEDS = range(12)
STEPS = 350
MEMORY = Path("/dev/shm")
"""Where there is one: a thousand syncs of a disk take a minute and prove nothing here."""


@pytest.fixture(params=SEEDS)
def village(request: pytest.FixtureRequest) -> Iterator[Village]:
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        made = Village(Path(folder), request.param)
        yield made
        made.close()


def test_nothing_typed_is_lost_doubled_or_reordered(village: Village) -> None:
    # Everybody has been there once: to write to who never was is refused, and rightly.
    village.come_to_rest()
    for number in range(STEPS):
        village.step()
        if number == STEPS // 2:
            village.restart_server()
    village.come_to_rest()
    for home in village.homes:
        for process in home.processes:
            assert process.node.outbox.messages == []
        check_typed(home)
    check_alike(village)


def test_sealed_words_are_said_once_and_in_order_too(village: Village) -> None:
    village.seal()
    test_nothing_typed_is_lost_doubled_or_reordered(village)
    room = village.house.engine.read(lambda view: view.rooms.by_name("#lobby"))
    assert room is not None
    kept = village.house.engine.read(lambda view: view.logs.after(room.log, 0, 10**6))
    assert {each.suite for each in kept} == {"said/1"}


def check_typed(home: Home) -> None:
    assert any(is_kept for _, _, is_kept in home.typed)
    for destination in {destination for destination, _, _ in home.typed}:
        said = [text_of(message) for message in messages(home.processes[0], destination) if message.is_own]
        attempts = [(text, is_kept) for to, text, is_kept in home.typed if to == destination]
        assert [text for text, is_kept in attempts if is_kept or text in said] == said


def check_alike(village: Village) -> None:
    """All see the same in the same order; each as its own or as another's."""
    for process in village.all_processes():
        for other in village.all_processes():
            assert spoken(process, "#lobby") == spoken(other, "#lobby")
    ann, ben, _ = village.homes
    assert spoken(ann.processes[0], "ben") == spoken(ben.processes[0], "ann")


def messages(process: Process, title: str) -> list[Message]:
    track = process.node.conversations.titled(title)
    assert track is not None
    conversation = track.shown
    found = process.node.messages(conversation.log, last=10**6)
    assert [message.sequence for message in found] == list(range(1, conversation.head + 1))
    assert conversation.delivered == conversation.head
    assert not {message.state for message in found} & {MessageState.QUEUED, MessageState.REFUSED}
    return found


def spoken(process: Process, title: str) -> list[tuple[int, bytes, str]]:
    return [(message.account, message.entry_id, text_of(message)) for message in messages(process, title)]


def text_of(message: Message) -> str:
    assert isinstance(message.content, Text)
    return message.content.text
