"""A member over a bad network: plays a film without decoding it, or asks for small things while one fills the link.

One JSON object as argument; `films.py` starts it in a network namespace, and it answers with JSON lines.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lanline.client.chat import client as chatclient
from lanline.client.chat.client import ChatClient
from lanline.client.films.fetching import FilmFetch, open_film
from lanline.client.node.films import FilmBytes, FilmCommand, FilmOpened, FilmResult
from lanline.client.node.filmservice import film_result
from lanline.client.pin import KnownServer
from lanline.client.view.values import NodeState
from lanline.crypto.identity import Identity
from lanline.proto.films.playing import Playing, State
from lanline.transport.connection import Connection
from lanline.transport.dialer import Dialer
from lanline.wire.chat.conversations import ListRooms
from parent import commands, say

STEP_S = 0.005
SIGN_IN_S = 30.0


class WebSocketOnly(Dialer):
    async def connect_udp(self, *_address: object) -> Connection | None:
        """As where UDP is blocked, without the wait for it."""
        return None


class Face:
    """What `FilmFetch` needs of the node, without the process between."""

    def __init__(self, client: ChatClient) -> None:
        self.client = client
        self.view = self
        self.state = NodeState.SYNCHRONIZED
        self.got_bytes = 0

    async def ask(self, command: FilmCommand) -> FilmResult:
        result = await film_result(self.client, command)
        self.got_bytes += len(result.data) if isinstance(result, FilmBytes) else 0
        return result

    async def wait_until(self, condition: Callable[[], bool], _limit_s: float | None = None) -> bool:
        return condition()


class Watching:
    """Shows nothing, at the pace of the film."""

    def __init__(self, face: Face, opened: FilmOpened, lines: int | None, asked_at: float) -> None:
        self.playing = Playing(opened.plan, 0.0, lines)
        self.fetch = FilmFetch(face, opened, self.playing)
        self.started_s: float | None = None
        self.lines_s = self.ran_s = 0.0
        self._asked_at = asked_at
        self._parts: list[tuple[float, int]] = []
        self._lines = 0

    async def run(self, until: Callable[[], bool] = lambda: False) -> None:
        loop = asyncio.get_running_loop()
        before = loop.time()
        while self.playing.state is not State.ENDED and not until():
            self.fetch.pump()
            await asyncio.sleep(STEP_S)
            now = loop.time()
            passed_s, before = now - before, now
            while (part := self.playing.take_part()) is not None:
                self._parts.append((part.from_s, part.lines))
            if self.playing.may_run:
                self._show(passed_s, now)
        await self.fetch.close()

    def _show(self, passed_s: float, now: float) -> None:
        if self.started_s is None:
            self.started_s = time.monotonic() - self._asked_at
        position_s = min(self.playing.position_s + passed_s, self.playing.here_to_s)
        while self._parts and self._parts[0][0] <= position_s:
            self._lines = self._parts.pop(0)[1]
        self.ran_s += position_s - self.playing.position_s
        self.lines_s += (position_s - self.playing.position_s) * self._lines
        self.playing.advance(position_s, now)


async def main(wanted: dict[str, Any]) -> None:
    identity = Identity.from_pem(Path(wanted["key"]).read_bytes())  # noqa: ASYNC240 -- nothing else runs yet
    server = KnownServer(wanted["host"], wanted["port"], bytes.fromhex(wanted["fingerprint"]))
    if wanted["websocket"]:
        chatclient.Dialer = WebSocketOnly
    async with chatclient.ChatClient.with_key(identity, server) as client:
        await client.wait_synchronized(SIGN_IN_S)
        say(event="ready")
        await (await commands()).readline()
        await {"play": play, "words": words}[wanted["does"]](client, wanted)


async def play(client: ChatClient, wanted: dict[str, Any]) -> None:
    asked_at, face = time.monotonic(), Face(client)
    watching = Watching(face, await open_film(face, wanted["film"]), wanted.get("lines"), asked_at)
    await watching.run()
    say(
        event="played",
        start_s=watching.started_s,
        stalled_s=watching.playing.stalled_s,
        mean_lines=watching.lines_s / (watching.ran_s + watching.playing.stalled_s + (watching.started_s or 0.0)),
        switches=watching.playing.switches,
    )


async def words(client: ChatClient, wanted: dict[str, Any]) -> None:
    """A small question and its answer on the chat channel, many times: alone, or while a film fills the link."""
    is_over = False
    film: asyncio.Task[None] | None = None
    if wanted.get("film"):
        face = Face(client)
        watching = Watching(face, await open_film(face, wanted["film"]), 1440, time.monotonic())
        film = asyncio.create_task(watching.run(lambda: is_over))
        await asyncio.sleep(2.0)
    ends_at, waited_ms = time.monotonic() + wanted["seconds"], []
    while time.monotonic() < ends_at:
        asked_at = time.monotonic()
        await client.ask(ListRooms(0))
        waited_ms.append((time.monotonic() - asked_at) * 1e3)
        await asyncio.sleep(wanted["interval_s"])
    carried = 0.0
    if film is not None:
        carried = watching.playing.throughput.bytes_per_s * 8 / 1e6
        is_over = True
        await film
    say(event="asked", waited_ms=waited_ms, carried_mbit=carried)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
