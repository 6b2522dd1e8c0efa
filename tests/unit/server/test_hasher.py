from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Awaitable, Callable

import argon2
import pytest

from lanline.server import hasher as module
from lanline.server.hasher import Argon2Hasher, Rest

LIMIT_S = 60.0


def run(scenario: Callable[[Argon2Hasher], Awaitable[None]]) -> None:
    async def within() -> None:
        hasher = Argon2Hasher()
        try:
            async with asyncio.timeout(LIMIT_S):
                await scenario(hasher)
        finally:
            hasher.close()

    asyncio.run(within())


def hashed(hasher: Argon2Hasher, password: str, *, is_member: bool = False) -> asyncio.Future[str | None]:
    done: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
    hasher.hash(password, done.set_result, is_member=is_member)
    return done


def verified(hasher: Argon2Hasher, password: str, password_hash: str | None) -> asyncio.Future[bool | None]:
    done: asyncio.Future[bool | None] = asyncio.get_running_loop().create_future()
    hasher.verify(password, password_hash, done.set_result)
    return done


def test_the_right_password_is_known_and_no_other() -> None:
    async def scenario(hasher: Argon2Hasher) -> None:
        kept = await hashed(hasher, "correct horse")
        assert kept is not None
        assert kept.startswith("$argon2id$")
        assert kept != await hashed(hasher, "correct horse")
        assert await verified(hasher, "correct horse", kept) is True
        assert await verified(hasher, "correct Horse", kept) is False

    run(scenario)


def test_a_password_is_the_same_from_every_keyboard() -> None:
    async def scenario(hasher: Argon2Hasher) -> None:
        kept = await hashed(hasher, "caf\u00e9 caf\u00e9")
        assert await verified(hasher, "cafe\u0301 cafe\u0301", kept) is True

    run(scenario)


def test_a_server_that_starts_hashes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes the processor and tens of megabytes for a moment."""
    hashed_at_start: list[object] = []
    monkeypatch.setattr(argon2.PasswordHasher, "hash", lambda _, password: hashed_at_start.append(password))

    async def scenario(hasher: Argon2Hasher) -> None:
        assert await verified(hasher, "x", None) is False

    run(scenario)
    assert hashed_at_start == []


def test_no_hash_is_worked_on_as_any_other_and_never_right() -> None:
    async def scenario(hasher: Argon2Hasher) -> None:
        checked: list[str] = []
        await verified(hasher, "x", None)
        really = hasher._hasher
        assert really is not None

        class Noting:
            @staticmethod
            def verify(password_hash: str, password: str) -> bool:
                checked.append(password_hash)
                return really.verify(password_hash, password)

        hasher._hasher = Noting()  # type: ignore[assignment]
        assert await verified(hasher, "", None) is False
        assert checked == [hasher._nobodys_hash]
        assert "m=47104,t=1,p=1" in checked[0]
        assert argon2.extract_parameters(checked[0]) == argon2.extract_parameters(really.hash(""))
        hasher._nobodys_hash = really.hash("guessed")
        assert await verified(hasher, "guessed", None) is False

    run(scenario)


def test_what_cannot_be_checked_is_answered_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(hasher: Argon2Hasher) -> None:
        assert await verified(hasher, "secret word", "no hash at all") is None

    run(scenario)
    assert "could not be hashed or checked" in caplog.text
    assert "secret word" not in caplog.text


def test_it_works_beside_the_loop_and_answers_on_it() -> None:
    async def scenario(hasher: Argon2Hasher) -> None:
        where: list[threading.Thread] = []
        turns = 0
        done = asyncio.Event()

        def answered(_: str | None) -> None:
            where.append(threading.current_thread())
            done.set()

        hasher.hash("correct horse", answered)
        assert not where
        while not done.is_set():
            turns += 1
            await asyncio.sleep(0)
        assert turns > 10
        assert where == [threading.main_thread()]

    run(scenario)


def test_who_asks_when_too_many_wait_is_turned_away_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(hasher: Argon2Hasher) -> None:
        monkeypatch.setattr(module, "_MAX_WAITING", 3)
        first = [hashed(hasher, "correct horse") for _ in range(3)]
        turned_away = hashed(hasher, "correct horse")
        assert turned_away.done()
        assert turned_away.result() is None
        assert all(await asyncio.gather(*first))
        assert await hashed(hasher, "correct horse") is not None

    run(scenario)


def test_people_who_are_signed_in_wait_for_no_stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(hasher: Argon2Hasher) -> None:
        monkeypatch.setattr(hasher, "_rest", Rest(1e-9, 0.0))  # after one look the next is a year away
        monkeypatch.setattr(module, "_MAX_WAITING", 3)
        strangers = [hashed(hasher, "correct horse") for _ in range(3)]
        assert await hashed(hasher, "correct horse", is_member=True) is not None
        assert await strangers[0] is not None
        assert await hashed(hasher, "correct horse", is_member=True) is not None
        assert not any(each.done() for each in strangers[1:])

    run(scenario)


def test_strangers_get_a_share_of_the_time_and_some_of_it_at_once() -> None:
    rest, now, worked = Rest(0.25, 1.0), 100.0, 0.0
    while worked < 1.0:
        assert rest.after(0.1, now) == pytest.approx(0.0)
        worked, now = worked + 0.1, now + 0.1
    begun, worked = now, 0.0
    while now < begun + 60.0:
        now += 0.1 + rest.after(0.1, now + 0.1)
        worked += 0.1
    assert worked == pytest.approx(0.25 * 60.0, rel=0.1)
    assert rest.after(0.1, now + 1000.0) == 0.0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities for threads")
def test_the_thread_that_hashes_lets_others_go_first() -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    async def scenario(hasher: Argon2Hasher) -> None:
        usual = niceness()
        there = await asyncio.get_running_loop().run_in_executor(hasher._strangers.thread, niceness)
        assert there == max(usual, module._NICENESS)
        assert niceness() == usual

    run(scenario)
