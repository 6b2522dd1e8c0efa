"""One port for both links, and the caller that finds the one that works."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import pytest

from e2e.end import LIMIT_S, End
from lanline.crypto.identity import Identity
from lanline.errors import AddressUnavailable, CloseCode, LinkError
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed
from lanline.proto.link.profile import LinkProfile
from lanline.proto.websocket.profile import WebSocketProfile
from lanline.transport.connection import Connection
from lanline.transport.datagrams import Address, DatagramSocket
from lanline.transport.dialer import Dialer
from lanline.transport.linkhost import LinkHost
from lanline.transport.listener import Listener
from lanline.transport.steeredsocket import SteeredSocket
from lanline.transport.udp import UdpSocket
from lanline.transport.websocket import connect
from lanline.transport.websockethost import listen

HOST, CALLER = Identity.generate(), Identity.generate()


def ignore(_connection: Connection, _address: Address) -> None:
    pass


@asynccontextmanager
async def listening(**profiles: LinkProfile | WebSocketProfile) -> AsyncIterator[tuple[Listener, list[End]]]:
    ends: list[End] = []

    def accept(connection: Connection, address: Address) -> None:
        assert address[0] == "127.0.0.1"
        assert address[1]
        ends.append(End(connection))

    listener = await Listener.open("127.0.0.1", 0, HOST, accept, **profiles)  # type: ignore[arg-type]
    try:
        yield listener, ends
    finally:
        listener.close()
        async with asyncio.timeout(LIMIT_S):
            await listener.wait_closed()


@asynccontextmanager
async def dialing(udp_answers_within_s: float = LIMIT_S) -> AsyncIterator[Dialer]:
    with closing(Dialer(CALLER, udp_answers_within_s=udp_answers_within_s)) as dialer:
        yield dialer


def test_links_of_both_kinds_are_reported_alike() -> None:
    async def scenario() -> None:
        async with listening() as (listener, ends):
            udp = LinkHost(await UdpSocket.bind("127.0.0.1", 0), CALLER)
            callers = [
                await udp.connect(listener.address, HOST.fingerprint),
                await connect(listener.address, CALLER, expected_fingerprint=HOST.fingerprint),
            ]
            for caller, name in zip(callers, (b"udp", b"tcp"), strict=True):
                caller.send_nowait(Channel.CHAT, name)
            for end, name in zip(ends, (b"udp", b"tcp"), strict=True):
                await end.wait_until(lambda end=end: end.received[Channel.CHAT])
                assert end.received[Channel.CHAT] == [name]
            listener.close("good night")
            for caller in callers:
                async with asyncio.timeout(LIMIT_S):
                    assert await caller.wait_closed() == LinkClosed(CloseCode.GOING_AWAY, "good night", by_peer=True)
            udp.close()

    asyncio.run(scenario())


def test_a_number_that_is_taken_in_udp_is_said_to_be_so() -> None:
    async def scenario() -> None:
        with closing(await UdpSocket.bind("127.0.0.1", 0)) as taken:
            port = taken.address[1]
            with pytest.raises(AddressUnavailable, match=rf"^UDP port {port} on 127\.0\.0\.1 is taken"):
                await Listener.open("127.0.0.1", port, HOST, ignore)

    asyncio.run(scenario())


def test_a_number_that_is_taken_in_tcp_is_said_to_be_so_and_udp_is_let_go() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(AddressUnavailable, match=rf"^TCP port {port} on 127\.0\.0\.1 is taken"):
                await Listener.open("127.0.0.1", port, HOST, ignore)
            (await UdpSocket.bind("127.0.0.1", port)).close()

    asyncio.run(scenario())


def test_any_number_means_one_that_is_free_in_both(monkeypatch: pytest.MonkeyPatch) -> None:
    bind = SteeredSocket.bind
    taken = socket.create_server(("127.0.0.1", 0))
    wanted = [taken.getsockname()[1], 0]

    async def bind_the_taken_number_first(host: str, port: int) -> DatagramSocket:
        return await bind(host, wanted.pop(0) if wanted else 0)

    async def scenario() -> None:
        async with listening() as (listener, _):
            assert not wanted
            assert listener.address[1] != taken.getsockname()[1]

    with taken:
        monkeypatch.setattr(SteeredSocket, "bind", bind_the_taken_number_first)
        asyncio.run(scenario())


def test_a_port_that_was_closed_can_be_opened_again_at_once() -> None:
    async def scenario() -> None:
        async with listening() as (listener, _), dialing() as dialer:
            connection = await dialer.connect(*listener.address)
            websocket = await connect(listener.address, CALLER)
            listener.close()
            await connection.wait_closed()
            await websocket.wait_closed()
            await listener.wait_closed()
            again = await Listener.open(*listener.address, HOST, ignore)
            again.close()
            await again.wait_closed()

    asyncio.run(scenario())


def test_a_caller_uses_udp_where_it_works() -> None:
    async def scenario() -> None:
        async with listening() as (listener, ends), dialing() as dialer:
            first, second = await asyncio.gather(
                dialer.connect(*listener.address, HOST.fingerprint), dialer.connect("localhost", listener.address[1])
            )
            assert first.peer_fingerprint == second.peer_fingerprint == HOST.fingerprint
            assert len(ends) == 2
            assert len(dialer._link_hosts) == 1

    asyncio.run(scenario())


@pytest.mark.parametrize(("udp_answers_within_s", "handshake_timeout_s"), [(0.1, 600.0), (600.0, 0.1)])
def test_a_caller_uses_tcp_where_udp_does_not_answer(udp_answers_within_s: float, handshake_timeout_s: float) -> None:
    async def scenario() -> None:
        ends: list[End] = []
        host = await listen("127.0.0.1", 0, HOST, lambda connection, _: ends.append(End(connection)))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(host.address)
            with closing(
                Dialer(
                    CALLER,
                    udp_answers_within_s=udp_answers_within_s,
                    udp_profile=LinkProfile(handshake_timeout_s=handshake_timeout_s),
                )
            ) as dialer:
                async with asyncio.timeout(LIMIT_S):
                    connection = await dialer.connect(*host.address, HOST.fingerprint)
                connection.send_nowait(Channel.CHAT, b"over TCP")
                await ends[0].wait_until(lambda: ends[0].received[Channel.CHAT])
                connection.close()
                await ends[0].wait_until(lambda: ends[0].closed)
        host.close()
        await host.wait_closed()

    asyncio.run(scenario())


def test_a_wrong_key_over_udp_is_not_tried_again_over_tcp() -> None:
    async def scenario() -> None:
        udp = LinkHost(await UdpSocket.bind("127.0.0.1", 0), CALLER, on_accept=ignore)
        host = await listen("127.0.0.1", udp.address[1], HOST, ignore)
        async with dialing() as dialer:
            with pytest.raises(LinkError, match="another key"):
                await dialer.connect(*host.address, HOST.fingerprint)
        udp.close()
        host.close()
        await host.wait_closed()

    asyncio.run(scenario())


def test_nobody_at_all_is_a_clear_error() -> None:
    async def scenario() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as silent:
            silent.bind(("127.0.0.1", 0))
            async with dialing(udp_answers_within_s=0.1) as dialer:
                with pytest.raises(LinkError, match="Nothing answers"):
                    await dialer.connect(*silent.getsockname())
                with pytest.raises(AddressUnavailable, match=r"'nobody\.invalid' is not known"):
                    await dialer.connect("nobody.invalid", 7667)

    asyncio.run(scenario())
