"""Stream packets beside a link: only to proven addresses, only from the peer."""

from __future__ import annotations

import asyncio
from typing import Any

from lanline.crypto.identity import Identity
from lanline.proto.channels import Channel
from lanline.transport.connection import Connection
from lanline.transport.datagrams import Address
from lanline.transport.driver import Driver
from lanline.transport.linkhost import LinkHost
from lanline.transport.memory import MemoryNetwork
from lanline.transport.streams import LinkStreams, MessageStreams
from unit.transport.standins import MessageLinkStandIn

SERVER_ADDRESS, CLIENT_ADDRESS, ELSEWHERE = ("memory", 1), ("memory", 2), ("memory", 3)
SERVER, CLIENT = Identity.generate(), Identity.generate()
STREAM_ID = b"\x80\x01\x02\x03\x04\x05\x06\x07"
PACKETS = [STREAM_ID + bytes(40), STREAM_ID + bytes(41)]


class Recorder:
    def __init__(self) -> None:
        self.sent: list[tuple[Address, list[bytes]]] = []

    def send(self, address: Address, datagrams: list[bytes]) -> None:
        self.sent.append((address, datagrams))


class AddressedLink:
    def __init__(self) -> None:
        self.proven_address: Address | None = CLIENT_ADDRESS
        self.address = CLIENT_ADDRESS


def test_a_burst_goes_to_the_proven_address_as_it_is() -> None:
    recorder, link = Recorder(), AddressedLink()
    streams = LinkStreams(link, None, recorder)  # type: ignore[arg-type]
    streams.send(PACKETS)
    assert recorder.sent == [(CLIENT_ADDRESS, PACKETS)]


def test_nothing_goes_to_an_address_that_is_not_proven() -> None:
    recorder, link = Recorder(), AddressedLink()
    link.proven_address = None
    LinkStreams(link, None, recorder).send(PACKETS)  # type: ignore[arg-type]
    assert recorder.sent == []


async def linked() -> tuple[MemoryNetwork, LinkHost, LinkHost, Connection, Connection]:
    network = MemoryNetwork()
    accepted: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
    server = LinkHost(
        network.bind(SERVER_ADDRESS), SERVER, on_accept=lambda connection, _address: accepted.set_result(connection)
    )
    client = LinkHost(network.bind(CLIENT_ADDRESS), CLIENT)
    connection = await client.connect(SERVER_ADDRESS)
    connection.send_nowait(Channel.CHAT, b"hello")
    serving = await accepted
    await serving.receive()
    return network, server, client, serving, connection


def run(scenario: Any) -> None:
    async def main() -> None:
        network, server, client, serving, watching = await linked()
        await scenario(network, serving, watching)
        client.close()
        server.close()

    asyncio.run(main())


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_packets_reach_the_handler_of_their_stream() -> None:
    async def scenario(_network: MemoryNetwork, serving: Connection, watching: Connection) -> None:
        taken: list[bytes] = []
        watching.receive_stream(STREAM_ID, taken.append)
        serving.send_stream(PACKETS)
        await settle()
        assert taken == PACKETS
        watching.stop_stream(STREAM_ID)
        serving.send_stream(PACKETS)
        await settle()
        assert taken == PACKETS

    run(scenario)


def test_packets_from_another_address_than_the_peers_are_dropped() -> None:
    async def scenario(network: MemoryNetwork, serving: Connection, watching: Connection) -> None:
        taken: list[bytes] = []
        watching.receive_stream(STREAM_ID, taken.append)
        network.carry(ELSEWHERE, CLIENT_ADDRESS, PACKETS)
        await settle()
        assert taken == []

    run(scenario)


def test_a_link_that_is_closed_is_sent_nothing() -> None:
    async def scenario(network: MemoryNetwork, serving: Connection, watching: Connection) -> None:
        serving.close()
        carried: list[bytes] = []
        network.carry = lambda _from, _to, datagrams: carried.extend(datagrams)  # type: ignore[method-assign]
        serving.send_stream(PACKETS)
        await settle()
        assert not set(PACKETS) & set(carried)

    run(scenario)


def test_without_datagrams_packets_travel_as_messages_on_media() -> None:
    async def scenario() -> None:
        link = MessageLinkStandIn()
        driver = Driver(link, deliver=lambda: False, transmit=lambda _now: None)
        streams = MessageStreams(link, driver)  # type: ignore[arg-type]
        streams.send(PACKETS)
        assert link.sent == [(Channel.MEDIA, packet) for packet in PACKETS]
        link.is_open = False
        streams.send(PACKETS)
        taken: list[bytes] = []
        streams.open(STREAM_ID, taken.append)
        assert streams.take(PACKETS[0])
        assert not streams.take(b"another message")
        streams.close(STREAM_ID)
        assert not streams.take(PACKETS[0])
        assert taken == PACKETS[:1]

    asyncio.run(scenario())
