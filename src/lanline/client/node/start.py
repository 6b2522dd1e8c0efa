"""Owns how a face gets to its home's node: it is connected to, started where none runs, replaced where it is older."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

import lanline
from lanline.client.node.place import connected
from lanline.client.node.protocol import PROTOCOL, Frames, FromNode, Hello, Request, Stop, Welcome, encode, error_of
from lanline.client.view.view import Problem
from lanline.errors import HistoryProblem, LinkNotOpen, ProtocolViolation, VersionMismatch

_LOG_FILE = "node.log"
"""What the node last had to say of itself; empty when all is well."""
_LIMIT_S = 30.0
_AGAIN_S = 0.03

decoder: msgspec.json.Decoder[FromNode] = msgspec.json.Decoder(FromNode)


class NodeStart:
    """`command` starts a node of this home: it gets the number of a descriptor to which it writes how that went."""

    def __init__(self, home: Path, command: Sequence[str], program: str = lanline.__version__) -> None:
        self.home = home.absolute()
        self._command = command
        self._program = program

    def connect(self) -> socket.socket:
        """To a node that has greeted. Raises what starting it raised."""
        limit = time.monotonic() + _LIMIT_S
        while time.monotonic() < limit:
            end = connected(self.home)
            if end is None:
                self._start()
                time.sleep(_AGAIN_S)
                continue
            try:
                welcome = self._greeted(end)
                if welcome is not None and not self._is_newer_than(welcome):
                    found, end = end, None
                    return found
                if welcome is not None:
                    _ask_to_stop(end)
            finally:
                if end is not None:
                    end.close()
            time.sleep(_AGAIN_S)
        raise HistoryProblem(
            f"The process that owns {self.home} does not start, or does not answer; {_LOG_FILE} there may say why."
        )

    def _greeted(self, end: socket.socket) -> Welcome | None:
        """None when it ends just now."""
        end.settimeout(_LIMIT_S)
        try:
            end.sendall(encode(Hello(PROTOCOL, self._program)))
            value = _next_value(end)
        except (OSError, LinkNotOpen):
            return None
        finally:
            end.settimeout(None)
        if not isinstance(value, Welcome):
            raise ProtocolViolation("The process that owns this home speaks another language.")
        if value.protocol > PROTOCOL:
            raise VersionMismatch("A newer Lanline has this home open. Start this program again with that version.")
        return value

    def _is_newer_than(self, node: Welcome) -> bool:
        return node.protocol < PROTOCOL or _numbers(node.program) < _numbers(self._program)

    def _start(self) -> None:
        """Returns when it runs, or another one does. Raises NotJoined, and what opening the home raises."""
        from lanline.client.pin import joined_pin  # noqa: PLC0415 -- not needed where a node runs

        joined_pin(self.home)
        reading, writing = os.pipe()
        try:
            log = os.open(self.home / _LOG_FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.set_inheritable(writing, True)
            streams = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1)]
            words = [*self._command, str(writing), "--home", str(self.home)]
            child = os.posix_spawn(
                words[0], words, os.environ, file_actions=[*streams, (os.POSIX_SPAWN_DUP2, log, 2)], setpgroup=0
            )
        finally:
            os.close(writing)
            os.close(log)
        try:
            said = b""
            while piece := os.read(reading, 65_536):
                said += piece
        finally:
            os.close(reading)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child, os.WNOHANG)
        problem = msgspec.json.decode(said, type=Problem | None) if said else None  # nothing: it was killed
        if problem is not None:
            raise error_of(problem)


def tell_started(descriptor: int, problem: Problem | None) -> None:
    """By the node, to who has started it."""
    with contextlib.suppress(OSError):
        os.write(descriptor, msgspec.json.encode(problem))
        os.close(descriptor)


def stop_node(home: Path) -> bool:
    """False when none runs. Returns when it has ended."""
    end = connected(home)
    if end is None:
        return False
    with contextlib.suppress(OSError):
        end.sendall(encode(Hello(PROTOCOL, lanline.__version__)))
        _ask_to_stop(end)
    end.close()
    return True


def _ask_to_stop(end: socket.socket) -> None:
    """And wait until it hangs up."""
    with contextlib.suppress(OSError, LinkNotOpen):
        end.settimeout(_LIMIT_S)
        end.sendall(encode(Request(0, Stop())))
        while end.recv(65_536):
            pass


def _next_value(end: socket.socket) -> FromNode:
    frames = Frames()
    while True:
        piece = end.recv(65_536)
        if not piece:
            raise LinkNotOpen("The process that owns this home has ended.")
        for value in frames.receive_bytes(piece):
            return decoder.decode(value)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


START_COMMAND = (sys.executable, "-m", "lanline", "agent", "--background")
