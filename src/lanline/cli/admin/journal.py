"""`lanline admin journal`."""

from __future__ import annotations

import contextlib
import json as jsonlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lanline.cli.admin.asking import answer, ask_server, way_of_home
from lanline.cli.folders import DEFAULT_DATA, DataFolderOption, HomeOption, JsonOption
from lanline.cli.nodecall import expanded, show_line
from lanline.cli.running import DEFAULT_HOME, run
from lanline.errors import LinkNotOpen

if TYPE_CHECKING:
    from lanline.client.chat.client import ChatClient
    from lanline.model.journal import JournalEntry

_LOOK_EVERY_S = 1.0
_AT_ONCE = 500
_NAME_CHARS = 12
_THIS_DEVICE = "(this device)"
Look = Callable[[int, int], "Awaitable[list[JournalEntry]]"]
"""What follows an entry, at most so many; after 0, the newest."""

_TEXTS = {
    "started": "started {detail}",
    "restored": "was restored from a backup, or copied",
    "alarm": "{detail}",
    "chain_taken": "took back {detail}",
    "group_put_aside": "put the group aside; {whom} is to found another",
    "disk_low": "warned: {detail}",
    "joined": "joined {detail}",
    "device_added": "added the device {detail}",
    "wrong_password": "gave a wrong password for {whom} {detail}",
    "password_changed": "changed the own password",
    "password_set": "gave {whom} a new password",
    "device_revoked": "revoked the device {detail} of {whom}",
    "invite_made": "made the invite {detail}",
    "invite_dropped": "dropped the invite {detail}",
    "banned": "banned {whom}: {detail}",
    "unbanned": "lifted the ban of {whom}",
    "account_deleted": "deleted the account {whom} {detail}",
    "promoted": "made {whom} an admin",
    "demoted": "made {whom} an ordinary member",
    "admitted": "let {whom} into the group",
    "turned_down": "turned down {whom}, who asked to be let in",
    "room_made": "made the room {room}, {detail}",
    "room_deleted": "deleted the room {room}",
    "room_access": "made {room} {detail}",
    "room_slow": "set the slow mode of {room} to {detail}",
    "room_role": "changed the role of {whom} in {room} {detail}",
    "room_muted": "muted {whom} in {room}",
    "room_unmuted": "let {whom} speak again in {room}",
    "room_sent_out": "sent {whom} out of {room}",
    "room_banned": "banned {whom} from {room}",
    "room_unbanned": "lifted the ban of {whom} from {room}",
    "film_changed": "changed a film: {detail}",
    "more": "did more: {detail}",
}
"""Of a deed that a newer server has, its word is shown with what stands beside it."""


def journal(
    last: Annotated[int, typer.Option("--last", "-n", min=1, max=100_000, help="How many, the newest.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl+C.")] = False,
    json: JsonOption = False,
    data: DataFolderOption = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Show who did what and when.

    Joins, wrong passwords, invites, bans, rights.
    With --data it is read from the server's folder, whether the server runs or not.

    \b
    lanline admin journal
    lanline admin journal --follow
    lanline admin journal --last 1000 --json | jq -r 'select(.deed == "banned").whom'
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    way = None if data is not None else way_of_home(expanded(home, "--home"))
    if way is None:
        run(_show(_in_folder(expanded(data or DEFAULT_DATA, "--data")), last, follows=follow, as_json=json))
    else:
        found = _alarms(expanded(home, "--home"), last)
        ask_server(way, lambda client: _show(partial(_ask, client), last, found, follows=follow, as_json=json))


async def _show(look: Look, last: int, alarms: Sequence[JournalEntry] = (), *, follows: bool, as_json: bool) -> None:
    """`alarms`: what this device has found wrong with its server, which stand among the deeds by their times."""
    import asyncio

    through = 0
    async for entries in _newest(look, last):
        before = [each for each in alarms if entries and each.time_ms <= entries[-1].time_ms]
        alarms = alarms[len(before) :]
        _print(sorted([*before, *entries], key=lambda each: each.time_ms), as_json=as_json)
        through = entries[-1].id if entries else through
    _print(list(alarms), as_json=as_json)
    while follows:
        await asyncio.sleep(_LOOK_EVERY_S)
        with contextlib.suppress(LinkNotOpen):  # it is called again
            through = _print(await look(through, _AT_ONCE), as_json=as_json) or through


def _alarms(home: Path, last: int) -> list[JournalEntry]:
    from lanline.client.chat.client import HISTORY_FILE
    from lanline.client.chat.sealed.alarms import alarms_kept_in
    from lanline.model.journal import JournalEntry

    return [
        JournalEntry(each.number, each.time_ms, "alarm", None, _THIS_DEVICE, each.who, each.room, each.text, 1)
        for each in alarms_kept_in(home / HISTORY_FILE, last)
    ]


async def _newest(look: Look, last: int) -> AsyncIterator[list[JournalEntry]]:
    """In portions: a message holds so many only."""
    newest = await look(0, min(last, _AT_ONCE))
    if not newest or last <= _AT_ONCE:
        yield newest
        return
    after = max(newest[-1].id - last, 1)  # some numbers are missing: these are at most as many
    while found := await look(after, _AT_ONCE):
        yield found
        after = found[-1].id


def _print(entries: list[JournalEntry], *, as_json: bool) -> int:
    """The number of the last one; 0: there was none."""
    for entry in entries:
        show_line(_object(entry) if as_json else _line(entry))
    sys.stdout.flush()
    return entries[-1].id if entries else 0


def _line(entry: JournalEntry) -> str:
    from lanline.client.moments import moment
    from lanline.model.text import safe_line

    at = moment(entry.time_ms)
    stamp = f"{at:%Y-%m-%d %H:%M:%S}" if at else "some day"
    values = {"whom": entry.whom or "nobody here", "room": entry.room, "detail": entry.detail}
    text = _TEXTS.get(entry.deed, f"{entry.deed} {{whom}} {{room}} {{detail}}").format_map(values).rstrip(" ,:")
    times = f" ({entry.count} times)" if entry.count > 1 else ""
    return safe_line(f"{stamp}  {entry.by:{_NAME_CHARS}}  {text}{times}")


def _object(entry: JournalEntry) -> str:
    from lanline.client.moments import utc_text

    fields: dict[str, Any] = {
        "id": entry.id,
        "time": utc_text(entry.time_ms),
        "deed": entry.deed,
        "by": entry.by,
        "account": entry.account,
        "whom": entry.whom,
        "room": entry.room,
        "detail": entry.detail,
        "count": entry.count,
    }
    return jsonlib.dumps(fields)


# Where it is read.


def _in_folder(folder: Path) -> Look:
    from lanline.server.app import database_in

    async def look(after: int, limit: int) -> list[JournalEntry]:
        with database_in(folder).reading() as view:
            return view.journal.after(after, limit) if after else view.journal.newest(limit)

    return look


async def _ask(client: ChatClient, after: int, limit: int) -> list[JournalEntry]:
    import msgspec

    from lanline.model.journal import JournalEntry
    from lanline.wire.chat.admin import Journal, ReadJournal

    await client.wait_until(lambda: client.is_signed_in)
    found = await answer(client, ReadJournal(0, after, limit), Journal)
    return [JournalEntry(*msgspec.structs.astuple(each)) for each in found.entries]
