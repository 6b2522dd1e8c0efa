"""`lanline doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from lanline.cli.admin.asking import say, show_json
from lanline.cli.chathome import HomeOption, JsonOption, TimeoutOption
from lanline.cli.nodecall import DEFAULT_TIMEOUT_S, checked_timeout, node_call
from lanline.cli.running import DEFAULT_HOME
from lanline.errors import InvalidInput


def doctor(
    keys: Annotated[bool, typer.Option("--keys", help="The keys of the group on this device.")] = False,
    json: JsonOption = False,
    timeout: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Compute the keys of this device anew, and compare.

    When the server is reached, what this device has fetched or computed of the
    group is deleted, fetched again and checked. Otherwise it is only checked.
    Messages, what waits to be sent and the secret of this device stay. It may be
    interrupted at any time.

    \b
    Of the keys:   lanline doctor --keys

    \b
    Exit status: 0 all is as it was, 1 something is lacking, 64 wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.client.node import groupcommands as do
    from lanline.client.node.protocol import WaitReady

    if not keys:
        raise InvalidInput("Say what to look at: lanline doctor --keys")
    limit_s = checked_timeout(timeout)
    with node_call(home) as call:
        call.ask(WaitReady(limit_s, is_patient=False))
        found = call.ask(do.RenewKeys(limit_s))
    assert isinstance(found, do.KeysRenewed)
    if json:
        show_json({"whole": found.is_whole, "lines": list(found.lines)})
    else:
        for line in found.lines:
            say(line)
    if not found.is_whole:
        raise typer.Exit(1)
