"""Owns what the commands of a member share: whose home, how long to try, and the call to its node."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from lanline.cli.folders import expanded
from lanline.errors import InvalidInput

if TYPE_CHECKING:
    from lanline.client.node.call import NodeCall
    from lanline.client.node.start import NodeStart

T = TypeVar("T")

HomeOption = Annotated[
    Path, typer.Option("--home", envvar="LANLINE_HOME", help="Folder with your key, your server and your history.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="For scripts: one JSON value a line.")]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", help="How long to try to reach the server.")
]
DEFAULT_TIMEOUT_S = 30.0
_LONGEST_TIMEOUT_S = 86_400


def home_folder(home: Path) -> Path:
    return expanded(home, "--home")


def checked_timeout(timeout_s: float) -> float:
    if not 0 < timeout_s <= _LONGEST_TIMEOUT_S:
        raise InvalidInput("--timeout is a number of seconds above 0, and at most a day.")
    return timeout_s


def started_node(home: Path) -> NodeStart:
    """How a face reaches the process that owns this home. Raises NotJoined."""
    from lanline.client.chat.pin import joined_pin
    from lanline.client.node.start import START_COMMAND, NodeStart

    folder = home_folder(home)
    joined_pin(folder)
    return NodeStart(folder, START_COMMAND)


@contextlib.contextmanager
def node_call(home: Path) -> Iterator[NodeCall]:
    """To ask the node of this home; ended in order by Ctrl+C, hang-up or kill."""
    from lanline.client.node.call import NodeCall

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    with NodeCall(started_node(home)) as call:
        yield call


def at_server(home: Path, timeout_s: float, work: Callable[[NodeCall], T]) -> T:
    """Do the work once the server is reached."""
    from lanline.client.node.protocol import WaitReady

    limit_s = checked_timeout(timeout_s)
    with node_call(home) as call:
        call.ask(WaitReady(limit_s))
        return work(call)


def show_line(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def show_note(text: str) -> None:
    """To standard error: no part of what a script reads."""
    if sys.stderr is not None:
        sys.stderr.write(f"{text}\n")
