"""The node's end of the connection to one face: its commands in, answers and changes out, in bounded memory.

A face that does not read is sent nothing more; when it reads again it gets a snapshot in place of what it missed.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

import msgspec

from lanline.client.node.protocol import (
    MAX_COMMAND_BYTES,
    PROTOCOL,
    Answer,
    AnyCommand,
    Changed,
    Done,
    Follow,
    Frames,
    FromFace,
    Hello,
    Request,
    Result,
    Welcome,
    encode,
)
from lanline.client.view.view import Snapshot
from lanline.errors import ProtocolViolation

MAX_UNREAD_BYTES = 1024 * 1024
MAX_COMMANDS_AT_ONCE = 64

_decoder: msgspec.json.Decoder[FromFace] = msgspec.json.Decoder(FromFace)


class FaceOwner(Protocol):
    program: str

    def is_allowed(self, transport: asyncio.BaseTransport) -> bool: ...

    def on_face_came(self, face: FaceEnd) -> None: ...

    def on_face_left(self, face: FaceEnd) -> None: ...

    def take_notice(self) -> str: ...

    async def result_of(self, command: AnyCommand) -> Result: ...

    def snapshot(self) -> Snapshot: ...

    def on_follows(self) -> None: ...


class FaceEnd(asyncio.Protocol):
    def __init__(self, owner: FaceOwner) -> None:
        self._owner = owner
        self._frames = Frames(MAX_COMMAND_BYTES)
        self._transport: asyncio.Transport | None = None
        self._has_greeted = False
        self._is_full = False
        self._has_missed = False
        self._answers: list[bytes] = []
        """What waits until there is room: no answer comes before the changes that happened before it."""
        self._tasks: set[asyncio.Task[None]] = set()
        self.follows = self.is_there = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        made = cast("asyncio.Transport", transport)
        if not self._owner.is_allowed(made):
            made.abort()
            return
        self._transport = made
        made.set_write_buffer_limits(high=MAX_UNREAD_BYTES)
        self._owner.on_face_came(self)

    def connection_lost(self, _error: Exception | None) -> None:
        for task in self._tasks:
            task.cancel()
        if self._transport is not None:
            self._transport = None
            self._owner.on_face_left(self)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    # In.

    def data_received(self, data: bytes) -> None:
        try:
            for value in self._frames.receive_bytes(data):
                self._on_value(_decoder.decode(value))
        except (ProtocolViolation, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.close()

    def _on_value(self, value: FromFace) -> None:
        match value:
            case Hello(hears=hears):
                self._has_greeted = True
                notice = self._owner.take_notice() if hears else ""
                self._send(encode(Welcome(PROTOCOL, self._owner.program, notice)))
            case Request(number, command) if self._has_greeted:
                task = asyncio.get_running_loop().create_task(self._answer(number, command))
                self._tasks.add(task)
                task.add_done_callback(self._on_answered)
                self._control_reading()
            case _:
                raise ProtocolViolation("it did not greet first")

    def _on_answered(self, task: asyncio.Task[None]) -> None:
        """A face that gets no answer for a fault of ours asks anew, on another connection."""
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler({"message": "A command failed.", "exception": fault})
            self.close()
        self._control_reading()

    async def _answer(self, number: int, command: AnyCommand) -> None:
        if isinstance(command, Follow):
            self.follows, self.is_there = True, command.is_there
            self._send(encode(Answer(number, Done())))
            self._send_snapshot()
            self._owner.on_follows()
            return
        answer = encode(Answer(number, await self._owner.result_of(command)))
        if self._is_full:
            self._answers.append(answer)
        else:
            self._send(answer)

    # Out.

    def send_change(self, data: bytes) -> None:
        """An encoded `Changed`, the same bytes for all faces."""
        if not self.follows:
            return
        if self._is_full:
            self._has_missed = True
        else:
            self._send(data)

    def _send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _send_snapshot(self) -> None:
        self._has_missed = False
        self._send(encode(Changed(self._owner.snapshot())))

    def pause_writing(self) -> None:
        self._is_full = True
        self._control_reading()

    def resume_writing(self) -> None:
        self._is_full = False
        if self._has_missed:
            self._send_snapshot()
        answers, self._answers = self._answers, []
        for answer in answers:
            self._send(answer)
        self._control_reading()

    def _control_reading(self) -> None:
        """Who does not read its answers may not ask for more."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._is_full or len(self._tasks) >= MAX_COMMANDS_AT_ONCE:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
