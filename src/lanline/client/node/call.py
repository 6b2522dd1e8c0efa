"""The face of a command: it asks the node one thing after the other and blocks until each is answered."""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from types import TracebackType
from typing import Self

from lanline.client.node.greeting import decoder
from lanline.client.node.protocol import (
    ASKED_ONCE,
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
    unanswered,
)
from lanline.client.node.start import NodeStart
from lanline.client.view.events import Warned
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
        self._before_answer = 0
        """So many of the changes came before the last answer, which knows of them."""
        self._asked = 0
        """The number of the command whose answer is waited for."""
        self._answer: Result | None = None
        self._last_number = 0
        self._follow: Follow | None = None
        self._read: dict[int, int] = {}
        """How far each log was read here, and not told yet."""

    def __enter__(self) -> Self:
        self._connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tell_read()
        if self._end is not None:
            self._end.close()

    def untold(self) -> list[str]:
        """What the person has to know, and was shown by nobody yet."""
        notice = self._start.take_notice()
        told = [each.text for each in self._changes if isinstance(each, Warned)]
        self._changes = deque(each for each in self._changes if not isinstance(each, Warned))
        return [notice, *told] if notice else told

    def _connect(self) -> None:
        if self._end is not None:
            self._end.close()
        self._end, self._frames = self._start.connect(), Frames()
        if self._follow is not None:
            with contextlib.suppress(OSError):  # it has ended already, which the next reading tells
                self._send(self._follow)

    def ask(self, command: AnyCommand) -> Result:
        """Raises what the node raised. A node that has ended meanwhile is started again, and asked again.

        LinkNotOpen when it may have done by then what is not to be done twice.
        """
        for _ in range(_MAX_TRIES):
            is_asked = False
            try:
                self._begin(command)
                is_asked = True
                while self._answer is None:
                    self._receive()
            except (OSError, LinkNotOpen):
                self._connect()
                if is_asked and isinstance(command, ASKED_ONCE):
                    raise unanswered() from None
                continue
            if isinstance(self._answer, Failed):
                raise error_of(self._answer.problem)
            return self._answer
        raise LinkNotOpen("The process that owns this home ends again and again.")

    def _begin(self, command: AnyCommand) -> None:
        self._answer, self._asked = None, self._send(command)

    def follow(self, *, is_there: bool = False) -> View:
        """The view, which `next_change` keeps up to date. Who looks once is not there for others."""
        self._follow = Follow(is_there)
        self.ask(self._follow)
        while not isinstance(self.next_change(), Snapshot):
            pass
        return self.view

    def answered_changes(self) -> list[Change]:
        """Those that came before the last answer. What came after it, also in the same piece, `next_change` gives."""
        return [self.next_change() for _ in range(self._before_answer)]

    def next_change(self) -> Change:
        """The view has it already."""
        while not self._changes:
            self._tell_read()
            try:
                self._receive()
            except (OSError, LinkNotOpen):
                self._connect()
        change = self._changes.popleft()
        self._before_answer = max(0, self._before_answer - 1)
        self.view.apply(change)
        return change

    def _send_read(self, log: int, through: int) -> None:
        """Only when nothing more is there to be read: a node that is full of our changes waits until we read them."""
        self._read[log] = through

    def _tell_read(self) -> None:
        told, self._read = self._read, {}
        with contextlib.suppress(OSError):  # what is lost of it is marked with the next that is read
            for log, through in told.items():
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
                    self._answer, self._before_answer = result, len(self._changes)
                case Changed(change):
                    self._changes.append(change)
                case _:
                    pass
