"""Owns a face of a command: it asks one thing after the other and blocks until each is answered."""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from types import TracebackType
from typing import Self

from lanline.client.node.protocol import (
    Answer,
    AnyCommand,
    Changed,
    Failed,
    Follow,
    Frames,
    MarkRead,
    Request,
    Result,
    encode,
    error_of,
)
from lanline.client.node.start import NodeStart, decoder
from lanline.client.view.view import Change, Snapshot, View
from lanline.errors import LinkNotOpen

_RECEIVED_AT_ONCE = 65_536
_MAX_TRIES = 3


class NodeCall:
    def __init__(self, start: NodeStart) -> None:
        self.view = View(self._send_read)
        self._start = start
        self._end: socket.socket | None = None
        self._frames = Frames()
        self._changes: deque[Change] = deque()
        self._asked = 0
        """The number of the command whose answer is waited for."""
        self._answer: Result | None = None
        self._last_number = 0
        self._follows = False

    def __enter__(self) -> Self:
        self._connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._end is not None:
            self._end.close()

    def _connect(self) -> None:
        if self._end is not None:
            self._end.close()
        self._end, self._frames = self._start.connect(), Frames()
        if self._follows:
            with contextlib.suppress(OSError):  # it has ended already, which the next reading tells
                self._send(Follow())

    def ask(self, command: AnyCommand) -> Result:
        """Raises what the node raised. A node that has ended meanwhile is started again, and asked again."""
        for _ in range(_MAX_TRIES):
            try:
                result = self._answer_to(command)
            except (OSError, LinkNotOpen):
                self._connect()
                continue
            if isinstance(result, Failed):
                raise error_of(result.problem)
            return result
        raise LinkNotOpen("The process that owns this home ends again and again.")

    def _answer_to(self, command: AnyCommand) -> Result:
        self._asked, self._answer = self._send(command), None
        while (answer := self._taken_answer()) is None:
            self._receive()
        return answer

    def _taken_answer(self) -> Result | None:
        return self._answer

    def follow(self) -> View:
        """The view, which `next_change` keeps up to date."""
        self.ask(Follow())
        self._follows = True
        while not isinstance(self.next_change(), Snapshot):
            pass
        return self.view

    def taken_changes(self) -> list[Change]:
        """Those that have come already."""
        return [self.next_change() for _ in range(len(self._changes))]

    def next_change(self) -> Change:
        """The view has it already."""
        while not self._changes:
            try:
                self._receive()
            except (OSError, LinkNotOpen):
                self._connect()
        change = self._changes.popleft()
        self.view.apply(change)
        return change

    def _send_read(self, log: int, through: int) -> None:
        with contextlib.suppress(OSError):  # what is lost of it is marked with the next that is read
            self._send(MarkRead(log, through))

    def _send(self, command: AnyCommand) -> int:
        assert self._end is not None
        self._last_number += 1
        self._end.sendall(encode(Request(self._last_number, command)))
        return self._last_number

    def _receive(self) -> None:
        assert self._end is not None
        data = self._end.recv(_RECEIVED_AT_ONCE)
        if not data:
            raise LinkNotOpen("The process that owns this home has ended.")
        for value in self._frames.receive_bytes(data):
            match decoder.decode(value):
                case Answer(number, result) if number == self._asked:
                    self._answer = result
                case Changed(change):
                    self._changes.append(change)
                case _:
                    pass
