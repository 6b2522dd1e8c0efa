"""Two sockets of one port: which datagram goes where, what a flood fills, and who may not join."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing

import pytest

from lanline.crypto.identity import Identity
from lanline.errors import AddressUnavailable
from lanline.proto.channels import Channel
from lanline.proto.events import LinkEvent, MessageReceived
from lanline.transport import steering
from lanline.transport.connection import Connection
from lanline.transport.datagrams import Address
from lanline.transport.linkhost import LinkHost
from lanline.transport.steeredsocket import SteeredSocket
from lanline.transport.udp import UdpSocket

LOOPBACK = "127.0.0.1"
HELLO = bytes([1]) + b"LANL" + bytes(100)
on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's steering is Linux's")


def run(scenario: Callable[[], object]) -> None:
    asyncio.run(scenario())  # type: ignore[arg-type]


@asynccontextmanager
async def steered(host: str = LOOPBACK) -> AsyncIterator[SteeredSocket]:
    try:
        sock = await SteeredSocket.bind(host, 0)
    except AddressUnavailable as problem:
        pytest.skip(str(problem))
    assert isinstance(sock, SteeredSocket)
    try:
        yield sock
    finally:
        sock.close()


def stranger(host: str = LOOPBACK) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)


def drained(sock: UdpSocket) -> list[bytes]:
    datagrams: list[bytes] = []
    while received := sock.receive():
        datagrams += [data for data, _ in received]
    return datagrams


@on_linux
@pytest.mark.parametrize("host", [LOOPBACK, "0.0.0.0", "::1", "::"])
def test_each_datagram_goes_to_the_socket_that_it_is_for(host: str) -> None:
    async def scenario() -> None:
        async with steered(host) as sock:
            prefix = sock.id_prefix
            to_links = [prefix + bytes([number]) * number for number in range(20)]
            to_strangers = [
                b"",
                b"\x01",
                prefix[:3],
                b"x" + prefix,
                bytes([prefix[0], prefix[1] ^ 1]) + prefix[2:],
                HELLO,
            ]
            with stranger(host) as sender:
                near = {"0.0.0.0": LOOPBACK, "::": "::1"}.get(host, host)
                for datagram in to_links + to_strangers:
                    sender.sendto(datagram, (near, sock.address[1]))
            assert drained(sock._links) == to_links
            assert drained(sock._strangers) == to_strangers

    run(scenario)


@on_linux
def test_two_hosts_do_not_have_the_same_prefix() -> None:
    async def scenario() -> None:
        async with steered() as one, steered() as other:
            assert one.id_prefix != other.id_prefix
            assert one.id_prefix[0] & other.id_prefix[0] & 0x80

    run(scenario)


@on_linux
def test_strangers_who_fill_their_buffer_leave_the_links_theirs() -> None:
    async def scenario() -> None:
        async with steered() as sock:
            with stranger() as sender:
                for _ in range(20_000):
                    sender.sendto(HELLO, sock.address)
                sender.sendto(sock.id_prefix + b"of a link", sock.address)
            assert drained(sock._links) == [sock.id_prefix + b"of a link"]
            assert 0 < len(drained(sock._strangers)) < 20_000

    run(scenario)


@on_linux
def test_one_turn_takes_no_more_than_32_strangers() -> None:
    async def scenario() -> None:
        async with steered() as sock:
            with stranger() as sender:
                for _ in range(200):
                    sender.sendto(HELLO, sock.address)
            taken = [len(sock._strangers.receive()) for _ in range(8)]
            assert taken == [1, 2, 4, 8, 16, 32, 32, 32]

    run(scenario)


@on_linux
def test_what_is_readable_is_read_whichever_socket_it_came_to() -> None:
    async def scenario() -> None:
        async with steered() as sock:
            received: list[bytes] = []
            all_there = asyncio.Event()

            def take() -> None:
                received.extend(data for data, _ in sock.receive())
                if len(received) == 2:
                    all_there.set()

            sock.start(take)
            with stranger() as sender:
                sender.sendto(HELLO, sock.address)
                sender.sendto(sock.id_prefix + b"of a link", sock.address)
            async with asyncio.timeout(60.0):
                await all_there.wait()
            assert sorted(received) == sorted([HELLO, sock.id_prefix + b"of a link"])

    run(scenario)


@on_linux
def test_links_of_a_steered_port_come_through_their_own_socket() -> None:
    async def scenario() -> None:
        async with steered() as sock:
            heard = asyncio.get_running_loop().create_future()

            def on_event(event: LinkEvent) -> None:
                if type(event) is MessageReceived:
                    heard.set_result(event.payload)

            def on_accept(connection: Connection, _address: Address) -> None:
                connection.set_handler(on_event)

            with (
                closing(LinkHost(sock, Identity.generate(), on_accept=on_accept)) as host,
                closing(LinkHost(await UdpSocket.bind(LOOPBACK, 0), Identity.generate())) as caller,
            ):
                async with asyncio.timeout(60.0):
                    connection = await caller.connect(host.address)
                    # Whoever is established needs the strangers' socket no more.
                    asyncio.get_running_loop().remove_reader(sock._strangers._socket.fileno())
                    connection.send_nowait(Channel.CHAT, b"still here")
                    assert await heard == b"still here"

    run(scenario)


def test_a_second_host_on_the_port_is_refused_while_the_first_has_two_sockets() -> None:
    async def scenario() -> None:
        with closing(await SteeredSocket.bind(LOOPBACK, 0)) as first:
            port = first.address[1]
            for bind in (SteeredSocket.bind, UdpSocket.bind):
                with pytest.raises(AddressUnavailable, match=rf"^UDP port {port} on 127\.0\.0\.1 is taken"):
                    await bind(LOOPBACK, port)

    run(scenario)


@on_linux
def test_who_asks_to_share_the_port_gets_nothing_of_it() -> None:
    async def scenario() -> None:
        async with steered() as sock:
            with stranger() as intruder, stranger() as sender:
                intruder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                intruder.setblocking(False)
                intruder.bind(sock.address)
                sent = [sock.id_prefix + bytes([number]) for number in range(50)]
                for datagram in sent:
                    sender.sendto(datagram, sock.address)
                    sender.sendto(HELLO, sock.address)
                assert drained(sock._links) == sent
                assert drained(sock._strangers) == [HELLO] * 50
                with pytest.raises(BlockingIOError):
                    intruder.recv(1)

    run(scenario)


def test_a_system_without_steering_has_one_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steering.sys, "platform", "plan9")

    async def scenario() -> None:
        with closing(await SteeredSocket.bind(LOOPBACK, 0)) as sock:
            assert isinstance(sock, UdpSocket)
            assert sock.id_prefix == b""

    run(scenario)


@on_linux
def test_a_kernel_that_refuses_the_program_leaves_one_socket_that_shares_with_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOPROTOOPT, "refused")

    monkeypatch.setattr(steering, "_attach", refuse)

    async def scenario() -> None:
        with closing(await SteeredSocket.bind(LOOPBACK, 0)) as sock:
            assert isinstance(sock, UdpSocket)
            with stranger() as other:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                with pytest.raises(OSError, match="in use"):
                    other.bind(sock.address)

    run(scenario)
