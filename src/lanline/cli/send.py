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
    node_call,
    show_line,
    show_note,
)
from lanline.cli.running import DEFAULT_HOME
from lanline.errors import InvalidInput, StillQueued

if TYPE_CHECKING:
    from lanline.client.chat.values import Message
    from lanline.client.node.call import NodeCall
    from lanline.client.node.protocol import Outcome


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
    import os
    import time

    from lanline.client.node.protocol import Outcome, Said, Say, WaitSent
    from lanline.ids import new_entry_id
    from lanline.model.content import Text

    limit_s = checked_timeout(timeout)
    content = Text(_text(text or []))
    entry_id = new_entry_id(time.time_ns() // 1_000_000, os.urandom)
    with node_call(home) as call:
        said = call.ask(Say(to, content, entry_id))  # from here on it is not lost
        assert isinstance(said, Said)
        try:
            outcome = call.ask(WaitSent(entry_id, limit_s))
        except KeyboardInterrupt:
            show_note("lanline: if it was not sent yet, the message stays queued here.")
            raise
        assert isinstance(outcome, Outcome)
        if json:
            _show(said.message, outcome)
        _check(call, outcome, entry_id)


def _check(call: NodeCall, outcome: Outcome, entry_id: bytes) -> None:
    from lanline.client.chat.values import MessageState
    from lanline.client.node.protocol import Forget
    from lanline.errors import RefusalCode, RequestRefused

    match outcome.state:
        case MessageState.REFUSED:
            call.ask(Forget(entry_id))  # it is told here and now
            raise RequestRefused(RefusalCode(outcome.code), outcome.problem)
        case MessageState.QUEUED:
            raise StillQueued(
                f"Not sent yet: {outcome.problem.rstrip('.')}. It stays queued here, and goes out as soon as the "
                "server is reached. Do not send it again."
            )
        case _:
            pass


def _show(message: Message, outcome: Outcome) -> None:
    import json as encoder

    value = {"id": message.entry_id.hex(), "to": message.destination, "state": outcome.state.value}
    show_line(encoder.dumps(value, ensure_ascii=False))


def _text(words: list[str]) -> str:
    if words and words != ["-"]:
        return " ".join(words)
    if sys.stdin is None:
        raise InvalidInput("There is no text: give it as an argument, or through a pipe.")
    if sys.stdin.isatty():
        show_note("Type the message; Ctrl+D on a line of its own sends it.")
    try:
        return sys.stdin.buffer.read(_MAX_BYTES).decode().removesuffix("\n")
    except UnicodeDecodeError as cause:
        raise InvalidInput("What came in is not UTF-8 text.") from cause


_MAX_BYTES = 1024 * 1024
"""More than any message holds, so that what is too long is told as that."""
