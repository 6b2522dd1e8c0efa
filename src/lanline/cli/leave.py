"""`lanline leave --delete`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.admin.asking import REACHED_WITHIN_S, asking, say
from lanline.cli.confirming import confirmed
from lanline.cli.folders import HomeOption
from lanline.cli.nodecall import expanded
from lanline.cli.running import DEFAULT_HOME, run
from lanline.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

_TOLD = """\
This deletes the account {name} on {server}, for good.

Goes:   your devices, your password, your rights; your places in rooms, and your ownership of
        them, which others get; invites that you made; notes to yourself; where you were seen last.
Stays:  what you said, in rooms and with people, as said by "{name} (deleted)"; files and films that
        you put there; in the group's signed chain, and in the server's journal for its time, your name.
The name {name} is nobody's for a time that the server's admin has set, usually 30 days.
What is waiting to be sent from this device is not sent any more.
"""


def leave(
    delete: Annotated[bool, typer.Option("--delete", help="Delete your account on the server.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Delete your account on the server. You are told before what goes and what stays.

    In the group, you are signed out of it: nobody seals anything for you from then on.
    To go offline only: lanline dereg. To leave one room: lanline rooms leave '#ROOM'.

    \b
    lanline leave --delete

    \b
    Exit status: 0 deleted, 1 refused or the server is not reached, 64 wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.client.pin import joined_pin

    if not delete:
        raise InvalidInput(
            "Say --delete to delete your account for good. Offline only: lanline dereg. One room: lanline rooms leave."
        )
    folder = expanded(home, "--home")
    joined_pin(folder)
    account, name, server = run(_who(folder), on_uvloop=False)
    if not yes:
        say(_TOLD.format(name=name, server=server))
        confirmed(name)
    run(_delete(folder, account), on_uvloop=False)
    say(f"The account {name} is deleted. What this device has kept stays in {folder}:")
    say("remove that folder to be rid of it. To come back, join with a new invite and another --home.")


async def _who(folder: Path) -> tuple[int, str, str]:
    async with asking(folder) as client:
        own = client.node.own
        return own.account, own.name, own.server_name or client.server.place


async def _delete(folder: Path, account: int) -> None:
    from lanline.wire.chat.admin import DeleteAccount

    async with asking(folder) as client:
        seals = client.node.seals
        member = seals.member
        assert member is not None
        await client.wait_until(lambda: not seals.asks or member.is_settled, REACHED_WITHIN_S)
        if seals.asks and member.copy.is_member:
            await member.changes.delete_account(account)
        else:
            await client.ask(DeleteAccount(0, account))
