"""`lanline start`: a group of one's own from one command: the server, the person's account, an invite, the chat.

Owns the order of these four. Not: what each of them does; `serve`, `invite`, `join` and `chat` are commands of their own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.chathome import HomeOption, home_folder, show_line
from lanline.cli.folders import DEFAULT_DATA, expanded
from lanline.cli.running import DEFAULT_HOME, run
from lanline.errors import InvalidInput, LanlineError, LinkError, RefusalCode, RequestRefused, StorageUnusable

if TYPE_CHECKING:
    from lanline.client.chat.client import ChatClient
    from lanline.model.invites import InviteLink
    from lanline.server.datafolder import DataFolder

_READY_WITHIN_S = 30.0
_ENDS_WITHIN_S = 25.0
_POLL_S = 0.02
_LOG_FILE = "server.log"
_LINK_FILE = "invite-of-start"
_USES, _LIVES_S, _LEAST_LEFT_S = 100, 7 * 24 * 3600, 24 * 3600


def start(
    name: Annotated[str | None, typer.Option(metavar="NICK", help="What the others call you.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="UDP and TCP port of the server.", show_default="5265")
    ] = None,
    data: Annotated[
        Path, typer.Option(envvar="LANLINE_DATA", help="Folder for all that the server keeps.")
    ] = DEFAULT_DATA,
    home: HomeOption = DEFAULT_HOME,
    homes: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Ask for the name first: each name has its own home in this folder."),
    ] = None,
    serves: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Start the server, or use only one that runs.")
    ] = True,
) -> None:
    """Start a group: a server here, your account on it, an invite for the others, and the chat.

    Run it again and it goes on where it was. A server that runs already is used,
    and goes on after you leave; one that this command started ends with it.
    Without a terminal it serves, as `lanline serve` does.

    \b
    On your own machine:     lanline start
    On another port:         lanline start --port 7000 --data ~/club
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.cli.chat import is_terminal, open_chat
    from lanline.server.datafolder import DataFolder

    folder = DataFolder(expanded(data, "--data"))
    if not is_terminal():
        _serve_only(folder.path, port)
        return
    with contextlib.suppress(KeyboardInterrupt):  # however a person leaves, it is no failure
        nick = _typed_name(name) if homes is not None else name
        mine = home_folder(homes / nick) if homes is not None and nick else home_folder(home)
        if _joined_elsewhere(mine, folder):
            open_chat(mine)
            return
        with _server(folder, port, serves=serves) as is_ours:
            is_new = _enter(folder, mine, nick)
            open_chat(mine)
            if is_new:
                _offer_password(mine)
        _say_how_to_go_on(folder.path, mine, is_ours=is_ours)


def _serve_only(data: Path, port: int | None) -> None:
    from lanline.cli.serve import serve

    serve(data=data, port=port)


# The server.


@contextlib.contextmanager
def _server(folder: DataFolder, port: int | None, *, serves: bool) -> Iterator[bool]:
    """Whether it is ours, so that it ends with us."""
    if _answers(folder):
        yield False
        return
    if not serves:
        raise LinkError(f"No server runs on {folder.path}. Start it: lanline serve --data {folder.path}")
    process = _launched(folder, port)
    try:
        yield True
    finally:
        show_line("Stopping the server …")
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()


def _answers(folder: DataFolder) -> bool:
    if not folder.exists() or folder.read_running() is None:
        return False
    try:
        _ask_as_operator(folder, _nothing)
    except LanlineError:
        return False  # what a server left behind that was killed; one that hangs is named by the one we start
    return True


async def _nothing(_client: ChatClient) -> None:
    """To be signed in is all that is asked."""


def _launched(folder: DataFolder, port: int | None) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "lanline", "serve", "--data", str(folder.path)]
    if port is not None:
        words += ["--port", str(port)]
    log = _log_of(folder.path)
    with log.open("wb") as told:
        # In a session of its own: Ctrl+C at this terminal ends the chat first, and then we end the server.
        process = subprocess.Popen(  # noqa: S603 -- this very program
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=told, start_new_session=True
        )
    try:
        _wait_ready(process, folder, log)
    except BaseException:
        process.terminate()
        raise
    return process


def _log_of(data: Path) -> Path:
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        (data / _LOG_FILE).touch(mode=0o600)
    except OSError as cause:
        raise StorageUnusable(
            f"The folder {data} cannot be used: {cause.strerror}. Choose another one with --data."
        ) from cause
    return data / _LOG_FILE


def _wait_ready(process: subprocess.Popen[bytes], folder: DataFolder, log: Path) -> None:
    limit = time.monotonic() + _READY_WITHIN_S
    while True:
        running = folder.read_running()
        if running is not None and running.pid == process.pid:
            return
        if process.poll() is not None:
            raise LinkError(_last_words(log))
        if time.monotonic() > limit:
            raise LinkError(f"The server is not ready after {_READY_WITHIN_S:.0f} seconds. {log} may say why.")
        time.sleep(_POLL_S)


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("lanline: ") if lines else f"The server ended at once. {log} may say why."


# The person.


def _typed_name(name: str | None) -> str:
    from lanline.model.names import checked_name

    while True:
        try:
            return checked_name(name or input("Your name: ").strip())
        except InvalidInput as problem:
            if name:
                raise
            show_line(str(problem))
        except EOFError:
            raise KeyboardInterrupt from None


def _joined_elsewhere(home: Path, folder: DataFolder) -> bool:
    from lanline.client.chat.pin import read_pin

    pin = read_pin(home)
    return pin is not None and not (folder.exists() and folder.read_fingerprint() == pin.fingerprint)


def _enter(folder: DataFolder, home: Path, name: str | None) -> bool:
    """Joins where this home is nobody yet, and shows the invite. Whether an account was made."""
    from lanline.cli.qr import qr_code
    from lanline.client.chat.pin import read_pin

    is_new = read_pin(home) is None
    if is_new:
        _join(folder, home, name)
    link = _link_for_others(folder)
    show_line("\nTo let the others in, send them this line, or show them the code:\n")
    show_line(f"  lanline chat --server {link}\n")
    if is_new:
        show_line(qr_code(str(link)))
    return is_new


def _join(folder: DataFolder, home: Path, name: str | None) -> None:
    from lanline.client.chat.joining import join_server

    link = str(_own_link(folder))
    while True:
        nick = _typed_name(name)
        try:
            run(join_server(home, link, nick, "", label=os.uname().nodename), on_uvloop=False)
        except RequestRefused as problem:
            if name or problem.code not in {RefusalCode.NAME_TAKEN, RefusalCode.INVALID}:
                raise
            show_line(str(problem))
        else:
            return
