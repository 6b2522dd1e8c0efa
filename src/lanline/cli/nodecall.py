"""Owns how a member's command asks the node of its home, and how it shows what came back.

Nothing that takes time to load stands at its top: `lanline send` is to be done at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from lanline.errors import InvalidInput

if TYPE_CHECKING:
    from lanline.client.node.call import NodeCall
    from lanline.client.node.start import NodeStart

T = TypeVar("T")

DEFAULT_TIMEOUT_S = 30.0
_MAX_TIMEOUT_S = 86_400


def home_folder(home: Path) -> Path:
    return expanded(home, "--home")


def checked_timeout(timeout_s: float) -> float:
    if not 0 < timeout_s <= _MAX_TIMEOUT_S:
        raise InvalidInput("--timeout is a number of seconds above 0, and at most a day.")
    return timeout_s


def started_node(home: Path) -> NodeStart:
    """How a face reaches the process that owns this home, which loads from now on where it does not run."""
    from lanline.client.node.start import START_COMMAND, NodeStart

    unlock(home)
    node = NodeStart(home_folder(home), START_COMMAND)
    node.begin()
    return node


def unlock(home: Path, *, although_running: bool = False) -> None:
    """Asks for the passphrase of the keys where a program is about to need it, and gives it to what is started.

    A node that runs has it already; what opens the keys besides it needs it all the same.
    """
    from lanline.client.sealing.passphrase import PASSPHRASE_VARIABLE, is_locked

    folder = home_folder(home)
    if not is_locked(folder) or sys.stdin is None or not sys.stdin.isatty():
        return
    from lanline.client.node.place import connected
    from lanline.client.passwords import password_from_terminal

    running = None if although_running else connected(folder)
    if running is not None:
        running.close()
        return
    os.environ[PASSPHRASE_VARIABLE] = password_from_terminal("Passphrase of your keys: ", "")


def node_call(home: Path) -> AbstractContextManager[NodeCall]:
    return call_of(started_node(home))


@contextlib.contextmanager
def call_of(node: NodeStart) -> Iterator[NodeCall]:
    """To ask the node of a home; ended in order by Ctrl+C, hang-up or kill."""
    from lanline.client.node.call import NodeCall

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    with NodeCall(node) as call:
        _tell(call)
        try:
            yield call
        finally:
            _tell(call)


def tell_notice(node: NodeStart) -> None:
    """By a face that shows nothing of what happens."""
    if notice := node.take_notice():
        show_note(notice)


def _tell(call: NodeCall) -> None:
    for text in call.untold():
        show_note(text)


def at_server(home: Path, timeout_s: float, work: Callable[[NodeCall], T], *, with_group: bool = False) -> T:
    """Do the work once the server is reached."""
    limit_s = checked_timeout(timeout_s)
    with node_call(home) as call:
        from lanline.client.node.protocol import WaitReady

        call.ask(WaitReady(limit_s, with_group=with_group))
        return work(call)


def show_line(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def show_note(text: str) -> None:
    """To standard error: no part of what a script reads."""
    if sys.stderr is not None:
        sys.stderr.write(f"{text}\n")


def expanded(path: Path, option: str) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as cause:
        raise InvalidInput(f"There is no home folder here. Choose a folder with {option}.") from cause
