"""`lanline chain`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.admin.asking import say, show_json
from lanline.cli.chathome import HomeOption, JsonOption, TimeoutOption
from lanline.cli.confirming import agreed
from lanline.cli.nodecall import DEFAULT_TIMEOUT_S, at_server
from lanline.cli.running import DEFAULT_HOME
from lanline.errors import InvalidInput, RecordMissing

if TYPE_CHECKING:
    from lanline.client.node import groupcommands as do

_HEAD_CHARS = 16


def chain(
    accept: Annotated[
        bool,
        typer.Option(
            "--accept", help="Accept what the server shows, or go on although an entry of the group breaks the rules."
        ),
    ] = False,
    new_group: Annotated[
        bool, typer.Option("--new-group", help="Join the group that has taken the place of yours.")
    ] = False,
    take_back: Annotated[
        str | None, typer.Option(metavar="NICK", help="Let somebody read again who was sent away.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="With --new-group: do not ask.")] = False,
    json: JsonOption = False,
    timeout: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Compare the group's history here and on the server, and decide where they differ.

    After a restore from a backup members bring the server what it lacks, and you
    have nothing to decide. When the server shows another history than this device
    has seen, nothing is sent until you have asked the others, not over this server,
    and accept it. People whom this device has seen being sent away stay away until
    you name them. An entry that breaks the rules is ignored; --accept says that you
    have seen it.

    When the server has another group in the place of yours, compare its words with
    the person who has founded it. Nobody in it can read what you say before you
    agree.

    \b
    lanline chain
    lanline chain --accept
    lanline chain --take-back ben
    lanline chain --new-group

    \b
    Exit status: 0, 1 refused, 64 wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.client.node import groupcommands as do

    if json and new_group and not yes:
        raise InvalidInput("With --json nobody is asked: add --yes.")
    wanted: list[do.GroupCommand] = [do.AcceptChain()] if accept else []
    wanted += [] if take_back is None else [do.TakeBack(take_back)]
    if new_group:
        wanted.append(do.GoOver(_agreed_on(home, timeout, is_sure=yes)))
    found = at_server(home, timeout, lambda call: [call.ask(each) for each in wanted or [do.AskChain()]][-1])
    assert isinstance(found, do.ChainReport)
    if json:
        show_json(_object(found))
        return
    for line in _lines(found):
        say(line)
    if new_group:
        say("You go by the new group from now on. Where you are not in it yet, an admin of it has to let you in.")


def _lines(found: do.ChainReport) -> list[str]:
    lines = [
        f"This device: entry {found.height}, {found.head[:_HEAD_CHARS]}",
        f"The server:  entry {found.shown_height}, {found.shown_head[:_HEAD_CHARS]}",
        found.problem or "They go together: nothing is to be decided.",
    ]
    if found.can_accept:
        lines.append("To go on: lanline chain --accept")
    if found.words:
        lines.append(f"Words of this group, the same for everybody in it: {found.words}")
    if found.new_group is not None:
        lines.append(f"Words of the other group: {found.new_group.words}")
    return lines


def _agreed_on(home: Path, timeout: float, *, is_sure: bool) -> str:
    """The id of the group that the person goes over to. Raises RecordMissing, InvalidInput."""
    from lanline.client.node import groupcommands as do

    found = at_server(home, timeout, lambda call: call.ask(do.AskChain()))
    assert isinstance(found, do.ChainReport)
    offer = found.new_group
    if offer is None:
        raise RecordMissing("The server shows no other group than yours: there is nothing to go over to.")
    if not is_sure:
        for line in _offer_lines(offer):
            say(line)
        _ask(offer)
    return offer.group_id


def _offer_lines(offer: do.NewGroup) -> list[str]:
    known = "has the key that they have in your group" if offer.is_known else "HAS A KEY THAT YOUR GROUP DOES NOT KNOW"
    return [
        f"{offer.founder} has founded another group on this server, and {known}.",
        f"Its words: {offer.words}",
        f"Ask {offer.founder}, by another way than this server, to read them to you: lanline chain shows them there.",
        "If you go over, your group until now ends for you. What was said stays readable here, and is marked;",
        "what waits to be sent goes to the new group.",
    ]


def _ask(offer: do.NewGroup) -> None:
    if not agreed(f"Are the words of {offer.founder} the same?", "the words are the same"):
        raise InvalidInput("Then it may be a group that somebody else has put there. Nothing was changed.")


def _object(found: do.ChainReport) -> dict[str, object]:
    offer = found.new_group
    shown = None if offer is None else {"founder": offer.founder, "known": offer.is_known, "words": offer.words}
    return {
        "height": found.height,
        "head": found.head,
        "shown_height": found.shown_height,
        "shown_head": found.shown_head,
        "problem": found.problem or None,
        "acceptable": found.can_accept,
        "come_back": found.come_back,
        "words": found.words or None,
        "new_group": shown,
    }
