"""A server of Lanline links as a process of its own, whose cost is measured: `linkserver.py '{…}'`.

It says `listening` with its port. Told `report`, it tells its memory, CPU time, links, datagrams and the latency of
every stamped message since the last report; told `speak`, it sends one message on every link.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop

from child import Child, Line, child
from lanline.crypto.identity import Identity
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEvent, MessageReceived
from lanline.proto.link.link import Link
from lanline.proto.link.profile import LinkProfile
from lanline.transport.connection import Connection
from lanline.transport.datagrams import Address, DatagramSocket
from lanline.transport.linkhost import LinkHost
from lanline.transport.steeredsocket import SteeredSocket
from parent import commands, say
from process import cpu_s, pin_to, resident_bytes
from workload import HEADER, read_stamp

START_LIMIT_S = 20.0
REPORT_LIMIT_S = 60.0
MESSAGE = b"one message, and then quiet again".ljust(200, b".")


class Server:
    """`start` makes it; then `port` is its own, and all its connection ids begin with `id_prefix`."""

    def __init__(self, child_process: Child, port: int, id_prefix: bytes) -> None:
        self._child = child_process
        self.port = port
        self.id_prefix = id_prefix

    async def report(self) -> Line:
        self._child.tell("report")
        return await self._child.expect("report", REPORT_LIMIT_S)

    def speak(self) -> None:
        self._child.tell("speak")


@asynccontextmanager
async def link_server(*, core: int | None = None, key: Path | None = None) -> AsyncIterator[Server]:
    """On one core, if told which; with the identity of a key file, or a new one."""
    spec = {"core": core, "key": str(key) if key is not None else None}
    async with child("linkserver.py", [json.dumps(spec)]) as process:
        line = await process.expect("listening", START_LIMIT_S)
        yield Server(process, line["port"], bytes.fromhex(line["id_prefix"]))


class CountingSocket:
    """What came in and what went out, in datagrams and in bytes of payload."""

    def __init__(self, sock: DatagramSocket) -> None:
        self._socket = sock
        self.received_datagrams = self.received_bytes = self.sent_datagrams = self.sent_bytes = 0

    @property
    def address(self) -> Address:
        return self._socket.address

    @property
    def forbids_fragmentation(self) -> bool:
        return self._socket.forbids_fragmentation

    @property
    def id_prefix(self) -> bytes:
        return self._socket.id_prefix

    def start(self, on_readable: Callable[[], None]) -> None:
        self._socket.start(on_readable)

    def receive(self) -> Sequence[tuple[bytes, Address]]:
        received = self._socket.receive()
        self.received_datagrams += len(received)
        self.received_bytes += sum([len(datagram) for datagram, _ in received])
        return received

    def send(self, address: Address, datagrams: list[bytes]) -> None:
        self.sent_datagrams += len(datagrams)
        self.sent_bytes += sum(map(len, datagrams))
        self._socket.send(address, datagrams)

    def close(self) -> None:
        self._socket.close()


class Accepted:
    def __init__(self) -> None:
        self.connections: set[Connection] = set()
        self.ever = 0
        self._latency_ns: list[tuple[int, int]] = []

    def on_accept(self, connection: Connection, address: Address) -> None:
        del address
        self.ever += 1
        self.connections.add(connection)
        connection.set_handler(lambda event: self._on_event(connection, event))

    def _on_event(self, connection: Connection, event: LinkEvent) -> None:
        if type(event) is LinkClosed:
            self.connections.discard(connection)
        elif type(event) is MessageReceived and len(event.payload) > HEADER.size:
            _, due_ns = read_stamp(event.payload)
            self._latency_ns.append((due_ns, time.monotonic_ns() - due_ns))

    def take_latency_ns(self) -> list[tuple[int, int]]:
        taken, self._latency_ns = self._latency_ns, []
        return taken


def _report(accepted: Accepted, sock: CountingSocket) -> None:
    gc.collect()
    links = [found for found in gc.get_objects() if type(found) is Link]
    say(
        event="report",
        resident_bytes=resident_bytes(),
        cpu_s=cpu_s(),
        accepted=accepted.ever,
        links=len(accepted.connections),
        half_open=len(links) - len(accepted.connections),
        unconfirmed=sum(not link.is_confirmed for link in links),
        received_datagrams=sock.received_datagrams,
        received_bytes=sock.received_bytes,
        sent_datagrams=sock.sent_datagrams,
        sent_bytes=sock.sent_bytes,
        latency_ns=accepted.take_latency_ns(),
    )


async def _run(identity: Identity) -> None:
    lines = await commands()
    accepted = Accepted()
    sock = CountingSocket(await SteeredSocket.bind("127.0.0.1", 0))
    profile = LinkProfile(handshakes_per_s=1e6, handshakes_of_network_per_s=1e6)
    host = LinkHost(sock, identity, profile=profile, on_accept=accepted.on_accept)
    say(event="listening", port=host.address[1], id_prefix=sock.id_prefix.hex())
    while word := (await lines.readline()).strip():
        if word == b"report":
            _report(accepted, sock)
        elif word == b"speak":
            for connection in accepted.connections:
                connection.send_nowait(Channel.CHAT, MESSAGE)
    host.close()


def main() -> None:
    spec = json.loads(sys.argv[1])
    if spec["core"] is not None:
        pin_to(spec["core"])
    key = spec["key"]
    identity = Identity.generate() if key is None else Identity.from_pem(Path(key).read_bytes())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(identity))


if __name__ == "__main__":
    main()
