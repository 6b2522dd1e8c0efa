"""`lanline seal`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.admin.asking import say, show_json
from lanline.cli.chathome import HomeOption, JsonOption, TimeoutOption
from lanline.cli.confirming import agreed
from lanline.cli.nodecall import DEFAULT_TIMEOUT_S, at_server
from lanline.cli.running import DEFAULT_HOME
from lanline.errors import InvalidInput

if TYPE_CHECKING:
    from lanline.client.node.groupcommands import Plain


def seal(
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="NICK", help="Do not let these in; may be repeated.", show_default=False),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: JsonOption = False,
    timeout: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Seal from now on what the server could read until now.

    For an admin of a server from before there was sealing: you found its group, and
    everybody who has an account is let in as soon as their Lanline connects. For
    the owner of a room by invitation from before: the room goes on with those who
    are in it. What was said before stays readable, and is marked. You are told what
    it does, and asked.

    \b
    See and decide:     lanline seal
    Leave somebody out: lanline seal --without mallory
    Who is awaited:     lanline seal --json

    \b
    Exit status: 0, 1 refused, not done, or not reached, 64 wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.client.node import groupcommands as do
    from lanline.client.node.sealtext import asked_lines, awaited_lines, done_lines

    plain = at_server(home, timeout, lambda call: call.ask(do.AskPlain()))
    assert isinstance(plain, do.Plain)
    plain = plain.without(_known(plain, without or []))
    lines = asked_lines(plain)
    if json and not yes:
        show_json(_object(plain, plain.awaited, plain.problem))
        return
    for line in [] if json else lines or awaited_lines(plain):
        say(line)
    if not lines:
        raise typer.Exit(1 if plain.problem else 0)
    if not (yes or agreed("Do you want that?")):
        say("Nothing was changed.")
        raise typer.Exit(1)
    sealed = at_server(home, timeout, lambda call: call.ask(do.Seal(plain)))
    assert isinstance(sealed, do.SealReport)
    if json:
        show_json(_object(plain, sealed.awaited, sealed.problem))
    else:
        for line in done_lines(sealed):
            say(line)
        if plain.is_group:
            say("If you lose this device, only a recovery key gets you back. Make it now: lanline recovery make")
    if sealed.problem:
        raise typer.Exit(1)


def _object(plain: Plain, awaited: tuple[str, ...], problem: str) -> dict[str, object]:
    return {
        "group": plain.is_group,
        "people": [each.name for each in plain.people],
        "rooms": [{"name": each.title, "people": [one.name for one in each.people]} for each in plain.rooms],
        "awaited": awaited,
        "problem": problem or None,
    }


def _known(plain: Plain, names: list[str]) -> set[str]:
    """As they are written there; capitals do not count. Raises InvalidInput."""
    from lanline.model.names import folded_name

    there = {each.name for each in (*plain.people, *(each for room in plain.rooms for each in room.people))}
    known = {folded_name(each): each for each in there}
    for name in names:
        if folded_name(name) not in known:
            raise InvalidInput(f"{name} is not among those who would be let in. See who is: lanline seal --json")
    return {known[folded_name(name)] for name in names}
