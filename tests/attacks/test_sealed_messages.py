"""What a crash, a lost answer, a restored home or a server that plays with the order make of sealed words: nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lanline.client.sealing.ownentries import INVITE_SECRET_BYTES, InviteKeys
from lanline.client.view.values import MessageState
from lanline.wire.sealing.said import split_said
from lanline.wire.sealing.strict import ZEROS
from unit.client.chat.test_against_server import entries_of, opened_by, text_of
from unit.client.chat.village import Process, Village
from unit.client.sealing.devices import Town

LEAST_CRASH_POINTS, MOST_CRASH_POINTS = 5, 60
"""Three words pass through so many writes: one more each time, until a run crashes nowhere."""


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Village]:
    made = Village(tmp_path, 1)
    made.seal()
    made.come_to_rest()
    yield made
    made.close()


def make_stale(village: Village) -> None:
    """An open invite ends: whoever has its link reads no more, and the group needs a new epoch."""
    ann = village.homes[0].processes[0]
    made = ann.member.changes.make_invite(1, 10**9)
    village.rest_until(lambda: made.is_settled)
    dropped = ann.member.changes.drop_invites([InviteKeys.of(made.result()[:INVITE_SECRET_BYTES]).id])
    village.rest_until(lambda: dropped.is_settled)
    dropped.result()


@pytest.mark.parametrize("is_stale", ["before", "while its answer is lost", "after"])
def test_lost_answer_then_stale_leaves_one_version_and_a_whole_chain(village: Village, is_stale: str) -> None:
    """And the program crashes at each point of sealing, keeping, sending and taking the answer."""
    ben = village.homes[1]
    for point in range(MOST_CRASH_POINTS):
        process = Process(ben)
        ben.processes = [process]
        village.rest_until(lambda node=process: node.member.is_settled and node.member.is_current)  # type: ignore[misc]
        if is_stale == "before":
            make_stale(village)
        process.steps_left = point
        for _ in range(3):
            if process.is_alive:
                village.guard(process, ben.say, process, "#lobby")
        carry(village, process, answers=is_stale != "while its answer is lost")
        has_crashed = not process.is_alive
        ben.processes = []
        if process.is_alive:
            process.crash()
        if is_stale != "before":
            make_stale(village)
        if not has_crashed:
            break
    assert not has_crashed
    assert point > LEAST_CRASH_POINTS
    village.come_to_rest()
    check_whole(village, ben.processes[0])


def carry(village: Village, process: Process, *, answers: bool) -> None:
    """As far as it lives."""
    for _ in range(8):
        for wire in process.open_wires:
            village.guard(process, wire.carry_up, 10**6)
        village.settle()
        for wire in process.open_wires if answers else ():
            village.guard(process, wire.carry_down, 10**6)
        village.house.clock.pass_time(0.1)
        village.settle()


def check_whole(village: Village, ben: Process) -> None:
    """Each is said once, in the order of typing; and every `prev` names an entry of the log."""
    assert ben.node.outbox.messages == []
    track = ben.node.conversations.titled("#lobby")
    assert track is not None
    kept = [each for each in entries_of(village, track.shown.log) if each.suite == "said/1"]
    assert len({each.entry_id for each in kept}) == len(kept)
    ann = village.homes[0].processes[0]
    digests = {ZEROS}
    for each in kept:
        opened = opened_by(ann, "#lobby", each)
        assert opened.words.prev in digests
        digests.add(opened.digest)
    said = [each for each in ann.node.messages(track.shown.log, last=10**6) if each.is_said]
    assert {each.state for each in said} == {MessageState.RECEIVED}
    texts = [text_of(each) for each in said]
    typed = village.homes[1].typed
    assert texts == [text for _, text, is_kept in typed if is_kept or text in texts]
    assert sum(is_kept for _, _, is_kept in typed) > LEAST_CRASH_POINTS


def test_restored_and_copied_home_never_repeats_a_nonce(town: Town) -> None:
    """The same keys and tables, twice at once and from before: each start of the program is a run of its own."""
    ana = town.founder()
    headers = []
    for _ in range(3):
        for number in range(2):
            sealed = ana.words.seal(ana.lobby, bytes(16), b"the same words")
            assert sealed is not None
            headers.append((number, split_said(sealed)[0]))
        ana.restart()  # from what was there before all of this: nothing of it was kept
        ana.disconnect()
        ana.connect()
    assert len({header.run for _, header in headers}) == 3
    assert len({(header.run, header.nonce) for _, header in headers}) == len(headers)
    assert len({header.nonce for _, header in headers}) == len(headers)
