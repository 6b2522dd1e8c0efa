"""`lanline ignore`: whose words are not shown on this device."""

from __future__ import annotations

from typing import Annotated

import typer

from lanline.cli.chathome import HomeOption, JsonOption
from lanline.cli.nodecall import node_call, show_line
from lanline.cli.running import DEFAULT_HOME


def ignore(
    nick: Annotated[str | None, typer.Argument(metavar="[NICK]", help="Whom; without it, who is ignored.")] = None,
    end: Annotated[bool, typer.Option("--end", help="Show again what they say.")] = False,
    json: JsonOption = False,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Do not show what somebody says, on this device, or show who is ignored.

    What they say is kept, and shown once that ends. They are not told.

    \b
    Who is:     lanline ignore
    Somebody:   lanline ignore ben
    No more:    lanline ignore ben --end

    \b
    Exit status: 0, 1 there is nobody of this name, 64 wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.client.node.owncommands import Ignore
    from lanline.errors import InvalidInput

    if nick is None and end:
        raise InvalidInput("Name whom to see again: lanline ignore NICK --end")
    with node_call(home) as call:
        if nick is not None:
            call.ask(Ignore(nick, is_ignored=not end))
            if not json:
                show_line(f"What {nick} says is {'shown again' if end else 'not shown any more'}.")
                return
        _show(list(call.follow().ignored.items()), as_json=json)


def _show(ignored: list[tuple[int, str]], *, as_json: bool) -> None:
    from lanline.cli.admin.asking import show_json

    named = sorted(ignored, key=lambda each: each[1].casefold())
    if as_json:
        show_json(*({"account": account, "name": name} for account, name in named))
        return
    for line in [name for _, name in named] or ["You ignore nobody."]:
        show_line(line)
