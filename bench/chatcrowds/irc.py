"""IRC clients (RFC 2812), as few commands as it takes to be in a channel."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

from chatcrowds import NUMBER_BYTES, OnHeard, text_of

CHANNEL = b"#bench"
AT_ONCE = 32
JOIN_LIMIT_S = 60.0


class Member(asyncio.Protocol):
    def __init__(self, name: bytes, on_heard: OnHeard) -> None:
        self._name = name
        self._on_heard = on_heard
        self._rest = b""
        self._transport: asyncio.Transport | None = None
        self.joined = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.send(b"NICK %b\r\nUSER %b 0 * :%b\r\n" % (self._name, self._name, self._name))

    def send(self, lines: bytes) -> None:
        assert self._transport is not None, "connected"
        self._transport.write(lines)

    def data_received(self, data: bytes) -> None:
        lines = (self._rest + data).split(b"\r\n")
        self._rest = lines.pop()
        for line in lines:
            _, _, command = line.partition(b" ")
            if command.startswith(b"PRIVMSG"):
                start = command.index(b" :") + 2
                self._on_heard(int(command[start : start + NUMBER_BYTES]))
            else:
                self._take_part(line, command)

    def _take_part(self, line: bytes, command: bytes) -> None:
        if line.startswith(b"PING"):
            self.send(b"PONG" + line[4:] + b"\r\n")
        elif command.startswith(b"001 "):
            self.send(b"JOIN %b\r\n" % CHANNEL)
        elif command.startswith(b"366 ") and not self.joined.done():
            self.joined.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.joined.done():
            self.joined.set_exception(exc or ConnectionError("the server hung up"))


class IrcCrowd:
    def __init__(self, members: list[Member]) -> None:
        self._members = members

    def say(self, numbers: range) -> None:
        self._members[0].send(b"".join(b"PRIVMSG %b :%b\r\n" % (CHANNEL, text_of(number)) for number in numbers))


async def gather(host: str, port: int, members: int, folder: Path, on_heard: OnHeard) -> IrcCrowd:
    del folder
    loop = asyncio.get_running_loop()
    turns = asyncio.Semaphore(AT_ONCE)

    async def join(number: int) -> Member:
        async with turns:
            _, member = await loop.create_connection(lambda: Member(b"m%d" % number, on_heard), host, port)
            await asyncio.wait_for(member.joined, JOIN_LIMIT_S)
        return member

    return IrcCrowd(list(await asyncio.gather(*map(join, range(members)))))
