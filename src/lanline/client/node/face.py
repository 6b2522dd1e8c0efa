"""The face of a program that stays: it follows the view, asks without blocking, and finds its node again when that has
ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from lanline.client.node.greeting import decoder
from lanline.client.node.owncommands import NoteInvited, NoteReminded
from lanline.client.node.protocol import (
    ASKED_ONCE,
    Answer,
    AnyCommand,
    Changed,
    Failed,
    Follow,
    Frames,
    MarkRead,
    Page,
    Read,
    Request,
    Result,
    Said,
    Say,
    encode,
    error_of,
    unanswered,
)
from lanline.client.node.start import NodeStart
from lanline.client.view.events import Warned
from lanline.client.view.values import Message, NodeState
from lanline.client.view.view import Change, View
from lanline.errors import LanlineError, ServerUnreachable
from lanline.ids import new_entry_id
from lanline.model.alarms import AlarmKind
from lanline.model.content import Content

_RECEIVED_AT_ONCE = 256 * 1024
MAX_CHANGES = 1000
"""So many may wait to be shown; a face that shows nothing reads nothing, and is sent a snapshot later."""


class Face:
    """Use as `async with`. The view is up to date whenever other code of the loop runs."""

    def __init__(self, start: NodeStart) -> None:
        self.view = View(self._send_read, self._send_told, self._send_reminded)
        self.said_here: set[bytes] = set()
        """The ids of what was said from this face."""
        self._start = start
        self._writer: asyncio.StreamWriter | None = None
        self._running: asyncio.Task[None] | None = None
        self._asked: dict[int, tuple[AnyCommand, asyncio.Future[Result]]] = {}
        self._last_number = 0
        self._changes: asyncio.Queue[Change] = asyncio.Queue()
        self._has_changed = asyncio.Event()
        self._has_room = asyncio.Event()

    async def __aenter__(self) -> Self:
        reader = await self._connect()
        self._running = asyncio.create_task(self._run(reader))
        self._running.add_done_callback(lambda _: self._on_over())
        await self.wait_until(lambda: self.view.is_known)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError, LanlineError):
                await self._running
        if self._writer is not None:
            self._writer.close()

    # The way to the node.

    async def _connect(self) -> asyncio.StreamReader:
        end = await asyncio.to_thread(self._start.connect)
        reader, self._writer = await asyncio.open_unix_connection(sock=end)
        self._write(0, Follow())
        for number, (command, _) in self._asked.items():
            self._write(number, command)
        return reader

    async def _run(self, reader: asyncio.StreamReader) -> None:
        """Raises what makes it impossible to go on."""
        while True:
            with contextlib.suppress(OSError):
                await self._receive(reader)
            self._on_node_lost()
            reader = await self._connect()

    async def _receive(self, reader: asyncio.StreamReader) -> None:
        frames = Frames()
        while data := await reader.read(_RECEIVED_AT_ONCE):
            for value in frames.receive_bytes(data):
                match decoder.decode(value):
                    case Answer(number, result):
                        self._on_answer(number, result)
                    case Changed(change):
                        self.view.apply(change)
                        self._changes.put_nowait(change)
                    case _:
                        pass
            self._has_changed.set()
            while self._changes.qsize() >= MAX_CHANGES and not self._asked:  # an answer would stand behind them
                self._has_room.clear()
                await self._has_room.wait()

    def _on_answer(self, number: int, result: Result) -> None:
        _, answered = self._asked.pop(number, (None, None))
        if answered is None or answered.done():
            return
        if isinstance(result, Failed):
            answered.set_exception(error_of(result.problem))
        else:
            answered.set_result(result)

    def _on_node_lost(self) -> None:
        if self._writer is not None:
            self._writer.close()
        for number, (command, answered) in list(self._asked.items()):
            if isinstance(command, ASKED_ONCE) and not answered.done():
                answered.set_exception(unanswered())
                del self._asked[number]

    def _on_over(self) -> None:
        for _, answered in self._asked.values():
            if not answered.done():
                answered.set_exception(unanswered())
        self._has_changed.set()

    # Asking.

    async def ask(self, command: AnyCommand) -> Result:
        """Raises what the node raised."""
        self._last_number += 1
        number = self._last_number
        answered: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._asked[number] = command, answered
        self._has_room.set()
        try:
            self._write(number, command)
            return await answered
        finally:
            self._asked.pop(number, None)

    def _write(self, number: int, command: AnyCommand) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(encode(Request(number, command)))

    def _send_read(self, log: int, through: int) -> None:
        """Needs no answer: what is lost of it is marked with the next that is read."""
        self._write(0, MarkRead(log, through))

    def _send_told(self, log: int) -> None:
        """Needs no answer either: what is lost of it is told again."""
        self._write(0, NoteInvited(log))

    def _send_reminded(self) -> None:
        self._write(0, NoteReminded())

    async def say(self, target: int | str, content: Content) -> Message:
        """It is on the disk when this returns."""
        entry_id = new_entry_id(time.time_ns() // 1_000_000, os.urandom)
        self.said_here.add(entry_id)
        said = await self.ask(Say(target, content, entry_id))
        assert isinstance(said, Said)
        return said.message

    async def read(self, log: int, last: int, *, before: int | None = None, after: int | None = None) -> list[Message]:
        page = await self.ask(Read(log, last, before, after))
        assert isinstance(page, Page)
        if before is None and after is None:
            self.view.keep(log, page.messages)
        return list(page.messages)

    # Waiting.

    async def next_change(self) -> Change:
        """Every one comes here once; the view has it already."""
        self._has_room.set()
        if notice := self._start.take_notice():
            return Warned(notice, AlarmKind.KEYS.value)
        return await self._changes.get()

    async def wait_until(self, condition: Callable[[], bool], limit_s: float | None = None) -> bool:
        """Looks after every change; false when the limit came first. Raises what ends it for good."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while not condition():
                    self._raise_end()
                    self._has_changed.clear()
                    await self._has_changed.wait()
                return True
        return condition()

    async def wait_synchronized(self, limit_s: float) -> None:
        """Raises ServerUnreachable after the limit, and what ends it for good."""
        if not await self.wait_until(lambda: self.view.state is NodeState.SYNCHRONIZED, limit_s):
            raise ServerUnreachable(
                f"The server at {self.view.server_place} could not be reached within {limit_s:g} seconds: "
                f"{self.view.problem}"
            )

    async def wait_ended(self) -> None:
        """For as long as the server is called; raises what ended that for good."""
        await self.wait_until(lambda: False)

    def _raise_end(self) -> None:
        if self.view.ended is not None:
            raise error_of(self.view.ended)
        if self._running is not None and self._running.done():
            self._running.result()
