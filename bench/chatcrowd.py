"""A room full of members in one process, told what to say: `chatcrowd.py '{…}'`, JSON lines out, words in.

It says `gathered`, then takes lines. `run IN_FLIGHT SECONDS`: one member speaks, so that always so many messages are on
their way to somebody. `pace INTERVAL SECONDS`: one message each so often. It answers both with what was delivered, in
which time, and how long each delivery took.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

from chatcrowds import Crowd, load_gathering
from chatservers import ChatServer, Serving
from child import Child, child
from parent import commands, say
from section import percentile

GATHER_LIMIT_S = 180.0
QUIET_LIMIT_S = 20.0
"""For the last messages of a run to arrive."""


@dataclass(frozen=True, slots=True)
class Wanted:
    crowd: str
    host: str
    port: int
    members: int
    folder: str


@asynccontextmanager
async def gathered(
    server: ChatServer, serving: Serving, members: int, folder: str, prefix: Sequence[str] = ()
) -> AsyncIterator[Child]:
    wanted = Wanted(server.CROWD, serving.place.host, serving.place.port, members, folder)
    async with child("chatcrowd.py", [json.dumps(asdict(wanted))], prefix) as process:
        await process.expect("gathered", GATHER_LIMIT_S)
        yield process


class Conversation:
    """Keeps `in_flight` messages on their way."""

    def __init__(self, listeners: int) -> None:
        self.crowd: Crowd | None = None
        self._listeners = listeners
        self._in_flight = 0
        self._until = 0.0
        self._next = 0
        self._open: dict[int, tuple[float, int]] = {}
        self._latencies_ms: list[float] = []
        self._last_ms: list[float] = []
        self._deliveries = 0
        self._is_quiet = asyncio.Event()

    async def run(self, in_flight: int, seconds: float) -> dict[str, float]:
        began = self._begin(in_flight, seconds)
        self._say_more()
        return await self._outcome(began, seconds)

    async def pace(self, interval_s: float, seconds: float) -> dict[str, float]:
        began = self._begin(0, seconds)
        for count in range(round(seconds / interval_s)):
            await asyncio.sleep(began + count * interval_s - time.monotonic())
            self._say(1)
        self._until = 0.0
        self._say_more()
        return await self._outcome(began, seconds)

    def _begin(self, in_flight: int, seconds: float) -> float:
        self._latencies_ms, self._last_ms, self._deliveries = [], [], 0
        self._in_flight = in_flight
        self._is_quiet.clear()
        began = time.monotonic()
        self._until = began + seconds
        return began

    async def _outcome(self, began: float, seconds: float) -> dict[str, float]:
        await asyncio.wait_for(self._is_quiet.wait(), seconds + QUIET_LIMIT_S)
        ordered, last = sorted(self._latencies_ms), sorted(self._last_ms)
        return {
            "deliveries": self._deliveries,
            "seconds": time.monotonic() - began,
            "p50_ms": percentile(ordered, 0.5),
            "p99_ms": percentile(ordered, 0.99),
            "max_ms": ordered[-1],
            "last_p50_ms": percentile(last, 0.5),
            "last_max_ms": last[-1],
        }

    def _say_more(self) -> None:
        """Once in a turn of the loop, so that what has room at once is said at once."""
        now = time.monotonic()
        if now >= self._until:
            if not self._open:
                self._is_quiet.set()
            return
        count = self._in_flight - len(self._open)
        if count > 0:
            self._say(count)

    def _say(self, count: int) -> None:
        now = time.monotonic()
        numbers = range(self._next, self._next + count)
        self._next += count
        for number in numbers:
            self._open[number] = (now, self._listeners)
        assert self.crowd is not None, "gathered"
        self.crowd.say(numbers)

    def on_heard(self, number: int) -> None:
        began, missing = self._open[number]
        latency_ms = (time.monotonic() - began) * 1e3
        self._latencies_ms.append(latency_ms)
        self._deliveries += 1
        if missing > 1:
            self._open[number] = (began, missing - 1)
            return
        del self._open[number]
        self._last_ms.append(latency_ms)
        asyncio.get_running_loop().call_soon(self._say_more)


async def _run(wanted: Wanted) -> None:
    lines = await commands()
    conversation = Conversation(wanted.members - 1)
    gathering = load_gathering(wanted.crowd)
    began = time.monotonic()
    conversation.crowd = await gathering.gather(
        wanted.host, wanted.port, wanted.members, Path(wanted.folder), conversation.on_heard
    )
    say(event="gathered", seconds=time.monotonic() - began)
    while line := await lines.readline():
        word, how, seconds = line.split()
        if word == b"run":
            say(event="ran", **await conversation.run(int(how), float(seconds)))
        else:
            say(event="ran", **await conversation.pace(float(how), float(seconds)))


def main() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(Wanted(**json.loads(sys.argv[1]))))


if __name__ == "__main__":
    main()
