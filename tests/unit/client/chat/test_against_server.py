"""The node and the real server, with links and processes that die at any step: what is typed is said once, in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lanline.client.view.values import Message, MessageState
from lanline.crypto.groups.epochs import room_key_of
from lanline.crypto.groups.ids import open_room_id_of
from lanline.crypto.groups.said import Opened, RunKeys, Where
from lanline.model.content import Text
from lanline.model.logs import Entry, LogId
from lanline.testing.said import open_words
from lanline.wire.sealing.said import split_said
from lanline.wire.sealing.strict import ZEROS
from unit.client.chat.village import Home, Process, Village

SEEDS = range(12)
STEPS = 350


@pytest.fixture(params=SEEDS)
def village(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Village]:
    made = Village(tmp_path, request.param)
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
        assert home.warnings == []
    check_alike(village)


def test_sealed_words_are_said_once_and_in_order_too(village: Village) -> None:
    village.seal()
    village.come_to_rest()
    village.make_private_room()
    test_nothing_typed_is_lost_doubled_or_reordered(village)
    kept = [each for log in range(1, 20) for each in entries_of(village, log)]
    assert {each.suite for each in kept} == {"said/1", "epoch/1", "key/1", "stub/1"}
    assert len({each.log for each in kept}) == 1 + 2 + 3  # the chain, both rooms, and each of the pairs


def entries_of(village: Village, log: int) -> list[Entry]:
    return village.house.engine.read(lambda view: view.logs.after(LogId(log), 0, 10**6))


@pytest.mark.parametrize("village", range(6), indirect=True)
def test_words_that_are_on_their_way_while_somebody_is_sent_away_are_sealed_without_them(village: Village) -> None:
    village.seal()
    eve = village.add_member("eve")
    village.come_to_rest()
    for number in range(STEPS):
        village.step()
        if number == STEPS // 3:
            village.send_away(eve)
    village.come_to_rest()
    ann = village.homes[0].processes[0]
    removed = ann.member.copy.chain.accounts[eve.account_id].until
    assert removed < 2**53
    for home in village.homes:
        assert home.processes[0].node.outbox.messages == []
        check_typed(home)
        assert home.warnings == []
    check_alike(village)
    # Nothing that was taken after the removal is under an epoch that the removed could read.
    fresh = {epoch.epoch_id for epoch, _ in ann.member.copy.epochs.values() if epoch.height >= removed}
    room = village.house.engine.read(lambda view: view.rooms.by_name("#lobby"))
    assert room is not None
    kept = entries_of(village, room.log)
    under = [split_said(each.content)[0].epoch_id in fresh for each in kept]
    assert under == sorted(under)
    assert any(under)
    # And none of it names words that never came.
    digests = {ZEROS}
    for each in kept:
        opened = opened_by(ann, room.name, each)
        assert opened.words.prev in digests
        digests.add(opened.digest)


def opened_by(process: Process, room: str, entry: Entry) -> Opened:
    copy, (header, _) = process.member.copy, split_said(entry.content)
    secret = copy.secret(header.epoch_id)
    assert secret is not None
    room_id = open_room_id_of(copy.chain.group_id, room.removeprefix("#"))
    where = Where(room_id, copy.chain.devices[header.device_id].account, entry.entry_id)
    return open_words(RunKeys(room_key_of(secret, room_id), header.device_id, header.run), where, entry.content)


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
            for room in village.rooms:
                assert spoken(process, room) == spoken(other, room)
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
    return [message for message in found if message.is_said]


def spoken(process: Process, title: str) -> list[tuple[int, bytes, str]]:
    return [(message.account, message.entry_id, text_of(message)) for message in messages(process, title)]


def text_of(message: Message) -> str:
    assert isinstance(message.content, Text)
    return message.content.text
