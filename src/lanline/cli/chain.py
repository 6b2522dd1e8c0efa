"""`lanline chain`."""

from __future__ import annotations

from typing import Annotated

import typer

from lanline.cli.admin.asking import say, show_json
from lanline.cli.chathome import HomeOption, JsonOption, TimeoutOption
from lanline.cli.nodecall import DEFAULT_TIMEOUT_S, at_server
from lanline.cli.running import DEFAULT_HOME

_HEAD_CHARS = 16


def chain(
    accept: Annotated[
        bool, typer.Option("--accept", help="What the server shows is right; put aside what this device has seen.")
    ] = False,
    take_back: Annotated[str | None, typer.Option(metavar="NICK", help="Who was sent away may read again.")] = None,
    json: JsonOption = False,
    timeout: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Show which past of the group you and the server have, and decide where they differ.

    A server that was restored from a backup is mended by its members, and there is
    nothing to decide. Where it shows another past than this device has seen, nothing
    is said until you have asked the others, by another way than this server, and
    accept it. Who was sent away by what you have seen stays away until you name them.

    \b
    lanline chain
    lanline chain --accept
    lanline chain --take-back ben

    \b
    Exit status: 0, 1 refused, 64 wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.client.node import groupcommands as do

    wanted: list[do.GroupCommand] = [do.AcceptChain()] if accept else []
    wanted += [] if take_back is None else [do.TakeBack(take_back)]
    found = at_server(home, timeout, lambda call: [call.ask(each) for each in wanted or [do.AskChain()]][-1])
    assert isinstance(found, do.ChainState)
    if json:
        show_json(
            {
                "height": found.height,
                "head": found.head,
                "shown_height": found.shown_height,
                "shown_head": found.shown_head,
                "problem": found.problem or None,
                "acceptable": found.can_accept,
                "come_back": found.come_back,
            }
        )
        return
    say(f"This device: entry {found.height}, {found.head[:_HEAD_CHARS]}")
    say(f"The server:  entry {found.shown_height}, {found.shown_head[:_HEAD_CHARS]}")
    say(found.problem or "They go together: nothing is to be decided.")
    if found.can_accept:
        say("To go by what the server shows: lanline chain --accept")
