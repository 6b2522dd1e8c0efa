"""What the commands of a member share: whose home, how long to try, and a client that is signed in."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from lanline.cli.folders import expanded
from lanline.cli.running import run
from lanline.errors import InvalidInput

if TYPE_CHECKING:
    from lanline.client.chat.client import ChatClient

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


def at_server(home: Path, timeout_s: float, work: Callable[[ChatClient], Awaitable[T]]) -> T:
    """Sign in as who this home is, do the work, leave."""
    from lanline.client.chat.client import ChatClient

    limit_s = checked_timeout(timeout_s)

    async def visit() -> T:
        async with ChatClient.at_home(home_folder(home), follows_all=False) as client:
            await client.wait_synchronized(limit_s)
            return await work(client)

    return run(visit(), on_uvloop=False)


def show_line(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def show_note(text: str) -> None:
    """To standard error: no part of what a script reads."""
    if sys.stderr is not None:
        sys.stderr.write(f"{text}\n")
