from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable

import pytest

from lanline.transport.datagrams import Address
from lanline.transport.refusals import Refusal
from lanline.transport.udp import UdpSocket

LIMIT_S = 60.0
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells who refused")


def open_and_closed() -> tuple[socket.socket, Address]:
    """A socket that listens, and an address at which nothing does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        closed = gone.getsockname()
        listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(LIMIT_S)
    return listening, closed


async def refusals(sock: UdpSocket, act: Callable[[], None]) -> list[Refusal]:
    heard: list[Refusal] = []
    arrived = asyncio.Event()

    def on_readable() -> None:
        sock.receive()
        heard.extend(sock.refusals())
        if heard:
            arrived.set()

    sock.start(on_readable)
    act()
    async with asyncio.timeout(LIMIT_S):
        await arrived.wait()
    return heard


def test_a_closed_port_is_heard_of_by_its_address() -> None:
    async def run() -> None:
        listening, closed = open_and_closed()
        sock = await UdpSocket.bind("127.0.0.1", 0, hears_refusals=True)
        with listening:
            heard = await refusals(sock, lambda: sock.send(closed, [b"anybody?"]))
            assert heard == [Refusal(closed, is_certain=True)]
            assert sock.refusals() == []
        sock.close()

    asyncio.run(run())


@pytest.mark.parametrize("burst", [1, 3])
def test_what_one_refuses_the_others_do_not_lose(burst: int) -> None:
    """The system tells of a refusal at the next call, whomever that is for."""

    async def run() -> None:
        listening, closed = open_and_closed()
        sock = await UdpSocket.bind("127.0.0.1", 0, hears_refusals=True)
        with listening:
            for number in range(50):
                sock.send(closed, [b"anybody?"])
                sock.send(listening.getsockname(), [b"%d" % number] * burst)
            received = [listening.recv(100) for _ in range(50 * burst)]
        assert received == [b"%d" % number for number in range(50) for _ in range(burst)]
        sock.close()

    asyncio.run(run())


def test_a_socket_that_was_not_asked_hears_nothing() -> None:
    async def run() -> None:
        listening, closed = open_and_closed()
        listening.close()
        sock = await UdpSocket.bind("127.0.0.1", 0)
        sock.send(closed, [b"anybody?"])
        assert sock.refusals() == []
        sock.close()

    asyncio.run(run())


def test_on_a_loop_that_cannot_bear_it_nothing_is_heard_and_all_is_received() -> None:
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")

    async def run() -> None:
        listening, closed = open_and_closed()
        sock = await UdpSocket.bind("127.0.0.1", 0, hears_refusals=True)
        arrived = asyncio.Event()
        sock.start(lambda: sock.receive() and arrived.set())
        with listening:
            sock.send(closed, [b"anybody?"])
            listening.sendto(b"here", sock.address)
            async with asyncio.timeout(LIMIT_S):
                await arrived.wait()
        sock.close()

    uvloop.run(run())
