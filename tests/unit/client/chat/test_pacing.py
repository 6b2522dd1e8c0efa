"""A slow room: what waits for it goes out by itself, in order, and holds up nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lanline.client.view import events
from lanline.client.view.values import Message
from lanline.model.content import Text
from lanline.wire.chat.conversations import CreateRoom, JoinRoom, SetSlow
from unit.client.chat.sealed.test_sealed_outbox import said, say, waiting
from unit.client.chat.village import Process, Village

PACE_S = 5


@pytest.fixture(name="village", params=["plain", "sealed"])
def _village(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Village]:
    made = Village(tmp_path, 1)
    if request.param == "sealed":
        made.seal()
    made.come_to_rest()
    yield made
    made.close()


def asked(village: Village, process: Process, message: Any) -> Any:
    answers: list[Any] = []
    process.node.line.request(message, answers.append)
    village.rest_until(lambda: bool(answers))
    return answers[0]


def slow_room(village: Village) -> int:
    """Ann's, which ben is in."""
    ann, ben = (home.processes[0] for home in village.homes[:2])
    log: int = asked(village, ann, CreateRoom(0, "#slow")).log
    asked(village, ann, SetSlow(0, log, PACE_S))
    asked(village, ben, JoinRoom(0, "#slow"))
    village.rest_until(lambda: ben.node.conversations[log].shown.slow_s == PACE_S)
    return log


def texts(messages: list[Message]) -> list[str]:
    return [each.content.text for each in messages if isinstance(each.content, Text)]


def test_what_waits_goes_out_by_itself_in_order_and_others_do_not_wait_for_it(village: Village) -> None:
    slow_room(village)
    ann, ben = (home.processes[0] for home in village.homes[:2])
    told: list[str] = []
    ben.node.subscribe(lambda event: told.append(event.reason) if isinstance(event, events.SendingPutOff) else None)
    for number in range(3):
        say(ben, "#slow", f"slow {number}")
        say(ben, "ann", f"to ann {number}")
    village.rest_until(lambda: len(said(ann, "ben")) == 3)
    assert texts(waiting(ben)) == ["slow 1", "slow 2"]
    assert "#slow takes a message of yours every 5 s. What waits goes out by itself at" in told[-1], "the last word"
    village.rest_until(lambda: len(said(ann, "#slow")) == 3)
    assert said(ann, "#slow") == ["slow 0", "slow 1", "slow 2"]
    times = [each.time_ms for each in ann.node.messages(ann.node.conversations.titled("#slow").shown.log)]  # type: ignore[union-attr]
    assert all(later - earlier >= PACE_S * 1000 for earlier, later in zip(times[-3:], times[-2:], strict=False))


def test_a_second_program_and_a_new_link_lose_nothing(village: Village) -> None:
    """What this process does not know of, the server refuses."""
    slow_room(village)
    ann, home = village.homes[0].processes[0], village.homes[1]
    say(home.processes[0], "#slow", "slow 0")
    village.rest_until(lambda: said(ann, "#slow") == ["slow 0"])
    home.processes[0].crash()
    again = Process(home)
    home.processes = [again]
    say(again, "#slow", "slow 1")
    say(again, "ann", "to ann")
    say(again, "#slow", "slow 2")
    village.rest_until(lambda: said(ann, "ben") == ["to ann"])
    village.rest_until(lambda: len(said(ann, "#slow")) == 3)
    assert said(ann, "#slow") == ["slow 0", "slow 1", "slow 2"]


def test_what_was_queued_behind_one_that_is_refused_does_not_pass_it(village: Village) -> None:
    slow_room(village)
    ann, home = village.homes[0].processes[0], village.homes[1]
    say(home.processes[0], "#slow", "slow 0")
    village.rest_until(lambda: said(ann, "#slow") == ["slow 0"])
    for number in range(1, 4):
        say(home.processes[0], "#slow", f"slow {number}")
    village.rest()
    home.processes[0].crash()
    home.processes = [Process(home)]
    village.rest_until(lambda: len(said(ann, "#slow")) == 4)
    assert said(ann, "#slow") == [f"slow {number}" for number in range(4)]


def test_it_goes_out_at_once_when_the_room_is_slow_no_more(village: Village) -> None:
    log = slow_room(village)
    ann, ben = (home.processes[0] for home in village.homes[:2])
    asked(village, ann, SetSlow(0, log, 3600))
    for number in range(3):
        say(ben, "#slow", f"slow {number}")
    village.rest_until(lambda: said(ann, "#slow") == ["slow 0"])
    asked(village, ann, SetSlow(0, log, 0))
    village.rest_until(lambda: len(said(ann, "#slow")) == 3)
    assert said(ann, "#slow") == ["slow 0", "slow 1", "slow 2"]
