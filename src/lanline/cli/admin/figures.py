"""`lanline admin rooms` and `status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanline.cli.admin.asking import answer, ask_server, say, show_json, show_table, size, way_to_server
from lanline.cli.folders import DataFolderOption, HomeOption, JsonOption
from lanline.cli.running import DEFAULT_HOME

if TYPE_CHECKING:
    from lanline.client.chat.client import ChatClient
    from lanline.wire.chat.admin import Usage
    from lanline.wire.chat.conversations import RoomInfo


def rooms(json: JsonOption = False, data: DataFolderOption = None, home: HomeOption = DEFAULT_HOME) -> None:
    """List all rooms, those by invitation too.

    \b
    lanline admin rooms
    lanline admin rooms --json
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.cli.admin.objects import room_object

    found = ask_server(way_to_server(data, home), _rooms)
    if json:
        show_json(*map(room_object, found))
        return
    header = ("ROOM", "ACCESS", "MEMBERS", "TOPIC")
    rows = [(it.name, it.access.value, str(it.members), it.topic) for it in found]
    show_table(header, rows, "There is no room yet.")


async def _rooms(client: ChatClient) -> list[RoomInfo]:
    from lanline.wire.chat.conversations import ListRooms, Rooms

    return sorted((await answer(client, ListRooms(1), Rooms)).rooms, key=lambda room: room.name.casefold())


def status(json: JsonOption = False, data: DataFolderOption = None, home: HomeOption = DEFAULT_HOME) -> None:
    """Show how the server is: its disk, and its figures.

    \b
    lanline admin status
    lanline admin status --json | jq '.usage.rooms[:5]'
    """  # noqa: D301 -- as above
    figures, usage = ask_server(way_to_server(data, home), _status)
    if json:
        show_json(figures | _as_object(usage))
        return
    if usage.warning:
        say(f"{usage.warning}\n")
    free, taken, films = size(usage.free_bytes), size(usage.database_bytes), size(usage.film_bytes)
    say(f"Lanline {usage.version}, up for {_span(figures['uptime_seconds'])}")
    say(f"{free} of the disk are free. The database has {taken}, the films have {films}.\n")
    rooms = [(each.name, str(each.entries), size(each.size_bytes)) for each in usage.rooms]
    show_table(("ROOM", "MESSAGES", "SIZE"), [*rooms, ("(conversations of two)", "", size(usage.directs_bytes))], "")
    say("")
    people = [(each.name, size(each.message_bytes), size(each.blob_bytes)) for each in usage.people]
    show_table(("PERSON", "SAID", "FILES"), people, "Nobody has joined yet.")
    say("")
    rows = [(name, f"{round(value, 1):.15g}") for name, value in sorted(figures.items())]
    show_table(("FIGURE", "VALUE"), rows, "No figures.")


async def _status(client: ChatClient) -> tuple[dict[str, float], Usage]:
    from lanline.wire.chat.admin import AskStatus, AskUsage, ServerStatus, Usage

    figures = (await answer(client, AskStatus(1), ServerStatus)).figures
    return figures, await answer(client, AskUsage(1), Usage)


def _as_object(usage: Usage) -> dict[str, object]:
    from msgspec.structs import asdict

    found = {name: value for name, value in asdict(usage).items() if name != "request"}
    return {"version": found.pop("version"), "warning": found.pop("warning"), "usage": found}


def _span(seconds: float) -> str:
    days, rest = divmod(int(seconds), 86400)
    hours, rest = divmod(rest, 3600)
    return (f"{days} days, " if days != 1 else "1 day, ") * bool(days) + f"{hours}:{rest // 60:02} h"
