"""One side of a run, as a process of its own: `python bench/endpoint.py '{…}'`, started by `pair.py`.

It speaks JSON lines: it says what has happened, and is told `go` and `stop`. Latency counts from the moment at which
a message was due, not from when a busy sender came round to it, to the receiver's callback; both sides read the
machine's one monotonic clock.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import uvloop

from contenders import Contender, Link, Place, load_contender
from lanline.errors import LanlineError
from parent import commands, say
from process import cpu_s
from workload import CREDIT, HEADER, Workload, read_stamp, stamp

ASK_LIMIT_S = 0.1


class Receiver:
    def __init__(self, workload: Workload) -> None:
        self.complete = asyncio.Event()
        self._workload = workload
        self._latency_ns: list[int | None] = [None] * workload.messages
        self._received = 0
        self._expected = 0
        self._out_of_order = 0
        self._damaged = 0
        self._uncredited_bytes = 0
        self._last_ns = 0
        self._cpu_at_start = 0.0

    def on_message(self, link: Link, message: bytes) -> None:
        self._last_ns = time.monotonic_ns()
        if not self._received:
            self._cpu_at_start = cpu_s()
        index, due_ns = read_stamp(message)
        self._out_of_order += index != self._expected
        self._damaged += len(message) != self._workload.size_bytes
        self._expected = index + 1
        self._latency_ns[index] = self._last_ns - due_ns
        self._received += 1
        if not self._workload.interval_s:
            self._give_credit(link, len(message))
        if self._received == self._workload.messages:
            self.complete.set()

    def _give_credit(self, link: Link, size_bytes: int) -> None:
        self._uncredited_bytes += size_bytes
        if self._uncredited_bytes >= self._workload.credit_bytes:
            self._uncredited_bytes -= self._workload.credit_bytes
            link.send(CREDIT)

    def result(self) -> dict[str, object]:
        return {
            "received": self._received,
            "out_of_order": self._out_of_order,
            "damaged": self._damaged,
            "last_ns": self._last_ns,
            "cpu_s": cpu_s() - self._cpu_at_start,
            "latency_ns": self._latency_ns if self._workload.interval_s else [],
        }


class Sender:
    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._filler = b"x" * (workload.size_bytes - HEADER.size)
        self._room_bytes = workload.window_bytes
        self._credited = asyncio.Event()

    def on_message(self, link: Link, message: bytes) -> None:
        del link, message
        self._room_bytes += self._workload.credit_bytes
        self._credited.set()

    async def run(self, link: Link) -> None:
        if self._workload.interval_s:
            await self._send_paced(link)
        else:
            await self._flood(link)

    async def _send_paced(self, link: Link) -> None:
        due: asyncio.Queue[int] = asyncio.Queue()
        pacer = Pacer(self._workload, asyncio.get_running_loop(), due)
        pacer.start()
        for index in range(self._workload.messages):
            due_ns = await due.get()
            await link.drain()
            link.send(stamp(index, due_ns, self._filler))

    async def _flood(self, link: Link) -> None:
        in_turn_bytes = 0
        for index in range(self._workload.messages):
            while self._room_bytes < self._workload.size_bytes:
                self._credited.clear()
                await self._credited.wait()
            await link.drain()
            link.send(stamp(index, time.monotonic_ns(), self._filler))
            self._room_bytes -= self._workload.size_bytes
            in_turn_bytes += self._workload.size_bytes
            if in_turn_bytes >= self._workload.turn_bytes:
                in_turn_bytes = 0
                await asyncio.sleep(0)


class Pacer(threading.Thread):
    """Calls each message due on time to about 0.1 ms; the event loops' own timers count whole milliseconds."""

    def __init__(self, workload: Workload, loop: asyncio.AbstractEventLoop, due: asyncio.Queue[int]) -> None:
        super().__init__(daemon=True)
        self._workload = workload
        self._loop = loop
        self._due = due

    def run(self) -> None:
        interval_ns = round(self._workload.interval_s * 1e9)
        due_ns = time.monotonic_ns()
        for _ in range(self._workload.messages):
            due_ns += interval_ns
            time.sleep(max(0, due_ns - time.monotonic_ns()) / 1e9)
            try:
                self._loop.call_soon_threadsafe(self._due.put_nowait, due_ns)
            except RuntimeError:  # the run was stopped and its loop is closed
                return


async def _receive(contender: Contender, place: Place, workload: Workload) -> None:
    receiver = Receiver(workload)
    lines = await commands()
    listener = await contender.listen(place, receiver.on_message)
    say(event="listening")
    stop = asyncio.ensure_future(lines.readline())
    done = asyncio.ensure_future(receiver.complete.wait())
    await asyncio.wait((stop, done), return_when=asyncio.FIRST_COMPLETED)
    say(event="result", **receiver.result())
    await stop
    await lines.read()  # it goes on answering until the sender has finished
    del listener


async def _send(contender: Contender, place: Place, workload: Workload) -> None:
    sender = Sender(workload)
    lines = await commands()
    link = await contender.connect(place, sender.on_message)
    say(event="connected")
    await lines.readline()
    cpu_at_start, started_ns = cpu_s(), time.monotonic_ns()
    sending = asyncio.ensure_future(sender.run(link))
    stop = asyncio.ensure_future(lines.readline())
    await asyncio.wait((sending, stop), return_when=asyncio.FIRST_COMPLETED)
    if not stop.done():
        failure = sending.exception()
        say(event="failed" if failure else "sent", reason=str(failure or ""))
        await stop  # what is still on its way is repeated until the receiver has it
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    say(event="result", started_ns=started_ns, cpu_s=cpu_s() - cpu_at_start, failure=await _failure_of(link))


async def _failure_of(link: Link) -> str:
    """A link may fail long after it took the last message, and says so when it is asked for room."""
    try:
        async with asyncio.timeout(ASK_LIMIT_S):
            await link.drain()
    except TimeoutError:
        return ""  # full, and still trying
    except (ConnectionError, LanlineError) as failure:
        return str(failure)
    return ""


def main() -> None:
    spec: dict[str, Any] = json.loads(sys.argv[1])
    place = Place(**{**spec["place"], "certificate": Path(spec["certificate"]), "key": Path(spec["key"])})
    side = {"receiver": _receive, "sender": _send}[spec["side"]]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(side(load_contender(spec["contender"]), place, Workload(**spec["workload"])))
        except (OSError, LanlineError) as failure:
            say(event="failed", reason=str(failure) or type(failure).__name__)


if __name__ == "__main__":
    main()
