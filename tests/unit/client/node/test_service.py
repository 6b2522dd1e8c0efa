"""What a node reads to its faces: without gaps, so that who goes on behind the last one misses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from lanline.client.chat.following import FETCHED_AT_FIRST
from lanline.client.node.protocol import Outcome, Page, Read, WaitSent
from lanline.client.node.service import Service
from lanline.client.view.values import MessageState
from lanline.errors import RefusalCode
from lanline.model.content import Text
from lanline.wire.chat.answers import Refused
from lanline.wire.chat.entries import Append
from unit.client.chat.stage import LAB, Stage, lab, said, texts


def service_of(stage: Stage, **more: Any) -> Service:
    client = SimpleNamespace(
        node=stage.node,
        is_signed_in=True,
        **more,
        last_problem="",
        failed_calls=0,
        server=SimpleNamespace(place="ship:5265"),
    )
    return Service(cast("Any", client))


def read(stage: Stage, after: int, last: int = 100) -> list[str]:
    page = asyncio.run(service_of(stage).result_of(Read(LAB, last, after=after)))
    assert isinstance(page, Page)
    return texts(page.messages)


def stage_with_own_ahead() -> Stage:
    """What ben said before it is still on its way."""
    stage = Stage()
    link = stage.connect(lab(head=1))
    link.say(said(LAB, 1))
    stage.say(LAB, Text("mine"))
    link.commit(*link.take(Append), after=2)
    assert texts(stage.node.messages(LAB)) == ["text 1", "mine"]
    return stage


def test_who_reads_on_gets_nothing_from_behind_a_gap() -> None:
    stage = stage_with_own_ahead()
    assert read(stage, 0) == ["text 1"]
    assert read(stage, 1) == []


def test_a_snapshot_holds_nothing_from_behind_a_gap() -> None:
    assert [texts(each) for each in service_of(stage_with_own_ahead()).snapshot().recent] == [["text 1"]]


def test_who_reads_on_from_before_the_copy_gets_it_from_its_beginning() -> None:
    first = 500
    stage = Stage()
    link = stage.connect(lab(head=FETCHED_AT_FIRST + first))
    link.say(said(LAB, first + 1, first + 2))
    assert read(stage, 0, last=10) == [f"text {first + 1}", f"text {first + 2}"]


def test_a_refused_message_that_another_face_has_taken_off_was_not_sent() -> None:
    stage = Stage()
    link = stage.connect(lab(head=1))
    message = stage.say(LAB, Text("mine"))
    (append,) = link.take(Append)

    async def wait_until(condition: Callable[[], bool], _limit_s: float) -> None:
        assert not condition()
        link.say(Refused(append.request, RefusalCode.MUTED, "You are muted."))
        stage.node.outbox.forget(message.entry_id)  # before the one who waits gets to look
        assert condition()

    service = service_of(stage, wait_until=wait_until)
    outcome = asyncio.run(service.result_of(WaitSent(message.entry_id, 1.0)))
    assert outcome == Outcome(MessageState.REFUSED, "You are muted.", RefusalCode.MUTED)
    assert stage.node.outbox.messages == []
