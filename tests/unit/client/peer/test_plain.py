from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from lanline.client.peer.plain import MAX_DATAGRAM_BYTES, PlainPeer
from lanline.errors import AddressUnavailable, InvalidInput

LIMIT_S = 60.0
HERE = "127.0.0.1"


def run(scenario: Any) -> None:
    async def main() -> None:
        peer = PlainPeer()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind((HERE, 0))
            other.settimeout(LIMIT_S)
            try:
                async with asyncio.timeout(LIMIT_S):
                    await scenario(peer, other)
            finally:
                peer.close()

    asyncio.run(main())


def test_a_line_is_a_datagram_in_both_directions() -> None:
    async def scenario(peer: PlainPeer, other: socket.socket) -> None:
        await peer.start(HERE, 0, HERE, other.getsockname()[1])
        peer.say("Grüße")
        assert other.recv(100) == "Grüße\n".encode()
        other.sendto("zurück\r\nzwei\n".encode(), (HERE, peer.port))
        assert [(await peer.receive())[1] for _ in range(2)] == ["zurück", "zwei"]

    run(scenario)


def test_without_a_given_peer_the_last_to_speak_is_answered() -> None:
    async def scenario(peer: PlainPeer, other: socket.socket) -> None:
        await peer.start(HERE, 0, None, 1)
        with pytest.raises(InvalidInput, match="nobody has spoken yet"):
            peer.say("anybody?")
        other.sendto(b"me", (HERE, peer.port))
        sender, line = await peer.receive()
        assert (sender, line) == (f"{HERE}:{other.getsockname()[1]}", "me")
        peer.say("hello")
        assert other.recv(100) == b"hello\n"

    run(scenario)


@pytest.mark.parametrize(
    ("data", "shown"), [(b"\xff\xfe", "\ufffd\ufffd"), (b"\x1b[2J\x07", "\ufffd[2J\ufffd"), (b"", "")]
)
def test_whatever_a_datagram_holds_is_safe_to_show(data: bytes, shown: str) -> None:
    async def scenario(peer: PlainPeer, other: socket.socket) -> None:
        await peer.start(HERE, 0, None, 1)
        other.sendto(data, (HERE, peer.port))
        assert (await peer.receive())[1] == shown

    run(scenario)


def test_the_largest_datagram_goes_and_one_byte_more_is_refused() -> None:
    async def scenario(peer: PlainPeer, other: socket.socket) -> None:
        await peer.start(HERE, 0, HERE, other.getsockname()[1])
        with pytest.raises(InvalidInput, match="65,508 bytes"):
            peer.say("x" * MAX_DATAGRAM_BYTES)
        peer.say("x" * (MAX_DATAGRAM_BYTES - 1))
        assert len(other.recv(70_000)) == MAX_DATAGRAM_BYTES

    run(scenario)


@pytest.mark.parametrize(
    ("peer_host", "error", "sentence"),
    [
        ("nobody.invalid", AddressUnavailable, "not known here"),
        ("::1", InvalidInput, "Add --listen-host ::"),
    ],
)
def test_a_peer_that_cannot_be_reached_from_here_is_told(peer_host: str, error: Any, sentence: str) -> None:
    async def scenario(peer: PlainPeer, _: socket.socket) -> None:
        with pytest.raises(error, match=sentence):
            await peer.start(HERE, 0, peer_host, 1)

    run(scenario)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_a_socket_of_both_families_reaches_ipv4() -> None:
    async def scenario(peer: PlainPeer, other: socket.socket) -> None:
        await peer.start("::", 0, HERE, other.getsockname()[1])
        peer.say("mapped")
        assert other.recv(100) == b"mapped\n"
        other.sendto(b"back", (HERE, peer.port))
        assert await peer.receive() == (f"{HERE}:{other.getsockname()[1]}", "back")

    run(scenario)


def test_a_line_that_reached_nobody_is_named_where_the_network_says_so() -> None:
    async def scenario(peer: PlainPeer, other: socket.socket) -> None:
        port = other.getsockname()[1]
        other.close()
        await peer.start(HERE, 0, HERE, port)
        peer.say("anybody there?")
        assert await peer.next_refusal() == f"Not delivered: 'anybody there?', nothing listens at {HERE}:{port}."

    run(scenario)
