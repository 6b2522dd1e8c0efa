"""`lanline send`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.chathome import (
    DEFAULT_TIMEOUT_S,
    HomeOption,
    JsonOption,
    TimeoutOption,
    checked_timeout,
    home_folder,
    show_line,
    show_note,
)
from lanline.cli.running import DEFAULT_HOME, run
from lanline.errors import InvalidInput, LanlineError, StillQueued

if TYPE_CHECKING:
    from lanline.client.chat.client import ChatClient
    from lanline.client.chat.values import Message


def send(
    to: Annotated[str, typer.Argument(metavar="'#ROOM'|NICK", help="Where to; quote the '#' for the shell.")],
    text: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT]", help="What to say; without it, or as -, standard input.")
    ] = None,
    json: JsonOption = False,
    timeout: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Say something to a room or a person, and end.

    It ends with 0 only once the server has it on its disk. When the server cannot
    be reached in time, or lets nobody in, the message stays queued, and is sent by
    the next command or lanline chat that gets through: do not send it again.

    \b
    To a person:     lanline send ben 'Lunch?'
    To a room:       lanline send '#lab' the kiln is at 900 degrees
    From a program:  df -h | lanline send '#ops'
    For a script:    lanline send '#ops' 'backup done' --json

    \b
    Exit status: 0 on the server's disk, 1 refused, 64 wrong usage,
    75 still queued here.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.client.chat.client import ChatClient
    from lanline.model.content import Text

    limit_s = checked_timeout(timeout)
    content = Text(_text(text or []))

    client = ChatClient.at_home(home_folder(home), follows_all=False)
    message = client.node.say(to, content)  # from here on it is not lost
    try:
        run(_send(client, message, limit_s, json), on_uvloop=False)
    except KeyboardInterrupt:
        show_note("lanline: if it was not sent yet, the message stays queued here.")
        raise


async def _send(client: ChatClient, message: Message, limit_s: float, json: bool) -> None:
    async with client:
        await _wait_sent(client, message, limit_s, json)


async def _wait_sent(client: ChatClient, message: Message, limit_s: float, json: bool) -> None:
    from lanline.client.chat.values import MessageState
    from lanline.errors import RequestRefused

    try:
        if await client.wait_committed(message, limit_s):
            _show(json, message, MessageState.SENT)
            return
    except LanlineError as problem:
        if isinstance(problem, RequestRefused) and client.is_refused(message):
            _show(json, message, MessageState.REFUSED)
            client.node.forget(message.entry_id)  # it is told here and now
            raise
        # Banned, another key, another version: nothing was said of this message.
        _show(json, message, MessageState.QUEUED)
        raise _still_queued(str(problem)) from problem
    _show(json, message, MessageState.QUEUED)
    raise _still_queued(client.last_problem)


def _still_queued(reason: str) -> StillQueued:
    return StillQueued(
        f"Not sent yet: {reason.rstrip('.')}. It stays queued here, and goes out with the next command or lanline chat "
        "that gets through. Do not send it again."
    )


def _show(json: bool, message: Message, state: object) -> None:
    if json:
        import json as encoder

        value = {"id": message.entry_id.hex(), "to": message.destination, "state": getattr(state, "value", "")}
        show_line(encoder.dumps(value, ensure_ascii=False))


def _text(words: list[str]) -> str:
    if words and words != ["-"]:
        return " ".join(words)
    if sys.stdin is None:
        raise InvalidInput("There is no text: give it as an argument, or through a pipe.")
    if sys.stdin.isatty():
        show_note("Type the message; Ctrl+D on a line of its own sends it.")
    try:
        return sys.stdin.buffer.read(_MOST_BYTES).decode().removesuffix("\n")
    except UnicodeDecodeError as cause:
        raise InvalidInput("What came in is not UTF-8 text.") from cause


_MOST_BYTES = 1024 * 1024
"""More than any message holds, so that what is too long is told as that."""
