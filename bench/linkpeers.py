"""Many Lanline links from one process to a server on loopback, held until it is told to end: `linkpeers.py '{…}'`.

It speaks JSON lines: `connected` once all links are up, and `heard` once a message has come on every one. With
`answers` each message is answered by one.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass

import uvloop

from child import Child, child
from lanline.crypto.identity import Identity
from lanline.proto.channels import Channel
from lanline.proto.events import LinkEvent, MessageReceived
from lanline.transport.connection import Connection
from lanline.transport.linkhost import LinkHost
from lanline.transport.udp import UdpSocket
from parent import commands, say

CONNECT_LIMIT_S = 60.0
AT_ONCE = 32
ANSWER = b"heard"


@dataclass(frozen=True, slots=True)
class Wanted:
    port: int
    links: int
    sockets: int
    answers: bool


@asynccontextmanager
async def link_peers(port: int, links: int, *, sockets: int, answers: bool = False) -> AsyncIterator[Child]:
    """The process, once all its links are up; they are closed behind the block."""
    async with child("linkpeers.py", [json.dumps(asdict(Wanted(port, links, sockets, answers)))]) as process:
        await process.expect("connected", CONNECT_LIMIT_S)
        yield process


class Peers:
    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._silent: set[Connection] = set()

    async def connect(self) -> list[LinkHost]:
        identity = Identity.generate()
        hosts = [LinkHost(await UdpSocket.bind("127.0.0.1", 0), identity) for _ in range(self._wanted.sockets)]
        calls = (self._call(hosts[number % len(hosts)]) for number in range(self._wanted.links))
        await asyncio.gather(*calls)
        return hosts

    async def _call(self, host: LinkHost) -> None:
        async with self._turns:
            connection = await host.connect(("127.0.0.1", self._wanted.port))
        self._silent.add(connection)
        connection.set_handler(lambda event: self._on_event(connection, event))

    def _on_event(self, connection: Connection, event: LinkEvent) -> None:
        if type(event) is not MessageReceived:
            return
        if self._wanted.answers:
            connection.send_nowait(Channel.CHAT, ANSWER)
        if connection in self._silent:
            self._silent.discard(connection)
            if not self._silent:
                say(event="heard")


async def _run(wanted: Wanted) -> None:
    lines = await commands()
    hosts = await Peers(wanted).connect()
    say(event="connected")
    await lines.read()
    for host in hosts:
        host.close()


def main() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(Wanted(**json.loads(sys.argv[1]))))


if __name__ == "__main__":
    main()
