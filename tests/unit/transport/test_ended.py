"""What a link has held is free when it is over, and waits for no search for cycles: strangers make thousands."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from collections.abc import Iterator

import pytest

from lanline.crypto.identity import Identity
from lanline.proto.link.link import Link
from lanline.proto.link.profile import LinkProfile
from lanline.proto.websocket.link import WebSocketLink
from lanline.transport.connection import Connection
from lanline.transport.linkhost import LinkHost
from lanline.transport.udp import UdpSocket
from lanline.transport.websocket import connect
from lanline.transport.websockethost import listen

LIMIT_S = 60.0
SERVER, CLIENT = Identity.generate(), Identity.generate()
HALF_A_HELLO = b"\x16\x03\x01\x00\xf0"


_others: list[object] = []
"""Links of other tests that are not over: held, so that none of this test is taken for one of them."""


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    gc.collect()
    _others[:] = [each for each in gc.get_objects() if type(each) in {Link, WebSocketLink}]
    gc.disable()
    yield
    gc.enable()
    _others.clear()


def live(kind: type) -> int:
    return sum(type(each) is kind and not any(each is other for other in _others) for each in gc.get_objects())


async def until_gone(kind: type) -> None:
    async with asyncio.timeout(LIMIT_S):
        while live(kind):  # noqa: ASYNC110 -- of memory there is no event
            await asyncio.sleep(0.05)


class Session:
    """Holds its link, which holds it."""

    def __init__(self, connection: Connection, _address: tuple[str, int]) -> None:
        self.connection = connection
        connection.set_handler(self.handle)

    def handle(self, _event: object) -> None:
        pass


def test_a_udp_link() -> None:
    async def scenario() -> None:
        profile = LinkProfile(keepalive_s=0.2)  # its last timer holds it until it would have rung
        host = LinkHost(await UdpSocket.bind("127.0.0.1", 0), SERVER, profile=profile, on_accept=Session)
        caller = LinkHost(await UdpSocket.bind("127.0.0.1", 0), CLIENT, profile=profile)
        (await caller.connect(host.address)).close()
        await until_gone(Link)
        caller.close()
        host.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("is_finished", [True, False])
def test_a_websocket_link(is_finished: bool) -> None:
    async def scenario() -> None:
        host = await listen("127.0.0.1", 0, SERVER, Session)
        if is_finished:
            (await connect(host.address, CLIENT)).close()
        else:
            with contextlib.closing(socket.create_connection(host.address)) as stranger:
                stranger.sendall(HALF_A_HELLO)
                async with asyncio.timeout(LIMIT_S):
                    while not live(WebSocketLink):  # noqa: ASYNC110 -- as above
                        await asyncio.sleep(0.01)
        await until_gone(WebSocketLink)
        host.close()
        await host.wait_closed()

    asyncio.run(scenario())
