"""What a node reads to its faces: without gaps, so that who goes on behind the last one misses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from lanline.client.chat.following import FETCHED_AT_FIRST
from lanline.client.node import protocol
from lanline.client.node.owncommands import NoteReminded
from lanline.client.node.protocol import (
    AnyCommand,
    Deregister,
    Failed,
    LeaveRoom,
    Outcome,
    Page,
    Read,
    Result,
    SetTopic,
    WaitSent,
)
from lanline.client.node.service import Service
from lanline.client.view.events import ConnectionLost
from lanline.client.view.values import MessageState, NodeState
from lanline.client.view.view import View
from lanline.errors import LinkLost, RefusalCode, ServerUnreachable
from lanline.model.content import Text
from lanline.wire.chat.answers import Done, Refused
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


def test_of_a_reminder_that_was_told_the_next_face_knows() -> None:
    stage = Stage()
    first, second = View(), View()
    first.apply(service_of(stage).snapshot())
    assert first.is_reminder_due
    assert asyncio.run(service_of(stage).result_of(NoteReminded())) == protocol.Done()
    second.apply(service_of(stage).snapshot())
    assert not second.is_reminder_due


class Restarting:
    """A server that ends so many links before it answers."""

    def __init__(self, losses: int, *, comes_back: bool = True) -> None:
        self.asked: list[object] = []
        self.losses = losses
        self.comes_back = comes_back

    async def ask(self, message: object) -> object:
        self.asked.append(message)
        if len(self.asked) <= self.losses:
            raise LinkLost("The other side no longer knows this link.")
        return Done(1)

    async def wait_synchronized(self, limit_s: float) -> None:
        if not self.comes_back:
            raise ServerUnreachable(f"The server could not be reached within {limit_s:g} seconds.")


def result(server: Restarting, command: AnyCommand) -> Result:
    service = service_of(Stage(), ask=server.ask, wait_synchronized=server.wait_synchronized)
    return asyncio.run(service.result_of(command))


def test_what_does_no_harm_twice_is_asked_again_when_the_server_was_restarted() -> None:
    server = Restarting(1)
    assert result(server, SetTopic(LAB, "glass")) == protocol.Done()
    assert len(server.asked) == 2


def test_what_may_not_be_done_twice_is_asked_once_and_it_is_said_that_nobody_knows() -> None:
    server = Restarting(1)
    failed = result(server, LeaveRoom(LAB))
    assert isinstance(failed, Failed)
    assert "whether this was done is not known" in failed.problem.text
    assert len(server.asked) == 1


def test_who_asks_a_server_that_does_not_come_back_is_told_so() -> None:
    failed = result(Restarting(1, comes_back=False), SetTopic(LAB, "glass"))
    assert isinstance(failed, Failed)
    assert "could not be reached within 20 seconds" in failed.problem.text
    failed = result(Restarting(9), SetTopic(LAB, "glass"))
    assert isinstance(failed, Failed)
    assert "is not known" in failed.problem.text


def test_who_comes_back_after_the_account_went_offline_is_not_told_of_that_end() -> None:
    """The server ends the link a moment after its answer, and somebody may be here again by then."""
    stage = Stage()
    stage.connect(lab(head=0))

    async def ask(_message: object) -> Done:
        return Done(1)

    result = asyncio.run(service_of(stage, ask=ask).result_of(Deregister()))
    assert result == protocol.Done()
    assert stage.node.state is NodeState.OFFLINE
    assert [event for event in stage.told if isinstance(event, ConnectionLost)][-1].is_for_good
