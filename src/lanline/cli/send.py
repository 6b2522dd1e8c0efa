"""`lanline send`."""

from __future__ import annotations

from typing import Annotated

import typer

from lanline.cli.chathome import HomeOption, JsonOption, TimeoutOption
from lanline.cli.nodecall import DEFAULT_TIMEOUT_S, checked_timeout, started_node
from lanline.cli.running import DEFAULT_HOME


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
    be reached in time, or does not let you in, the message stays queued, and is sent by
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
    from lanline.cli.sending import send_text, text_of

    limit_s, said = checked_timeout(timeout), text_of(text or [])
    send_text(started_node(home), to, said, limit_s, as_json=json)
