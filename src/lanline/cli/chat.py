"""`lanline chat`."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.chathome import HomeOption, SuiteOption, is_rsa
from lanline.cli.confirming import is_terminal
from lanline.cli.nodecall import DEFAULT_TIMEOUT_S, at_server, home_folder, started_node
from lanline.cli.password import PASSWORD_VARIABLE
from lanline.cli.running import DEFAULT_HOME, run

if TYPE_CHECKING:
    from lanline.cli.ownserver import OwnServer
    from lanline.client.joining import Joined
    from lanline.client.node.face import Face
    from lanline.client.pin import KnownServer
    from lanline.faces.chat.enrolling import Answers

_AT_TERMINAL_S = 15.0
"""How long somebody is kept waiting for a place that this device does not know yet."""


def chat(
    place: Annotated[
        str | None, typer.Argument(metavar="[#ROOM|NICK]", help="Where to begin; by default the lobby.")
    ] = None,
    server: Annotated[
        str | None, typer.Option(help="At the first start: an invite, or HOST or HOST:PORT.", metavar="SERVER")
    ] = None,
    name: Annotated[str | None, typer.Option(help="At the first start: the nickname you want.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="At a pipe: print each message as a JSON object.")] = False,
    stay: Annotated[bool, typer.Option("--stay", help="At a pipe: go on receiving after the end of input.")] = False,
    wait: Annotated[
        float, typer.Option(min=0.0, help="At a pipe: seconds that the last lines may take to reach the server.")
    ] = 30.0,
    suite: SuiteOption = "",
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Chat, in rooms and in private, with nothing missed.

    The first time it asks for the server and a nickname. What you type is kept on your disk until the server
    has it, so write also while it is away. /help inside lists the commands;
    docs/chat.md tells them all.

    \b
    The lobby:              lanline chat
    Another room:           lanline chat '#lab'
    One person:             lanline chat ana
    With an invite:         lanline chat --server 'lanline://...' --name ana
    With RSA keys:          lanline chat --suite rsa ana
    From a script:          echo "backup done" | lanline chat '#ops'
    For a bot:              lanline chat --stay --json < /dev/null

    \b
    At a pipe every line is said, and what arrives is printed; it ends when
    all is on the server's disk.
    Exit status: 0 when all was sent, 75 when something is still queued (it
    is kept, and sent next time), 64 for wrong usage, 1 for anything else.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    # However a person leaves a chat, it is no failure; what was not sent is.
    folder = home_folder(home)
    if is_rsa(suite):
        _seal_in_rsa(home, place or "")
    with contextlib.suppress(KeyboardInterrupt):
        if is_terminal():
            chat_at_terminal(folder, place or "", server or "", name or "")
        else:
            run(_at_pipe(folder, place or "", as_json, stay, wait))


def _seal_in_rsa(home: Path, name: str) -> None:
    """The talk with one person, before the first word of it is typed."""
    from lanline.client.node.groupcommands import SealInRsa
    from lanline.errors import InvalidInput

    if not name or name.startswith("#"):
        raise InvalidInput("Name a person. A room has its suite from its beginning: lanline rooms create --suite rsa")
    at_server(home, DEFAULT_TIMEOUT_S, lambda call: call.ask(SealInRsa(name)), with_group=True)


def chat_at_terminal(
    folder: Path, place: str = "", server: str = "", name: str = "", *, own: OwnServer | None = None
) -> bool:
    """Whether the person may be asked something afterwards: they have not left by Ctrl+C.

    `own`: the server that this program runs, whose news is shown.
    """
    lacks_password, may_be_asked = run(_at_terminal(folder, place, server, name, own))
    if lacks_password and may_be_asked:
        from lanline.cli.password import offer_password

        offer_password(folder)
    return may_be_asked


async def _at_terminal(folder: Path, place: str, server: str, name: str, own: OwnServer | None) -> tuple[bool, bool]:
    """Asks whoever sits there when this home is nobody yet. Whether it made an account, still without a password; and
    whether the person may be asked for one.
    """
    from lanline.client.pin import read_pin

    pin = read_pin(folder)
    lacks_password = False
    if pin is None:
        answers = await _enrol(folder, server, name)
        if answers is None:
            return False, False
        lacks_password = not answers.password
    elif server or name:
        await _find_again(folder, pin, server or pin.place, name or pin.nick)
    node = started_node(folder)  # it loads while the rest does here
    from lanline.client.node.face import Face
    from lanline.faces.chat.terminalchat import TerminalChat

    async with Face(node) as face:
        here = await _opened(face, place, _AT_TERMINAL_S)
        talk = TerminalChat(face, here)
        with contextlib.nullcontext() if own is None else own.telling(_from_thread(talk.tell)):
            await talk.run()
    return lacks_password, not talk.was_interrupted


def _from_thread(tell: Callable[[str], None]) -> Callable[[str], object]:
    import asyncio

    loop = asyncio.get_running_loop()
    return lambda text: loop.call_soon_threadsafe(tell, text)


async def _find_again(folder: Path, pin: KnownServer, server: str, name: str) -> None:
    """Where it has moved to. Raises as `join_server` does."""
    import asyncio

    from lanline.client.joining import Patience, checked_server, join_server
    from lanline.client.node.start import stop_node
    from lanline.client.pin import parse_server

    checked_server(folder, server, name)
    if parse_server(server)[0].place != pin.place:
        await join_server(folder, server, name, "", patience=Patience(_AT_TERMINAL_S))
        # One that runs calls the server where it was before.
        await asyncio.to_thread(stop_node, folder, begins_anew=True)


async def _enrol(folder: Path, server: str, name: str) -> Answers | None:
    """None when they give up."""
    from lanline.cli.join import patience_of
    from lanline.client.joining import join_server, meet_server, note_recovery_shown
    from lanline.client.pin import parse_server
    from lanline.faces.chat.enrolling import Answers, Enrolling
    from lanline.faces.chat.terminalchat import screen
    from lanline.faces.prompt import TypedLines

    key: bytes | None = None

    async def meet(server: str, name: str) -> list[str]:
        nonlocal key
        key = await meet_server(folder, server, name, patience_of(_AT_TERMINAL_S, _tell))
        if key is None:
            return []
        from lanline.crypto.words import fingerprint_words

        return fingerprint_words(key)

    async def join(server: str, name: str, password: str) -> None:
        joined = await join_server(
            *(folder, server, name, password),
            accepted_key=key,
            patience=patience_of(_AT_TERMINAL_S, _tell),
        )
        for line in _told(joined):
            _tell(line)
        note_recovery_shown(folder)

    answers = Answers(server, name, os.environ.get(PASSWORD_VARIABLE, ""))
    with screen():
        _tell("Welcome to Lanline. This folder has joined no server yet; Ctrl+D leaves.")
        has_joined = await Enrolling(TypedLines(_tell), _tell, meet, join, parse_server).run(answers)
    return answers if has_joined else None


def _told(joined: Joined) -> list[str]:
    import msgspec

    from lanline.client.joining import group_lines

    title = joined.server.name or joined.server.place
    who = f"You are {joined.name} on {title}." if joined.is_new_account else f"Welcome back, {joined.name}."
    # That there is no recovery key is told by the chat.
    return [who, *group_lines(msgspec.structs.replace(joined, lacks_recovery=False))]


def _tell(line: str) -> None:
    sys.stdout.write(f"* {line}\n")


async def _at_pipe(folder: Path, place: str, as_json: bool, stays: bool, wait_s: float) -> None:
    node = started_node(folder)  # as above
    from lanline.client.node.face import Face
    from lanline.faces.chat.pipedchat import PipedChat

    async with Face(node) as face:
        here = await _opened(face, place, wait_s)
        await PipedChat(face, here, as_json=as_json, stays=stays, wait_s=wait_s).run()


async def _opened(face: Face, place: str, limit_s: float) -> str:
    from lanline.faces.chat.opening import opened_place

    return await opened_place(face, place, limit_s)
