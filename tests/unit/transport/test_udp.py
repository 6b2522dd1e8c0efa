"""UDP sockets on loopback: bursts by the kernel's offload and without, and the sentence for each port that fails."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from lanline.errors import AddressUnavailable
from lanline.transport.addresses import port_unavailable
from lanline.transport.datagrams import Address
from lanline.transport.udp import UdpSocket

ON_LINUX = sys.platform.startswith("linux")
LOOPBACK = "127.0.0.1"


class KernelSocket:
    """The socket below, with calls that a test may watch or replace: a socket's own cannot be."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self.bursts: list[int] = []
        self.singles: list[int] = []
        self.reads = 0
        self.refusals: list[int] = []

    def sendmsg(self, datagrams: list[bytes], *rest: Any) -> int:
        if self.refusals:
            raise OSError(self.refusals.pop(0), "refused")
        self.bursts.append(len(datagrams))
        return self._socket.sendmsg(datagrams, *rest)

    def sendto(self, datagram: bytes, address: Address) -> int:
        self.singles.append(len(datagram))
        return self._socket.sendto(datagram, address)

    def recvfrom(self, size: int) -> Any:
        self.reads += 1
        return self._socket.recvfrom(size)

    def recvmsg(self, *sizes: int) -> Any:
        self.reads += 1
        return self._socket.recvmsg(*sizes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


class Pair:
    def __init__(self, sender: UdpSocket, receiver: UdpSocket) -> None:
        self.sender, self.receiver = sender, receiver
        self.sending = sender._socket = KernelSocket(sender._socket)  # type: ignore[assignment]
        self.receiving = receiver._socket = KernelSocket(receiver._socket)  # type: ignore[assignment]
        self.arrived: list[bytes] = []
        self._news = asyncio.Event()
        receiver.start(self._take)

    def _take(self) -> None:
        received = self.receiver.receive()
        assert {source for _, source in received} <= {self.sender.address}
        self.arrived += [data for data, _ in received]
        self._news.set()

    def send(self, datagrams: list[bytes]) -> None:
        self.sender.send(self.receiver.address, datagrams)

    async def wait_for(self, datagrams: list[bytes]) -> None:
        async with asyncio.timeout(60.0):
            while len(self.arrived) < len(datagrams):
                self._news.clear()
                await self._news.wait()
        assert self.arrived == datagrams
        self.arrived = []


@asynccontextmanager
async def pair(*, segments: bool = True, coalesces: bool = True) -> AsyncIterator[Pair]:
    sender = await UdpSocket.bind(LOOPBACK, 0, offload=segments)
    receiver = await UdpSocket.bind(LOOPBACK, 0, offload=coalesces)
    try:
        yield Pair(sender, receiver)
    finally:
        sender.close()
        receiver.close()


def burst(*sizes: int) -> list[bytes]:
    return [index.to_bytes(2, "big") + bytes(size - 2) for index, size in enumerate(sizes)]


BURSTS = {
    "one": burst(1200),
    "equal": burst(*[1200] * 10),
    "a shorter one last": burst(*[1200] * 5, 300),
    "a shorter one amid": burst(1200, 1200, 40, 1200, 1200),
    "growing": burst(2, 50, 51, 1200, 1400, 9000),
    "all sorts": burst(*[100, 100, 99, 100, 1200, 1200, 1199, 1199, 1200] * 5),
    "more than 64 segments": burst(*[200] * 200),
    "more than 65,000 bytes": burst(*[9000] * 20),
    "the largest": burst(65_507, 65_507),
    "empty ones among others": [b"", b"", b"x", b""],
}


@pytest.mark.parametrize("segments", [True, False])
@pytest.mark.parametrize("coalesces", [True, False])
@pytest.mark.parametrize("name", BURSTS)
def test_a_burst_arrives_as_it_was_sent(name: str, segments: bool, coalesces: bool) -> None:
    async def scenario() -> None:
        async with pair(segments=segments, coalesces=coalesces) as ends:
            ends.send(BURSTS[name])
            await ends.wait_for(BURSTS[name])

    asyncio.run(scenario())


@pytest.mark.skipif(not ON_LINUX, reason="segmentation offload is Linux's")
def test_equal_datagrams_leave_in_one_call_up_to_what_the_kernel_takes() -> None:
    async def scenario() -> None:
        async with pair() as ends:
            ends.send(burst(*[200] * 150, 100))
            assert ends.sending.bursts == [64, 64, 23]
            await ends.wait_for(burst(*[200] * 150, 100))
            ends.sending.bursts.clear()
            ends.send(burst(*[9000] * 8))
            assert ends.sending.bursts == [7]
            assert ends.sending.singles == [9000]

    asyncio.run(scenario())


@pytest.mark.parametrize("number", [errno.EIO, errno.EINVAL, errno.EOPNOTSUPP])
def test_a_kernel_that_refuses_segments_is_not_asked_again(number: int) -> None:
    async def scenario() -> None:
        async with pair() as ends:
            ends.sender._segments = True
            ends.sending.refusals = [number]
            for _ in range(2):
                ends.send(burst(*[500] * 10))
                await ends.wait_for(burst(*[500] * 10))
            assert ends.sending.refusals == []
            assert ends.sending.bursts == []
            assert ends.sending.singles == [500] * 20

    asyncio.run(scenario())


@pytest.mark.skipif(not ON_LINUX, reason="segmentation offload is Linux's")
def test_trouble_that_passes_does_not_end_the_use_of_segments() -> None:
    async def scenario() -> None:
        async with pair() as ends:
            ends.sending.refusals = [errno.ENETUNREACH, errno.EAGAIN]
            ends.send(burst(*[500] * 10))
            await ends.wait_for(burst(*[500] * 10))
            ends.send(burst(*[500] * 10))
            ends.send(burst(*[500] * 10))
            await ends.wait_for(burst(*[500] * 10))
            assert ends.sending.bursts == [10]

    asyncio.run(scenario())


@pytest.mark.parametrize("segments", [True, False])
def test_a_datagram_that_no_packet_holds_is_lost_and_the_others_arrive(segments: bool) -> None:
    async def scenario() -> None:
        async with pair(segments=segments) as ends:
            ends.send([b"before", bytes(65_508), bytes(65_508), b"after"])
            await ends.wait_for([b"before", b"after"])
            ends.send(burst(700, 700))
            await ends.wait_for(burst(700, 700))

    asyncio.run(scenario())


@pytest.mark.parametrize("coalesces", [True, False])
def test_as_many_reads_as_there_was_to_read_last_time(coalesces: bool) -> None:
    async def scenario() -> None:
        async with pair(segments=False, coalesces=coalesces) as ends:
            asyncio.get_running_loop().remove_reader(ends.receiver._socket.fileno())
            receiver, kernel = ends.receiver, ends.receiving
            for size in range(200):
                ends.send([bytes(size)])
            asked = []
            received = 0
            while received < 200:
                before = kernel.reads
                received += len(receiver.receive())
                asked.append(kernel.reads - before)
            assert asked[:7] == [1, 2, 4, 8, 16, 32, 64]
            assert max(asked) == 64
            # The last one found too little: the next one asks for that much, and a quiet socket once.
            assert receiver._reads <= 200 - 127
            receiver.receive()
            assert receiver._reads == 1

    asyncio.run(scenario())


def test_an_error_of_what_was_sent_before_is_no_error_of_receiving() -> None:
    async def scenario() -> None:
        async with pair() as ends:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
                gone.bind((LOOPBACK, 0))
                nobody = gone.getsockname()
            for _ in range(5):
                ends.receiver.send(nobody, [b"anybody?"])
            ends.send([b"here"])
            await ends.wait_for([b"here"])

    asyncio.run(scenario())


@pytest.mark.skipif(not ON_LINUX, reason="read back with Linux's numbers")
@pytest.mark.parametrize(("host", "level", "option"), [(LOOPBACK, 0, 10), ("::1", 41, 23)])
def test_the_network_may_not_cut_datagrams_up(host: str, level: int, option: int) -> None:
    async def scenario() -> None:
        try:
            sock = await UdpSocket.bind(host, 0)
        except AddressUnavailable as problem:
            pytest.skip(str(problem))
        assert sock.forbids_fragmentation
        assert sock._socket.getsockopt(level, option) == 3
        sock.close()

    asyncio.run(scenario())


def test_closing_twice_is_closing() -> None:
    async def scenario() -> None:
        sock = await UdpSocket.bind(LOOPBACK, 0)
        sock.start(lambda: None)
        sock.close()
        sock.close()
        (await UdpSocket.bind(*sock.address)).close()

    asyncio.run(scenario())


def refused(host: str, port: int) -> str:
    with pytest.raises(AddressUnavailable) as problem:
        asyncio.run(_bind_and_close(host, port))
    return str(problem.value)


async def _bind_and_close(host: str, port: int) -> None:
    (await UdpSocket.bind(host, port)).close()


def test_a_port_that_is_taken() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((LOOPBACK, 0))
        port = taken.getsockname()[1]
        expected = f"UDP port {port} on {LOOPBACK} is taken by another program. Stop it, or choose another port."
        assert refused(LOOPBACK, port) == expected


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may open every port")
def test_a_port_that_is_not_allowed() -> None:
    assert refused(LOOPBACK, 1) == "UDP port 1 may not be opened by this user. Choose one above 1023."


def test_an_address_of_another_machine() -> None:
    expected = "192.0.2.1 is not an address of this machine. Use one of its own, or 0.0.0.0 for all."
    assert refused("192.0.2.1", 0) == expected


@pytest.mark.parametrize("host", ["nobody.invalid", "ä" * 64 + ".invalid", "a..b"])
def test_a_host_that_nobody_knows(host: str) -> None:
    assert refused(host, 7667) == f"The host '{host}' is not known here. Check the name, or give its address."


@pytest.mark.parametrize("port", [-1, 65_536, 10**20])
def test_a_port_that_does_not_exist(port: int) -> None:
    assert refused(LOOPBACK, port) == f"There is no port {port}. Ports go from 1 to 65535; 0 takes any that is free."


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.EACCES, "TCP port 80 may not be opened by this user. Choose one above 1023."),
        (errno.EADDRINUSE, "TCP port 80 on ::1 is taken by another program. Stop it, or choose another port."),
        (errno.EMFILE, "TCP port 80 on ::1 cannot be opened: too many files."),
    ],
)
def test_the_sentences_name_what_cannot_be_had(number: int, sentence: str) -> None:
    assert str(port_unavailable("TCP", "::1", 80, OSError(number, "too many files"))) == sentence


def test_a_system_without_offload_is_served_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse: Callable[[socket.socket], bool] = lambda _sock: False  # noqa: E731
    monkeypatch.setattr("lanline.transport.udp._enable_gro", refuse)
    monkeypatch.setattr("lanline.transport.udp._forbid_fragmentation", refuse)

    async def scenario() -> None:
        async with pair() as ends:
            assert not ends.receiver._coalesces
            assert not ends.receiver.forbids_fragmentation
            ends.send(BURSTS["all sorts"])
            await ends.wait_for(BURSTS["all sorts"])

    asyncio.run(scenario())
