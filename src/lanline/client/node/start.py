"""Connects a face to the node of its home: it starts a node where none runs, and replaces one of an older version.

Loads nothing that takes time before a node that is missing has been made: both load side by side then.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import lanline
from lanline.client.node.place import JOINED_FILE, connected, is_owned, paused
from lanline.errors import HistoryProblem

START_COMMAND = (sys.executable, "-m", "lanline", "agent", "--background")
_LOG_FILE = "node.log"
"""What the node last had to say of itself; empty when all is well."""
_LIMIT_S = 30.0
_AGAIN_S = 0.03


class NodeStart:
    """`command` starts a node: behind it come a descriptor, to which it writes how that went, and the home."""

    def __init__(self, home: Path, command: Sequence[str], program: str = lanline.__version__) -> None:
        self.home = home.absolute()
        self._command = command
        self._program = program
        self._notice = ""
        self._end: socket.socket | None = None
        self._made: _MadeNode | None = None

    def begin(self) -> None:
        """Where none runs, one begins to load now. How that goes, `connect` tells."""
        self._end = connected(self.home)
        if self._end is None and (self.home / JOINED_FILE).exists():
            with contextlib.suppress(OSError):  # `connect` tries again, and tells
                self._made = _MadeNode(self.home, self._command)

    def connect(self) -> socket.socket:
        """To a node that has greeted. Raises what starting it raised."""
        from lanline.client.node.greeting import ask_to_stop, greeted, is_older  # noqa: PLC0415 -- as the module says
        from lanline.client.node.protocol import Stop  # noqa: PLC0415 -- as the module says

        limit = time.monotonic() + _LIMIT_S
        while time.monotonic() < limit:
            end = self._reached()
            try:
                welcome = None if end is None else greeted(end, self._program)
                self._notice = self._notice if welcome is None else welcome.notice or self._notice
                if end is not None and welcome is not None and not is_older(welcome, self._program):
                    found, end = end, None
                    return found
                if end is not None and welcome is not None:
                    ask_to_stop(end, Stop())
            finally:
                if end is not None:
                    end.close()
            time.sleep(_AGAIN_S)
        raise HistoryProblem(
            f"The process that owns {self.home} does not start, or does not answer; {_LOG_FILE} there may say why."
        )

    def take_notice(self) -> str:
        """What the person has to know of the keys of this home, once; a sentence, or empty."""
        notice, self._notice = self._notice, ""
        return notice

    def _reached(self) -> socket.socket | None:
        end, self._end = self._end, None
        if end is None and self._made is None:
            end = connected(self.home)
        if end is None:
            self._start()
            end = connected(self.home)
        return end

    def _start(self) -> None:
        """Returns when it runs, or another one does. Raises NotJoined, and what opening the home raises."""
        made, self._made = self._made, None
        if made is None:
            from lanline.client.pin import joined_pin  # noqa: PLC0415 -- not needed where a node runs

            joined_pin(self.home)
            made = _MadeNode(self.home, self._command)
        made.wait_started()


class _MadeNode:
    def __init__(self, home: Path, command: Sequence[str]) -> None:
        log = _opened_log(home)
        self._reading, writing = os.pipe()
        try:
            os.set_inheritable(writing, True)
            streams = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1)]
            words = [*command, str(writing), str(home)]
            self._child = os.posix_spawn(
                words[0], words, os.environ, file_actions=[*streams, (os.POSIX_SPAWN_DUP2, log, 2)], setpgroup=0
            )
        finally:
            os.close(writing)
            os.close(log)

    def wait_started(self) -> None:
        """Until it has told. Raises what it could not start for."""
        from lanline.client.node.greeting import told_problem  # noqa: PLC0415 -- as the module says

        try:
            told = b""
            while piece := os.read(self._reading, 65_536):
                told += piece
        finally:
            os.close(self._reading)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._child, os.WNOHANG)
        problem = told_problem(told)
        if problem is not None:
            raise problem


def _opened_log(home: Path) -> int:
    """Where the home takes no file, the node itself tells what is wrong with that."""
    try:
        return os.open(home / _LOG_FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


@contextlib.contextmanager
def node_paused(home: Path, passphrase: str | None = None) -> Iterator[None]:
    """No node has it open meanwhile: one that is kept, or shown by a face, opens it again afterwards; any other ends.

    `passphrase`: what the keys lie under afterwards; empty: nothing. None: the same as before.
    """
    if not home.is_dir():
        yield
        return
    with paused(home):  # also where none runs: one that is started meanwhile would open what is changed
        stop_node(home, begins_anew=True, passphrase=passphrase)
        yield


def stop_node(home: Path, *, begins_anew: bool = False, passphrase: str | None = None) -> bool:
    """False when none runs. Returns when it has ended. `begins_anew`: one that is kept, or shown by a face, opens the
    home again then.
    """
    limit = time.monotonic() + _LIMIT_S
    while (end := connected(home)) is None:
        if not is_owned(home) or time.monotonic() > limit:
            return False
        time.sleep(_AGAIN_S)  # it begins just now
    from lanline.client.node.greeting import say_stop  # noqa: PLC0415 -- as the module says
    from lanline.client.node.protocol import Stop  # noqa: PLC0415 -- as the module says

    say_stop(end, Stop(begins_anew, passphrase))
    end.close()
    return True
