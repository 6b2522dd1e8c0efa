"""`lanline admin status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanline.cli.admin.asking import answer, ask_server, show_json, show_table, way_to_server
from lanline.cli.folders import DataFolderOption, HomeOption, JsonOption
from lanline.cli.running import DEFAULT_HOME

if TYPE_CHECKING:
    from lanline.client.chat.client import ChatClient


def status(json: JsonOption = False, data: DataFolderOption = None, home: HomeOption = DEFAULT_HOME) -> None:
    """Show the figures of the running server, the same as its metrics.

    \b
    lanline admin status
    lanline admin status --json
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    figures = ask_server(way_to_server(data, home), _figures)
    if json:
        show_json(figures)
        return
    rows = [(name, f"{round(value, 1):.15g}") for name, value in sorted(figures.items())]
    show_table(("FIGURE", "VALUE"), rows, "No figures.")


async def _figures(client: ChatClient) -> dict[str, float]:
    from lanline.wire.chat.admin import AskStatus, ServerStatus

    return (await answer(client, AskStatus(1), ServerStatus)).figures
