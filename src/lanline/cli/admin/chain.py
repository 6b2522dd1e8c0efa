"""`lanline admin chain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.admin.asking import answer, ask_server, say, show_json, show_table, way_to_server
from lanline.cli.admin.objects import branches_object
from lanline.cli.folders import DataFolderOption, HomeOption, JsonOption
from lanline.cli.running import DEFAULT_HOME
from lanline.errors import InvalidInput

if TYPE_CHECKING:
    from lanline.client.chat.client import ChatClient
    from lanline.wire.chat.offers import Branches

_HEAD_CHARS = 16


def chain(
    take: Annotated[
        str | None,
        typer.Option(
            metavar="HEAD", help="Take the history with this head; own: leave the group as the server has it."
        ),
    ] = None,
    json: JsonOption = False,
    data: DataFolderOption = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Choose, after a restore, what members bring of the group.

    A backup does not know who came and went after it. Members' devices bring that
    by themselves; after ten minutes the server takes what most of them have. At a
    tie it waits for you. Look who would come and go: somebody who was sent away
    after the backup can bring a history in which that never happened.

    \b
    lanline admin chain
    lanline admin chain --take 5d0c72
    lanline admin chain --take own
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    way = way_to_server(data, home)
    found = ask_server(way, lambda client: _branches(client, take))
    if json:
        show_json(branches_object(found))
        return
    say(f"The server has the group up to entry {found.height}, {found.head.hex()[:_HEAD_CHARS]}.")
    if not found.is_gathering:
        say("Nothing is to be decided.")
        return
    told = "1 member has told what it has" if found.told == 1 else f"{found.told} members have told what they have"
    say(f"It was restored: {told}. {_wait(found.waits_ms)}")
    rows = [
        (
            each.head.hex()[:_HEAD_CHARS],
            str(each.height - found.height),
            ", ".join(each.told_by),
            ", ".join(each.comes),
            ", ".join(each.goes),
        )
        for each in found.branches
    ]
    show_table(("HEAD", "MORE ENTRIES", "TOLD BY", "COMES", "GOES"), rows, "Nobody has more than the server.")


def _wait(waits_ms: int) -> str:
    minutes, seconds = divmod(-(-waits_ms // 1000), 60)
    if not waits_ms:
        return "It waits for more of them, or for you: --take HEAD"
    return f"It waits for others, for {minutes}:{seconds:02} minutes more."


async def _branches(client: ChatClient, take: str | None) -> Branches:
    from lanline.wire.chat.offers import AskBranches, Branches

    found = await answer(client, AskBranches(1), Branches)
    if take is None:
        return found
    fitting = [each.head for each in found.branches if each.head.hex().startswith(take)]
    heads = [found.head] if take == "own" else fitting
    if len(heads) != 1 or not take:
        raise InvalidInput(f"There is not exactly one that begins with {take!r}: see lanline admin chain")
    return await answer(client, AskBranches(1, heads[0]), Branches)
