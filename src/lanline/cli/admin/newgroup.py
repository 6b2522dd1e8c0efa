"""`lanline admin new-group`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.admin.asking import answer, ask_server, say, way_to_server
from lanline.cli.admin.people import named, users_of
from lanline.cli.confirming import agreed
from lanline.cli.folders import DEFAULT_DATA, DataFolderOption

if TYPE_CHECKING:
    from lanline.client.chat.client import ChatClient

_WHAT = """\
This puts the group of the server aside, for good. {name} becomes the only admin of the server, and founds another.

Goes:   the right of all others to rule here, and all links into the group. Nothing is said until each
        member has agreed to the new group, in their own program, and has been let in.
Stays:  accounts, rooms, and what was said: who could read it on their devices still can.
"""
_NEXT = """\
The group is put aside. Next:
  {name} founds the new one:       lanline seal      (--without NICK leaves somebody out)
  All others, once it stands:  lanline chain --new-group
Tell them so yourself, by another way than this server, with the words that `lanline chain` shows {name}."""


def new_group(
    founder: Annotated[str, typer.Argument(metavar="NICK", help="Who founds the new group.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: DataFolderOption = None,
) -> None:
    """Put aside a group whose admins are all gone.

    Another one is founded then.
    The last resort: its only admin has lost all devices and the recovery key. On the
    server's own machine, while the server runs. Nobody is made a reader by it: every
    member is told, and nothing is said before they agree.

    \b
    lanline admin new-group ben --data ~/.lanline-server
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    way = way_to_server(data or DEFAULT_DATA)
    user = named(ask_server(way, users_of), founder)
    say(_WHAT.format(name=user.name))
    if not (yes or agreed("Do you want that?")):
        say("Nothing was changed.")
        raise typer.Exit(1)

    async def begin(client: ChatClient) -> None:
        from lanline.wire.chat.answers import Done
        from lanline.wire.chat.groups import BeginNewGroup

        await answer(client, BeginNewGroup(1, user.account), Done)

    ask_server(way, begin)
    say(_NEXT.format(name=user.name))
