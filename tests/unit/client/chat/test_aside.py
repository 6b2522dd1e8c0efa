"""Words are opened in a program of their own; where that does not work, its answer is that there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from lanline.client.chat import aside as module
from lanline.client.chat.aside import Aside

NO_RUNS = b"\x90"


def with_aside(work: Callable[[Aside], Awaitable[None]]) -> None:
    async def main() -> None:
        aside = Aside()
        aside.begin()
        assert aside._begun is not None
        await asyncio.wrap_future(aside._begun)
        assert aside.is_ready
        await work(aside)
        aside.close()

    asyncio.run(main())


def test_who_waits_is_told_when_it_is_over() -> None:
    async def work(aside: Aside) -> None:
        asked, told = aside.ask(NO_RUNS), asyncio.Event()
        asked.when_over(told.set)
        await told.wait()
        assert asked.is_over
        assert asked.found() == NO_RUNS

    with_aside(work)


def test_a_program_that_ends_finds_nothing() -> None:
    async def work(aside: Aside) -> None:
        assert aside.ask(b"no words at all").found() is None
        assert aside.ask(NO_RUNS).found() is None

    with_aside(work)


def test_it_ends_when_nothing_is_asked_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(aside: Aside) -> None:
        process = aside._process
        assert process is not None
        monkeypatch.setattr(module, "_IDLE_S", 0.0)
        aside.ask(NO_RUNS)
        assert await asyncio.to_thread(process.wait) == 0
        assert not aside.is_ready
        aside.begin()
        assert aside.ask(NO_RUNS).found() == NO_RUNS

    with_aside(work)
