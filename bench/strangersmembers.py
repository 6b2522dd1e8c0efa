"""The members whose messages and sign-ins are timed while strangers attack: `strangersmembers.py '{…}'`.

Told `run SECONDS` it says `ran`: every message's time to the server's disk and to another member, and every sign-in's
time over UDP and over WebSocket. None stands for what did not come.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import uvloop

from chatcrowds.lanline import keys_path
from lanline.crypto.identity import Identity
from lanline.errors import LanlineError
from lanline.ids import new_entry_id
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEvent, MessageReceived
from lanline.transport.connection import Connection
from lanline.transport.linkhost import LinkHost
from lanline.transport.udp import UdpSocket
from lanline.transport.websocket import connect
from lanline.wire.chat.conversations import Conversations
from lanline.wire.chat.entries import Append, Committed, Entries, Follow
from lanline.wire.chat.messages import ServerMessage, decode_server_message, encode_message
from lanline.wire.chat.signin import VERSIONS, Hello, SignedIn, SignIn
from parent import commands, say
from process import pin_to
from strangers import SERVER_CORE

MESSAGE_EVERY_S = 0.05
SIGN_IN_EVERY_S = 1.0
SIGN_IN_LIMIT_S = 20.0
TRY_AGAIN_S = 0.25
LATE_S = 10.0
"""So long after the end of a run an answer is waited for."""
CONTENT = b"x" * 200
SPEAKER, LISTENER, UDP_CALLER, WEBSOCKET_CALLER = range(4)

Address = tuple[str, int]


OnMessage = Callable[["Call", ServerMessage], None]


class Call:
    """One link of a device that the server knows, from the call on."""

    def __init__(self, connection: Connection, on_message: OnMessage) -> None:
        self._connection = connection
        self._on_message = on_message
        self.signed_in: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed = asyncio.Event()
        connection.set_handler(self._on_event)
        self.send(Hello(VERSIONS, "bench"))
        self.send(SignIn(1))

    def send(self, message: Hello | SignIn | Follow | Append) -> None:
        with contextlib.suppress(LanlineError):
            self._connection.send_nowait(Channel.CHAT, encode_message(message))

    def _on_event(self, event: LinkEvent) -> None:
        if type(event) is MessageReceived:
            message = decode_server_message(event.payload)
            if type(message) is SignedIn and not self.signed_in.done():
                self.signed_in.set_result(None)
            self._on_message(self, message)
        elif type(event) is LinkClosed:
            self.closed.set()
            if not self.signed_in.done():
                self.signed_in.set_exception(ConnectionError(event.reason))

    def close(self) -> None:
        self._connection.close()
        if self.signed_in.done() and not self.signed_in.cancelled():
            self.signed_in.exception()  # nobody else may have asked


class Caller:
    """A device that calls over UDP or over WebSocket, again and again until it is in."""

    def __init__(self, address: Address, key: Path, *, over_udp: bool) -> None:
        self._address = address
        self._identity = Identity.from_pem(key.read_bytes())
        self._host: LinkHost | None = None
        self._over_udp = over_udp

    async def _connect(self) -> Connection:
        if not self._over_udp:
            return await connect(self._address, self._identity)
        if self._host is None:
            self._host = LinkHost(await UdpSocket.bind("127.0.0.1", 0), self._identity)
        return await self._host.connect(self._address)

    async def call(self, on_message: OnMessage) -> Call:
        while True:
            with contextlib.suppress(LanlineError, ConnectionError, OSError):
                call = Call(await self._connect(), on_message)
                try:
                    await call.signed_in
                except BaseException:
                    call.close()
                    raise
                return call
            await asyncio.sleep(TRY_AGAIN_S)

    async def time_calls(self, until: float) -> list[float | None]:
        """How long each took, from the first call to the answer to the sign-in."""
        taken: list[float | None] = []
        while (started := time.monotonic()) < until:
            try:
                async with asyncio.timeout(SIGN_IN_LIMIT_S):
                    call = await self.call(_ignore)
            except TimeoutError:
                taken.append(None)
            else:
                taken.append(time.monotonic() - started)
                call.close()
            await asyncio.sleep(max(0.0, started + SIGN_IN_EVERY_S - time.monotonic()))
        return taken


class Room:
    """Two members in a room: one speaks, the other hears."""

    def __init__(self, address: Address, folder: Path) -> None:
        self._callers = [Caller(address, keys_path(folder, who), over_udp=True) for who in (SPEAKER, LISTENER)]
        self._speaker: Call | None = None
        self._request = 1
        self._log = 0
        self._said_at: dict[int, float] = {}
        self._said_ids: dict[bytes, float] = {}
        self._committed_ms: list[float | None] = []
        self._delivered_ms: list[float | None] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._ready = [asyncio.Event(), asyncio.Event()]

    async def enter(self) -> None:
        handlers = (self._on_speaker, self._on_listener)
        self._tasks = [asyncio.create_task(self._stay(who, handlers[who])) for who in (SPEAKER, LISTENER)]
        for ready in self._ready:
            await ready.wait()

    async def _stay(self, who: int, on_message: OnMessage) -> None:
        """Who loses the link calls again."""
        while True:
            call = await self._callers[who].call(on_message)
            await call.closed.wait()

    def _begin(self, who: int, call: Call, message: Conversations) -> None:
        (conversation,) = message.conversations
        self._log = conversation.log
        if who == SPEAKER:
            self._speaker = call
        else:
            call.send(Follow(conversation.log, conversation.head))
        self._ready[who].set()

    def _on_speaker(self, call: Call, message: ServerMessage) -> None:
        if type(message) is Conversations:
            self._begin(SPEAKER, call, message)
        elif type(message) is Committed:
            for place in message.places:
                if (said_at := self._said_at.pop(place.request, None)) is not None:
                    self._committed_ms.append((time.monotonic() - said_at) * 1000)

    def _on_listener(self, call: Call, message: ServerMessage) -> None:
        if type(message) is Conversations:
            self._begin(LISTENER, call, message)
        elif type(message) is Entries:
            for entry in message.entries:
                if (said_at := self._said_ids.pop(entry.entry_id, None)) is not None:
                    self._delivered_ms.append((time.monotonic() - said_at) * 1000)

    async def talk(self, until: float) -> tuple[list[float | None], list[float | None]]:
        due = time.monotonic()
        while due < until:
            self._say(due)
            due += MESSAGE_EVERY_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        limit = time.monotonic() + LATE_S
        while (self._said_at or self._said_ids) and time.monotonic() < limit:  # noqa: ASYNC110 -- once a run
            await asyncio.sleep(MESSAGE_EVERY_S)
        committed: list[float | None] = [*self._committed_ms, *[None] * len(self._said_at)]
        delivered: list[float | None] = [*self._delivered_ms, *[None] * len(self._said_ids)]
        for kept in (self._said_at, self._said_ids, self._committed_ms, self._delivered_ms):
            kept.clear()
        return committed, delivered

    def _say(self, due: float) -> None:
        self._request += 1
        entry_id = new_entry_id(int(time.time() * 1000), os.urandom)
        self._said_at[self._request] = self._said_ids[entry_id] = due
        if self._speaker is not None:
            self._speaker.send(Append(self._request, self._log, entry_id, "plain", CONTENT))


def _ignore(_call: Call, _message: ServerMessage) -> None:
    pass


async def _run(host: str, port: int, folder: str) -> None:
    address, keys = (host, port), Path(folder)
    lines = await commands()
    room = Room(address, keys)
    await room.enter()
    over_udp = Caller(address, keys_path(keys, UDP_CALLER), over_udp=True)
    over_websocket = Caller(address, keys_path(keys, WEBSOCKET_CALLER), over_udp=False)
    say(event="ready")
    while words := (await lines.readline()).split():
        until = time.monotonic() + float(words[1])
        (committed, delivered), udp, websocket = await asyncio.gather(
            room.talk(until), over_udp.time_calls(until), over_websocket.time_calls(until)
        )
        say(event="ran", committed_ms=committed, delivered_ms=delivered, udp_s=udp, websocket_s=websocket)


def main() -> None:
    spec = json.loads(sys.argv[1])
    pin_to(SERVER_CORE + 1)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(spec["host"], spec["port"], spec["folder"]))


if __name__ == "__main__":
    main()
