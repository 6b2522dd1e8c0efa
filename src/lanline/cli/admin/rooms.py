"""`lanline admin rooms`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanline.cli.admin.asking import answer, ask_server, show_json, show_table, way_to_server
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
    if json:
        show_json(found)
        return
    rows = [(room.name, room.access.value, str(room.members), room.topic) for room in found]
    show_table(("ROOM", "ACCESS", "MEMBERS", "TOPIC"), rows, "There is no room yet.")


async def _rooms(client: ChatClient) -> list[RoomInfo]:
    from lanline.wire.chat.conversations import ListRooms, Rooms

    return sorted((await answer(client, ListRooms(1), Rooms)).rooms, key=lambda room: room.name.casefold())
