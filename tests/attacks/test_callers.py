"""Connections over TCP that never become a link: how many a server holds, and who gets in beside them."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from attacks.callers import Callers, many_files
from attacks.crowds import calling
from e2e.house import Server, house
from e2e.program import COMMAND
from lanline.crypto.identity import Identity
from lanline.proto.channels import Channel
from lanline.proto.events import MessageReceived
from lanline.proto.websocket.callers import MAX_CALLERS
from lanline.transport.connection import Connection
from lanline.wire.chat.messages import encode_message
from lanline.wire.chat.signin import Hello

LIMIT_S = 60.0
MOST_FILES = 160
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="files of another process are counted on Linux only")


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[tuple[Server, tuple[str, int]]]:
    with house(folder) as made, many_files():
        server = made.serve()
        yield server, ("127.0.0.1", server.port)


async def is_answered(link: Connection) -> bool:
    """Whether a client over TCP is greeted."""
    link.send_nowait(Channel.CHAT, encode_message(Hello((2,), "test")))
    async with asyncio.timeout(LIMIT_S):
        while not isinstance(await link.receive(), MessageReceived):
            pass
    return True


async def comes_in(address: tuple[str, int]) -> bool:
    async with asyncio.timeout(LIMIT_S), calling(address, Identity.generate()) as link:
        return await is_answered(link)


def files_of(server: Server) -> int:
    return sum(1 for _ in Path(f"/proc/{server.process.pid}/fd").iterdir())


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < until, "it never came about"
        time.sleep(0.02)


def test_connections_that_are_no_link_are_bounded_and_the_next_caller_comes_in(tmp_path: Path) -> None:
    with serving(tmp_path) as (server, address):
        before = files_of(server)
        crowd = Callers(address)
        for _ in range(MAX_CALLERS + 400):
            crowd.call()
        assert asyncio.run(comes_in(address))
        wait_until(lambda: files_of(server) - before <= MAX_CALLERS)
        assert crowd.held >= MAX_CALLERS // 2, "all were sent away, and not only those that are too many"
        crowd.leave()
        wait_until(lambda: files_of(server) <= before + 1)


def test_a_server_that_runs_out_of_files_says_so_once_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = ("sh", "-c", f'ulimit -n {MOST_FILES}; exec "$@"', "sh", *COMMAND)
    monkeypatch.setattr("e2e.house.COMMAND", limited)

    async def scenario(server: Server, address: tuple[str, int]) -> None:
        async with calling(address, Identity.generate()) as link:
            crowd = Callers(address)
            for _ in range(2 * MOST_FILES):
                await asyncio.to_thread(crowd.call)
            await asyncio.to_thread(wait_until, lambda: "too many open files" in server.logged)
            assert await is_answered(link)
            assert await comes_in(address)
            assert files_of(server) < MOST_FILES
            crowd.leave()

    with serving(tmp_path) as (server, address):
        asyncio.run(scenario(server, address))
        assert asyncio.run(comes_in(address))
        assert server.end() == 0
        assert server.logged.count("too many open files") == 1
