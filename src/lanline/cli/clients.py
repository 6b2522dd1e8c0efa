"""`lanline clients` and `lanline dereg`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanline.cli.chathome import HomeOption, JsonOption, TimeoutOption
from lanline.cli.nodecall import DEFAULT_TIMEOUT_S, at_server, show_line
from lanline.cli.running import DEFAULT_HOME

if TYPE_CHECKING:
    from lanline.client.node.call import NodeCall
    from lanline.client.view.values import Person


def clients(
    json: JsonOption = False, timeout: TimeoutOption = DEFAULT_TIMEOUT_S, home: HomeOption = DEFAULT_HOME
) -> None:
    """Show everybody on the server: who is online, and where.

    \b
    Everybody:      lanline clients
    Who is there:   lanline clients --json | jq -r 'select(.online).name'

    \b
    Exit status: 0, 1 when the server is not reached, 64 wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.cli.admin.asking import day, show_table

    people, trust = at_server(home, timeout, _people, with_group=True)
    if json:
        for person in people:
            show_line(_json(person, trust.get(person.account, "")))
        return
    rows = [
        (
            each.name,
            "online" if each.is_online else f"last seen {day(each.seen_ms)}",
            each.address,
            trust.get(each.account, ""),
        )
        for each in sorted(people, key=lambda each: not each.is_online)
    ]
    show_table(("NAME", "", "ADDRESS", "IN THE GROUP"), rows, "Nobody is here.")


def _people(call: NodeCall) -> tuple[tuple[Person, ...], dict[int, str]]:
    view = call.follow()
    return view.people, view.group.trust


def _json(person: Person, trust: str) -> str:
    import json

    from lanline.client.moments import utc_text

    seen = utc_text(person.seen_ms)
    value = {"name": person.name, "online": person.is_online, "seen": seen, "address": person.address}
    return json.dumps({**value, "admin": person.is_admin, "banned": person.is_banned, "trust": trust})


def dereg(timeout: TimeoutOption = DEFAULT_TIMEOUT_S, home: HomeOption = DEFAULT_HOME) -> None:
    """Go offline everywhere, in every program of yours.

    What is said to you meanwhile is kept, and is there when you come back with
    lanline chat.

    \b
    Leave:   lanline dereg

    \b
    Exit status: 0, 1 when the server is not reached, 64 wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.client.node.protocol import Deregister

    at_server(home, timeout, lambda call: call.ask(Deregister()))
    show_line("You are offline.")
