"""All links of one socket, over a network within the process that loses what a test wants lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from e2e.end import End
from lanline.crypto.identity import Identity
from lanline.errors import CloseCode, LinkError
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed
from lanline.proto.link.profile import LinkProfile
from lanline.transport.connection import Connection
from lanline.transport.datagrams import Address
from lanline.transport.linkhost import LinkHost
from lanline.transport.memory import MemoryNetwork, MemorySocket
from unit.transport.leapingloop import run_leaping

SERVER_ADDRESS, CLIENT_ADDRESS = ("memory", 1), ("memory", 2)
SERVER, CLIENT = Identity.generate(), Identity.generate()
IMPATIENT = LinkProfile(keepalive_s=0.1, dead_after_s=0.2, handshake_timeout_s=0.2)


class World:
    def __init__(self, profile: LinkProfile | None) -> None:
        self.network = MemoryNetwork()
        self.accepted: list[End] = []
        self.server_socket = self.network.bind(SERVER_ADDRESS)
        self.server = LinkHost(self.server_socket, SERVER, profile=profile, on_accept=self.accept)
        self.client = LinkHost(self.network.bind(CLIENT_ADDRESS), CLIENT, profile=profile)

    def accept(self, connection: Connection, address: Address) -> None:
        assert address == CLIENT_ADDRESS
        self.accepted.append(End(connection))

    async def link(self) -> tuple[End, End]:
        client = End(await self.client.connect(SERVER_ADDRESS))
        client.connection.send_nowait(Channel.CHAT, b"hello")
        await client.wait_until(lambda: client.delivered[Channel.CHAT] == 1)
        return client, self.accepted[-1]

    def vanish(self) -> None:
        """The server is there no more, and had no time to say so."""
        self.network.release(SERVER_ADDRESS)


def run(scenario: Callable[[World], Coroutine[Any, Any, None]], profile: LinkProfile | None = None) -> None:
    async def main() -> None:
        world = World(profile)
        async with asyncio.timeout(60.0):
            await scenario(world)
        world.client.close()
        world.server.close()

    run_leaping(main())


def test_closing_a_host_says_goodbye_on_every_link() -> None:
    async def scenario(world: World) -> None:
        links = [await world.link() for _ in range(3)]
        world.server.close("back at noon")
        for client, server in links:
            await client.wait_until(lambda client=client: client.closed)
            assert client.closed == LinkClosed(CloseCode.GOING_AWAY, "back at noon", by_peer=True)
            assert server.closed == LinkClosed(CloseCode.GOING_AWAY, "back at noon", by_peer=False)
        # The port is free again, and nothing rings any more.
        world.network.bind(SERVER_ADDRESS)
        assert world.server._driver._timer is None

    run(scenario)


def test_a_link_that_is_over_is_forgotten_by_both_hosts() -> None:
    async def scenario(world: World) -> None:
        client, server = await world.link()
        client.connection.close()
        await server.wait_until(lambda: server.closed)
        for host in (world.server, world.client):
            assert host._connections == {}

    run(scenario)


def test_a_host_that_accepts_nobody_is_nobody() -> None:
    async def scenario(world: World) -> None:
        with pytest.raises(LinkError, match="Nobody answers"):
            await world.server.connect(CLIENT_ADDRESS)
        assert world.server._connections == {}

    run(scenario, IMPATIENT)


def test_a_host_that_is_full_says_so() -> None:
    async def scenario(world: World) -> None:
        world.server._endpoint._max_links = 1
        await world.link()
        with pytest.raises(LinkError, match="accepts no more links at the moment"):
            await world.client.connect(SERVER_ADDRESS)
        assert len(world.accepted) == 1

    run(scenario)


def test_a_call_that_is_cancelled_is_hung_up() -> None:
    async def scenario(world: World) -> None:
        call = asyncio.create_task(world.client.connect(("memory", 3)))
        await asyncio.sleep(0)
        assert len(world.client._connections) == 1
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert world.client._connections == {}

    run(scenario)


def test_a_call_can_be_begun_and_its_outcome_awaited_later() -> None:
    async def scenario(world: World) -> None:
        calls = [world.client.connect_nowait(SERVER_ADDRESS, SERVER.fingerprint) for _ in range(5)]
        for call in calls:
            assert (await call.wait_established()).peer_fingerprint == SERVER.fingerprint

    run(scenario)


@pytest.mark.parametrize("something_is_said", [True, False])
def test_a_peer_that_vanishes_is_noticed(something_is_said: bool) -> None:
    async def scenario(world: World) -> None:
        client, _ = await world.link()
        world.vanish()
        if something_is_said:
            client.connection.send_nowait(Channel.CHAT, b"are you there?")
        await client.wait_until(lambda: client.closed)
        assert client.closed == LinkClosed(
            CloseCode.UNREACHABLE, "The other side does not answer any more.", by_peer=False
        )
        assert client.delivered[Channel.CHAT] == 1

    run(scenario, IMPATIENT)


def test_two_hosts_that_keep_quiet_keep_their_link() -> None:
    async def scenario(world: World) -> None:
        client, server = await world.link()
        sent = world.client._socket.send
        keepalives = asyncio.Event()
        count = 0

        def count_and_send(address: Address, datagrams: list[bytes]) -> None:
            nonlocal count
            count += 1
            if count == 5:
                keepalives.set()
            sent(address, datagrams)

        world.client._socket.send = count_and_send  # type: ignore[method-assign]
        await keepalives.wait()
        assert not client.closed
        assert not server.closed

    run(scenario, IMPATIENT)


def test_a_server_that_forgot_the_link_resets_it_at_the_next_packet() -> None:
    async def scenario(world: World) -> None:
        client, _ = await world.link()
        world.vanish()
        world.server_socket = world.network.bind(SERVER_ADDRESS)
        world.server = LinkHost(world.server_socket, SERVER, on_accept=world.accept)
        client.connection.send_nowait(Channel.CHAT, b"as I was saying")
        await client.wait_until(lambda: client.closed)
        assert client.closed is not None
        assert client.closed.code is CloseCode.RESET
        await world.link()

    run(scenario)


def test_another_server_in_its_place_cannot_reset_the_link() -> None:
    async def scenario(world: World) -> None:
        client, _ = await world.link()
        world.vanish()
        imposter = LinkHost(world.network.bind(SERVER_ADDRESS), Identity.generate(), on_accept=world.accept)
        client.connection.send_nowait(Channel.CHAT, b"as I was saying")
        await client.wait_until(lambda: client.closed)
        assert client.closed is not None
        assert client.closed.code is CloseCode.UNREACHABLE
        imposter.close()

    run(scenario, IMPATIENT)


def test_no_large_datagram_is_tried_where_they_may_be_cut_up() -> None:
    async def scenario(world: World) -> None:
        sock = world.network.bind(("memory", 3))
        sock.forbids_fragmentation = False
        largest = 0
        send = MemorySocket.send

        def measure(address: Address, datagrams: list[bytes]) -> None:
            nonlocal largest
            largest = max(largest, *map(len, datagrams))
            send(sock, address, datagrams)

        sock.send = measure  # type: ignore[method-assign]
        cautious = LinkHost(sock, CLIENT)
        world.server._on_accept = lambda connection, _: world.accepted.append(End(connection))
        client = End(await cautious.connect(SERVER_ADDRESS))
        client.connection.send_nowait(Channel.BULK, bytes(1_000_000))
        await client.wait_until(lambda: client.delivered[Channel.BULK] == 1)
        assert largest <= LinkProfile().mtu_bytes
        cautious.close()

    run(scenario)
