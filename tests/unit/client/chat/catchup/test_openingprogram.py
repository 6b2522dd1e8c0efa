"""Words are opened by a second program; where that does not work, its answer is that there is none."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable

import pytest

from lanline.client.chat.catchup import intake
from lanline.client.chat.catchup import openingprogram as module
from lanline.client.chat.catchup.openingprogram import OpeningProgram
from lanline.client.chat.sealed import seals
from lanline.client.sealing.asking import Asked
from lanline.client.sealing.opener import open_all
from unit.client.chat.sealed.test_sealed_outbox import said, say
from unit.client.chat.sealedvillage import sealed_village
from unit.client.chat.village import Village

__all__ = ["sealed_village"]

NO_RUNS = b"\x90"
_EVER_S = 1e6
_CUT_OFF = """
import os, signal, sys
from lanline.client.sealing.opener import read_piece
read_piece(sys.stdin.buffer)
sys.stdout.buffer.write((100_000).to_bytes(4, "big") + b"\\x90" * 3_000)
sys.stdout.buffer.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is."""
    for name in ("_IDLE_S", "_WAITS_S", "_ANSWERS_S"):
        monkeypatch.setattr(module, name, _EVER_S)


async def _is_over(asked: Asked) -> None:
    told = asyncio.Event()
    asked.when_over(told.set)
    await told.wait()


def _process_of(opener: OpeningProgram) -> subprocess.Popen[bytes]:
    assert opener._process is not None
    return opener._process


def _program(text: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


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
        asked = opener.ask(NO_RUNS)
        await _is_over(asked)
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
        process = _process_of(opener)
        monkeypatch.setattr(module, "_IDLE_S", 0.0)
        opener.ask(NO_RUNS)
        assert await asyncio.to_thread(process.wait) == -signal.SIGKILL
        assert not opener.is_ready
        opener.begin()
        assert opener.ask(NO_RUNS).found() == NO_RUNS

    with_opener(work)


def test_another_is_begun_after_one_was_killed() -> None:
    async def work(opener: OpeningProgram) -> None:
        killed = _process_of(opener)
        killed.kill()
        asked, behind = opener.ask(NO_RUNS), opener.ask(NO_RUNS)
        assert asked.found() is None
        assert behind.found() is None
        assert not opener.is_ready
        assert killed.returncode == -signal.SIGKILL
        opener.begin()
        assert opener.ask(NO_RUNS).found() == NO_RUNS
        assert opener.is_ready

    with_opener(work)


def test_an_answer_that_is_cut_off_is_none() -> None:
    async def work(opener: OpeningProgram) -> None:
        _process_of(opener).communicate()
        opener._process = _program(_CUT_OFF)
        assert opener.ask(NO_RUNS).found() is None
        assert not opener.is_ready

    with_opener(work)


def test_nobody_waits_long_for_one_that_is_stopped_and_it_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(opener: OpeningProgram) -> None:
        stopped = _process_of(opener)
        os.kill(stopped.pid, signal.SIGSTOP)
        monkeypatch.setattr(module, "_WAITS_S", 0.0)
        monkeypatch.setattr(module, "_ANSWERS_S", 0.0)
        large = opener.ask(bytes(1_000_000))  # more than a pipe holds
        assert large.found() is None
        assert not large.is_over
        await _is_over(large)
        assert large.found() is None
        assert stopped.returncode == -signal.SIGKILL
        assert not opener.is_ready

    with_opener(work)


def test_it_is_closed_while_it_is_stopped_and_may_be_closed_twice() -> None:
    async def work(opener: OpeningProgram) -> None:
        stopped = _process_of(opener)
        os.kill(stopped.pid, signal.SIGSTOP)
        asked, behind = opener.ask(NO_RUNS), opener.ask(NO_RUNS)
        opener.close()
        assert stopped.returncode == -signal.SIGKILL
        assert asked.found() is None
        assert behind.found() is None
        opener.close()

    with_opener(work)


def test_nothing_goes_wrong_where_it_would_be_idle_after_it_was_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(opener: OpeningProgram) -> None:
        wrong, loop, is_later = list[object](), asyncio.get_running_loop(), asyncio.Event()
        loop.set_exception_handler(lambda _, context: wrong.append(context))
        monkeypatch.setattr(module, "_IDLE_S", 0.0)
        opener.ask(NO_RUNS)
        opener.close()
        loop.call_later(0.0, is_later.set)
        await is_later.wait()
        assert wrong == []

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
