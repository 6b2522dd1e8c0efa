"""`lanline admit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.admin.asking import ask_group, say, show_json, show_table
from lanline.cli.folders import HomeOption, JsonOption
from lanline.cli.running import DEFAULT_HOME
from lanline.errors import RecordMissing

if TYPE_CHECKING:
    from lanline.client.chat.client import ChatClient
    from lanline.client.sealing.groupchanges import Asker


def admit(
    name: Annotated[str | None, typer.Argument(metavar="NICK", help="Whom to let into the group.")] = None,
    json: JsonOption = False,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Let somebody into the group, or show who waits.

    People who joined by a link made on the server's machine can read nothing until
    an admin of the group lets them in. Compare the words with those that their
    lanline join has shown, but not over this server: by phone, for example. If they
    are the same, nobody pretends to be them.

    \b
    Who waits:     lanline admit
    Let ben in:    lanline admit ben
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    if name is not None:
        ask_group(home, lambda client: _admit(client, name))
        say(f"{name} is in the group now.")
        return
    waiting = ask_group(home, _waiting)
    if json:
        show_json(*({"name": each.name, "words": _words(each)} for each in waiting))
        return
    rows = [(each.name, _words(each)) for each in waiting]
    show_table(("NAME", "WORDS"), rows, "Nobody waits to be let in.")


def _words(asker: Asker) -> str:
    from lanline.crypto.words import words_of

    return " ".join(words_of(asker.words))


async def _waiting(client: ChatClient) -> tuple[Asker, ...]:
    member = client.node.seals.member
    assert member is not None
    await member.changes.look_who_asks()
    return member.changes.askers


async def _admit(client: ChatClient, name: str) -> None:
    from lanline.model.names import folded_name

    member = client.node.seals.member
    assert member is not None
    found = [each for each in await _waiting(client) if folded_name(each.name) == folded_name(name)]
    if not found:
        raise RecordMissing(f"{name} does not wait to be let in. See who does: lanline admit")
    await member.changes.admit(found[0].account)
