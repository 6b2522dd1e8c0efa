"""A face that stays: it knows the view, finds its node again, and does not gather what it does not show."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lanline.client.node import face as module
from lanline.client.node.call import NodeCall
from lanline.client.node.face import Face
from lanline.client.node.start import NodeStart
from lanline.client.view.view import Snapshot
from lanline.errors import InvalidInput
from lanline.model.content import Text
from unit.client.node.running import LIMIT_S, said, start_of


def play(work: Callable[[], Any]) -> None:
    async def main() -> None:
        async with asyncio.timeout(LIMIT_S):
            await work()

    asyncio.run(main())


def test_the_view_is_known_from_the_first_moment(home: Path, run: Callable[..., Any]) -> None:
    run()

    async def work() -> None:
        async with Face(start_of(home)) as face:
            assert face.view.is_known
            message = await face.say("#lobby", Text("hi"))
            assert [each.entry_id for each in face.view.outbox] == [message.entry_id]
            assert message.entry_id in face.said_here
            with pytest.raises(InvalidInput, match="60 kB"):
                await face.say("#lobby", Text("x" * 70_000))

    play(work)


def test_it_finds_its_node_again_and_what_was_asked_is_asked_again(
    home: Path,
    run: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = run()
    monkeypatch.setattr(NodeStart, "_start", lambda _: run())

    async def work() -> None:
        async with Face(start_of(home)) as face:
            await face.say("#lobby", Text("before"))
            await asyncio.to_thread(first.stop)
            await face.say("#lobby", Text("after"))
            assert [each.content for each in face.view.outbox] == [Text("before"), Text("after")]
            changes = [await face.next_change() for _ in range(3)]
            assert sum(isinstance(each, Snapshot) for each in changes) == 2

    play(work)


def test_what_is_not_shown_is_not_gathered(
    home: Path,
    run: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_CHANGES", 5)
    run()

    def talk(count: int) -> None:
        with NodeCall(start_of(home)) as call:
            for number in range(count):
                call.ask(said(number, "x" * 20_000))

    async def work() -> None:
        async with Face(start_of(home)) as face:
            await asyncio.to_thread(talk, 200)
            assert face._changes.qsize() < 5 + 256 * 1024 // 20_000
            while len(face.view.outbox) < 200:
                await face.next_change()

    play(work)
