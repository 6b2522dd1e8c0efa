"""`lanline admin invites`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.admin.asking import answer, ask_server, day, say, show_json, show_table, way_to_server
from lanline.cli.folders import DataFolderOption, HomeOption, JsonOption
from lanline.cli.running import DEFAULT_HOME
from lanline.errors import InvalidInput, RecordMissing

if TYPE_CHECKING:
    from pathlib import Path

    from lanline.client.chat.client import ChatClient
    from lanline.wire.chat.admin import InviteInfo


def invites(
    drop: Annotated[str | None, typer.Option(metavar="ID", help="End this invite.")] = None,
    json: JsonOption = False,
    data: DataFolderOption = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """List the invites, or end one. The link of an invite is shown only when it is made.

    A link into the group ends in the group too: nothing that is said after can be read
    by it. With --data it lets nobody in any more, and that is all.

    \b
    lanline admin invites
    lanline admin invites --drop 3f9a02c1
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    way = way_to_server(data, home)
    if drop is not None:
        if data is not None or not _dropped_in_group(home, drop.lower()):
            ask_server(way, lambda client: _drop(client, drop.lower()))
        say("This invite is no more.")
        return
    from lanline.cli.admin.objects import invite_object

    found = ask_server(way, open_invites)
    header = ("ID", "USES LEFT", "UNTIL", "ADMIN")
    if json:
        show_json(*map(invite_object, found))
    else:
        show_table(header, list(map(_row, found)), "There are no invites. Make one: lanline invite")


async def open_invites(client: ChatClient) -> list[InviteInfo]:
    from lanline.wire.chat.admin import Invites, ListInvites

    return sorted((await answer(client, ListInvites(1), Invites)).invites, key=lambda invite: invite.created_ms)


def _dropped_in_group(home: Path, start: str) -> bool:
    """By an entry of the chain, which every device follows. False: no group here, or no link into it."""
    from lanline.cli.admin.asking import ask_group
    from lanline.errors import NotInGroup, NotJoined

    async def work(client: ChatClient) -> bool:
        member = client.node.seals.member
        assert member is not None
        still_open = [each for each, invite in member.copy.chain.invites.items() if invite.until == NEVER]
        known = {each.invite_id: each for each in await open_invites(client) if each.invite_id is not None}
        found = [each for each in still_open if _is_called(each, known.get(each), start)]
        if len(found) > 1:
            raise InvalidInput(f"Several invites begin with {start}. Give more of it.")
        if found:
            await member.changes.drop_invites(found)
        return bool(found)

    from lanline.chain.state import NEVER

    try:
        return ask_group(home, work)
    except (NotInGroup, NotJoined):
        return False


def _is_called(invite_id: bytes, info: InviteInfo | None, start: str) -> bool:
    """By its id in the group, which every device knows, or by the server's."""
    return invite_id.hex().startswith(start) or (info is not None and info.token_hash.hex().startswith(start))


async def _drop(client: ChatClient, start: str) -> None:
    from lanline.wire.chat.admin import DropInvite
    from lanline.wire.chat.answers import Done

    found = [invite for invite in await open_invites(client) if invite.token_hash.hex().startswith(start)]
    if not found:
        raise RecordMissing(f"There is no invite {start}. See: lanline admin invites")
    if len(found) > 1:
        raise InvalidInput(f"Several invites begin with {start}. Give more of it.")
    await answer(client, DropInvite(1, found[0].token_hash), Done)


def _row(invite: InviteInfo) -> tuple[str, ...]:
    from lanline.model.invites import shown_id

    return shown_id(invite.token_hash), str(invite.uses_left), _until(invite), "yes" if invite.grants_admin else ""


def _until(invite: InviteInfo) -> str:
    if invite.expires_ms is None:
        return "for ever"
    return "expired" if invite.expires_ms <= time.time() * 1000 else day(invite.expires_ms)
