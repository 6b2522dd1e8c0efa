"""`lanline admin rooms` and `status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanline.cli.admin.asking import answer, ask_server, show, show_json, show_table, way_to_server
from lanline.cli.folders import DataFolderOption, HomeOption, JsonOption
from lanline.cli.running import DEFAULT_HOME

if TYPE_CHECKING:
    from lanline.client.chat.client import ChatClient
    from lanline.wire.chat.conversations import RoomInfo


def rooms(json: JsonOption = False, data: DataFolderOption = None, home: HomeOption = DEFAULT_HOME) -> None:
    """List all rooms, those by invitation too.

    \b
    lanline admin rooms
    lanline admin rooms --json
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    found = ask_server(way_to_server(data, home), _rooms)
    header = ("ROOM", "ACCESS", "MEMBERS", "TOPIC")
    show(found, json, header, lambda it: (it.name, it.access.value, str(it.members), it.topic), "There is no room yet.")


async def _rooms(client: ChatClient) -> list[RoomInfo]:
    from lanline.wire.chat.conversations import ListRooms, Rooms

    return sorted((await answer(client, ListRooms(1), Rooms)).rooms, key=lambda room: room.name.casefold())


def status(json: JsonOption = False, data: DataFolderOption = None, home: HomeOption = DEFAULT_HOME) -> None:
    """Show the figures of the running server, the same as its metrics.

    \b
    lanline admin status
    lanline admin status --json
    """  # noqa: D301 -- as above
    figures = ask_server(way_to_server(data, home), _figures)
    if json:
        show_json(figures)
        return
    rows = [(name, f"{round(value, 1):.15g}") for name, value in sorted(figures.items())]
    show_table(("FIGURE", "VALUE"), rows, "No figures.")


async def _figures(client: ChatClient) -> dict[str, float]:
    from lanline.wire.chat.admin import AskStatus, ServerStatus

    return (await answer(client, AskStatus(1), ServerStatus)).figures
