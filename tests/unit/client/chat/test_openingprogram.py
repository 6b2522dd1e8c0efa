"""Words are opened by a second program; where that does not work, its answer is that there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from lanline.client.chat import intake
from lanline.client.chat import openingprogram as module
from lanline.client.chat.openingprogram import OpeningProgram
from lanline.client.chat.sealed import seals
from lanline.client.sealing.opener import open_all
from unit.client.chat.sealed.test_sealed_outbox import said, say
from unit.client.chat.sealedvillage import sealed_village
from unit.client.chat.village import Village

__all__ = ["sealed_village"]

NO_RUNS = b"\x90"


def with_opener(work: Callable[[OpeningProgram], Awaitable[None]]) -> None:
    async def main() -> None:
        opener = OpeningProgram()
        opener.begin()
        assert opener._begun is not None
        await asyncio.wrap_future(opener._begun)
        assert opener.is_ready
        await work(opener)
        opener.close()

    asyncio.run(main())


def test_who_waits_is_told_when_it_is_over() -> None:
    async def work(opener: OpeningProgram) -> None:
        asked, told = opener.ask(NO_RUNS), asyncio.Event()
        asked.when_over(told.set)
        await told.wait()
        assert asked.is_over
        assert asked.found() == NO_RUNS

    with_opener(work)


def test_a_program_that_ends_finds_nothing() -> None:
    async def work(opener: OpeningProgram) -> None:
        assert opener.ask(b"no words at all").found() is None
        assert opener.ask(NO_RUNS).found() is None

    with_opener(work)


def test_it_ends_when_nothing_is_asked_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(opener: OpeningProgram) -> None:
        process = opener._process
        assert process is not None
        monkeypatch.setattr(module, "_IDLE_S", 0.0)
        opener.ask(NO_RUNS)
        assert await asyncio.to_thread(process.wait) == 0
        assert not opener.is_ready
        opener.begin()
        assert opener.ask(NO_RUNS).found() == NO_RUNS

    with_opener(work)


class Turned:
    """Another program that the test turns."""

    is_ready = True

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.is_over = False
        self._callbacks: list[Callable[[], object]] = []

    def begin(self) -> None: ...

    def ask(self, asked: bytes) -> Turned:
        self.asked.append(asked)
        return self

    def when_over(self, callback: Callable[[], object]) -> None:
        self._callbacks.append(callback)

    def found(self) -> bytes:
        assert self.is_over
        return open_all(self.asked[-1])

    def end(self) -> None:
        self.is_over = True
        for each in self._callbacks:
            each()


def test_a_catch_up_goes_on_when_its_words_are_opened_elsewhere(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seals, "_MUCH", 2)
    monkeypatch.setattr(intake, "_TAKEN_AT_ONCE", 1)
    ann, ben, _ = (home.processes[0] for home in village.homes)
    turned = Turned()
    monkeypatch.setattr(ben.node.seals, "_opener", turned)
    ben.open_wires[-1].die()
    texts = [f"words {number}" for number in range(5)]
    for text in texts:
        say(ann, "#lobby", text)
    village.rest_until(lambda: said(ann, "#lobby") == texts)
    village.rest_until(lambda: bool(turned.asked))
    assert said(ben, "#lobby") == []
    turned.end()
    village.rest_until(lambda: said(ben, "#lobby") == texts)
