"""`lanline admin delete`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.admin.asking import answer, ask_server, day, say, way_to_server
from lanline.cli.admin.invites import open_invites
from lanline.cli.admin.people import change_group, named, show_ended_invites, users_of
from lanline.cli.confirming import confirmed
from lanline.cli.folders import DataFolderOption, HomeOption
from lanline.cli.running import DEFAULT_HOME
from lanline.errors import InvalidInput, RecordMissing

if TYPE_CHECKING:
    from lanline.client.chat.client import ChatClient
    from lanline.wire.chat.admin import UserInfo
    from lanline.wire.chat.conversations import RoomInfo

_DAY_MS = 24 * 3600 * 1000
_ACCOUNT = """\
This deletes the account {name}, for good.

Goes:   its devices, password and rights, its places in rooms, invites that it made or came by, notes
        to itself.
Stays:  what it said, as said by "{name} (deleted)", and files and films that it put here.
"""
_ROOM = """\
This deletes {name} with all that was said in it, for everybody, for good. What people's devices
have kept of it stays with them.
"""
_STILL_IN_GROUP = """\
If {name} was in the group: a device of an admin of the group takes them out of it as soon as it is
on line. Until then what is said goes on being sealed for {name} too, and nobody else gets the name.
"""


def delete(
    name: Annotated[str | None, typer.Argument(metavar="[NAME|'#ROOM']", help="The account or the room.")] = None,
    silent: Annotated[
        int | None,
        typer.Option(metavar="DAYS", min=1, help="All accounts made without an invite and not used for so long."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: DataFolderOption = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Delete an account or a room. You are told before what goes and what stays.

    An account leaves the group too: at once from the home of an admin of the group, else
    as soon as a device of such an admin is on line. The name is free again after the days
    that 'names_held_days' says (30).

    \b
    lanline admin delete mallory
    lanline admin delete '#old'
    lanline admin delete --silent 90 --yes      (on an open server, from cron)
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    if (name is None) == (silent is None):
        raise InvalidInput("Name one account or room, or give --silent DAYS.")
    if silent is not None:
        _delete_silent(silent, data, home, is_sure=yes)
    elif name is not None and name.startswith("#"):
        _delete_room(name, data, home, is_sure=yes)
    elif name is not None:
        _delete_account(name, data, home, is_sure=yes)


def _delete_account(name: str, data: Path | None, home: Path, *, is_sure: bool) -> None:
    way = way_to_server(data, home)
    own, there = ask_server(way, _own_and_users)
    try:
        user = named(there, name)
    except RecordMissing:
        if not change_group(data, home, [name]):  # it may be in the group only
            raise
        say(f"{name} is in the group no more.")
        return
    if user.account == own:
        raise InvalidInput("That is your own account: lanline leave --delete")
    if not is_sure:
        say(_ACCOUNT.format(name=user.name))
        confirmed(user.name)
    before = ask_server(way, open_invites)
    was_in_group = change_group(data, home, [user.name])
    ask_server(way, lambda client: _end(client, user, ""))
    say(f"The account {user.name} is deleted.")
    if not was_in_group and data is not None:
        say(_STILL_IN_GROUP.format(name=user.name).rstrip())
    show_ended_invites(user.name, before, ask_server(way, open_invites))


async def _own_and_users(client: ChatClient) -> tuple[int, list[UserInfo]]:
    return client.node.own.account, await users_of(client)


async def _end(client: ChatClient, user: UserInfo, reason: str) -> None:
    from lanline.wire.chat.admin import DeleteAccount
    from lanline.wire.chat.answers import Done

    await answer(client, DeleteAccount(0, user.account, reason=reason), Done)


def _delete_silent(days: int, data: Path | None, home: Path, *, is_sure: bool) -> None:
    way, before_ms = way_to_server(data, home), time.time() * 1000 - days * _DAY_MS
    silent = [each for each in ask_server(way, users_of) if _is_silent(each, before_ms)]
    if not silent:
        say(f"No account that was made without an invite has been silent for {days} days.")
        return
    for user in silent:
        say(f"{user.name}  seen last {day(user.seen_ms)}")
    if not is_sure:
        say(_ACCOUNT.format(name=f"of each of these {len(silent)}"))
        confirmed(str(len(silent)))
    change_group(data, home, [user.name for user in silent])

    async def end_all(client: ChatClient) -> None:
        for user in silent:
            await _end(client, user, f"silent for {days} days")

    ask_server(way, end_all)
    say(f"{len(silent)} accounts are deleted.")


def _is_silent(user: UserInfo, before_ms: float) -> bool:
    return not user.is_invited and not user.is_admin and user.seen_ms < before_ms


def _delete_room(name: str, data: Path | None, home: Path, *, is_sure: bool) -> None:
    way = way_to_server(data, home)
    room = ask_server(way, lambda client: _room(client, name))
    if not is_sure:
        say(_ROOM.format(name=room.name))
        confirmed(room.name)

    async def end(client: ChatClient) -> None:
        from lanline.wire.chat.admin import DeleteRoom
        from lanline.wire.chat.answers import Done

        await answer(client, DeleteRoom(0, room.log), Done)

    ask_server(way, end)
    say(f"{room.name} is deleted.")


async def _room(client: ChatClient, name: str) -> RoomInfo:
    from lanline.model.names import folded_name
    from lanline.wire.chat.conversations import ListRooms, Rooms

    for room in (await answer(client, ListRooms(0), Rooms)).rooms:
        if folded_name(room.name) == folded_name(name):
            return room
    raise RecordMissing(f"There is no room {name}. See: lanline admin rooms")
