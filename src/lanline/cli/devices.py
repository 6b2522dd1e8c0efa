"""`lanline devices`: the list, and letting one in, naming one and taking one out."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.admin.asking import answer, ask_group, ask_server, day, say, show_json, show_table, way_to_server
from lanline.cli.chathome import HomeOption, JsonOption
from lanline.cli.confirming import agreed, can_ask
from lanline.cli.nodecall import DEFAULT_TIMEOUT_S, at_server, show_note
from lanline.cli.running import DEFAULT_HOME
from lanline.errors import InvalidInput, LanlineError, LinkNotOpen, NotInGroup, RecordMissing

if TYPE_CHECKING:
    from pathlib import Path

    from lanline.client.chat.client import ChatClient
    from lanline.client.sealing.devices import DeviceToApprove
    from lanline.client.sealing.member import GroupMember
    from lanline.wire.chat.admin import DeviceInfo

app = typer.Typer(invoke_without_command=True, add_completion=False, rich_markup_mode=None)
_NEW_KEYS_WITHIN_S = 20.0
_LOOK_AGAIN_S = 5.0
Which = Annotated[str, typer.Argument(metavar="ID|LABEL", help="The device, as lanline devices shows it.")]


@app.callback()
def devices(context: typer.Context, json: JsonOption = False, home: HomeOption = DEFAULT_HOME) -> None:
    """Show your devices; let one in, take one out that is lost.

    \b
    All of them:            lanline devices
    A second one:           lanline devices add
                            and there: lanline join LINK
    One that shows a code:  lanline devices approve 'ABCDE FGHIJ KLMNO PQRST'
    A better name:          lanline devices rename 7 'old laptop'
    Lost or stolen:         lanline devices revoke 7

    \b
    Exit status: 0, 1 refused or not reached, 64 wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    if context.invoked_subcommand is not None:
        return
    rows, lacks_recovery = _found(home)
    if json:
        show_json(*({"id": row[0], "label": row[1], "state": row[2], "added": _utc(row[3])} for row in rows))
    else:
        shown = [(*row[:3], "" if row[3] is None else day(row[3])) for row in rows]
        show_table(("ID", "LABEL", "STATE", "ADDED"), shown, "You have no device.")
    if lacks_recovery:
        from lanline.client.view.values import NO_RECOVERY

        show_note(NO_RECOVERY)


def _utc(time_ms: int | None) -> str | None:
    from lanline.client.moments import utc_text

    return None if time_ms is None else utc_text(time_ms)


Row = tuple[str, str, str, int | None]
"""Id, label, state, and when it was added. Without a label: no device of yours has said yet what it is called."""


def _found(home: Path) -> tuple[list[Row], bool]:
    """And whether a recovery key is lacking."""
    try:
        return ask_group(home, _rows_in_group)
    except NotInGroup:
        return ask_server(way_to_server(None, home), _rows)


async def _rows_in_group(client: ChatClient) -> tuple[list[Row], bool]:
    member, links = _member(client), _ids(client)
    copy = member.copy
    rows = [(each, _state(each, each.fingerprint in links)) for each in await _own(client)]
    found = [_row(each, _with_this(state, links.get(each.fingerprint) == copy.device_id)) for each, state in rows]
    made = copy.chain.recovery_keys(copy.account_id)
    return [*found, *(("", "recovery key", "kept by you", None) for _ in made)], member.lacks_recovery


async def _rows(client: ChatClient) -> tuple[list[Row], bool]:
    return [_row(each, _state(each, is_in_group=True)) for each in await _own(client)], False


def _ids(client: ChatClient) -> dict[bytes, bytes]:
    """The devices of the account in the group, by the keys of their links."""
    copy = _member(client).copy
    if copy.account_id not in copy.chain.accounts:
        return {}
    return {copy.chain.devices[each].link_fingerprint: each for each in copy.chain.accounts[copy.account_id].devices}


async def _own(client: ChatClient) -> tuple[DeviceInfo, ...]:
    """By the labels that this home knows; of one that was never in the group by the server's word, if it has one."""
    from msgspec.structs import replace

    from lanline.wire.chat.devices import ListOwnDevices, OwnDevices

    found = (await answer(client, ListOwnDevices(1), OwnDevices)).devices
    member = client.node.seals.member
    if member is None:
        return found
    chain, account_id, known = member.copy.chain, member.copy.account_id, member.devices.labels
    mine = {each.link_fingerprint: number for number, each in chain.devices.items() if each.account == account_id}
    return tuple(
        replace(each, label=known.of(mine[each.fingerprint])) if each.fingerprint in mine else each for each in found
    )


def _state(device: DeviceInfo, is_in_group: bool) -> str:
    if device.is_revoked:
        return "taken out"
    return ("online" if device.is_online else "") if is_in_group else "reads nothing yet"


def _with_this(state: str, is_this: bool) -> str:
    return "this one" if is_this else state


def _row(device: DeviceInfo, state: str) -> Row:
    return str(device.device), device.label, state, device.added_ms


def _member(client: ChatClient) -> GroupMember:
    member = client.node.seals.member
    assert member is not None
    return member


@app.command()
def add(
    qr: Annotated[bool, typer.Option("--qr", help="Show the link as a QR code too.")] = False,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Let in another device of yours, by a link for it.

    The link is good once, for ten minutes, and stands alone on the first line. Whoever
    has it can act as you: show it to nobody else. This command ends when the other
    device is in.

    \b
    Here:   lanline devices add --qr
    There:  lanline join LINK
    """  # noqa: D301 -- as above
    label = ask_group(home, lambda client: _add(client, home, qr))
    say(f"{label} is one of your devices now.")


async def _add(client: ChatClient, home: Path, qr: bool) -> str:
    from lanline.crypto.groups import ids
    from lanline.model.devices import DEVICE_WAITS_MS
    from lanline.model.invites import InviteLink
    from lanline.model.text import safe_line

    way, member = way_to_server(None, home), _member(client)
    token = await member.devices.offer()
    link = str(InviteLink(way.public_host, way.public_port, way.fingerprint, token))
    say(link)
    if qr:
        from lanline.cli.qr import qr_code

        say(qr_code(link))
    sys.stdout.flush()
    if sys.stderr is not None and sys.stderr.isatty():
        sys.stderr.write(f"On the other device, within ten minutes: lanline join '{link}'\n")
    code, until = ids.code_of_token(token), time.monotonic() + DEVICE_WAITS_MS / 1000
    while time.monotonic() < until:
        # What came while the server was away was told to nobody.
        await client.wait_until(lambda: member.devices.has_waiting(code), _LOOK_AGAIN_S)
        with contextlib.suppress(RecordMissing, LinkNotOpen):
            waiting = await member.devices.find(code)
            await member.devices.approve(waiting, code)
            return safe_line(waiting.label)
    raise RecordMissing("No device came by the link within ten minutes: it is good for nothing any more.")


@app.command()
def approve(
    code: Annotated[
        str, typer.Argument(metavar="CODE", help="What the new device shows; quote it, or leave spaces out.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Let in another device of yours that shows this code.

    It has signed in with your name and password, and reads nothing until then.

    \b
    lanline devices approve 'ABCDE FGHIJ KLMNO PQRST'
    """  # noqa: D301 -- as above
    from lanline.crypto.groups.ids import is_code
    from lanline.model.text import safe_line

    if not is_code(code):
        raise InvalidInput("A code has 20 letters and digits (A to Z, 2 to 7), as the new device shows it.")

    async def work(client: ChatClient) -> DeviceToApprove | None:
        waiting = await _member(client).devices.find(code)
        if not yes and not _agrees(waiting):
            return None
        await _member(client).devices.approve(waiting, code)
        return waiting

    found = ask_group(home, work)
    say("Nothing was done." if found is None else f"{safe_line(found.label)} is one of your devices now.")


def _agrees(waiting: DeviceToApprove) -> bool:
    """Nobody is asked in a script: the code says enough."""
    from lanline.model.text import safe_line

    question = f"{safe_line(waiting.label)} asks since {day(waiting.left_ms)}. Let it read all that you may?"
    return not can_ask() or agreed(question)


@app.command()
def rename(
    which: Which,
    label: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Give a device of yours another name. Your other devices know it, and nobody else.

    \b
    lanline devices rename 7 'old laptop'
    """  # noqa: D301 -- as above
    from lanline.client.node import groupcommands as do
    from lanline.model.devices import checked_label

    if not label.strip():
        raise InvalidInput("What is the device to be called? The name is empty.")

    async def find(client: ChatClient) -> bytes:
        device_id = _ids(client).get((await _chosen(client, which)).fingerprint)
        if device_id is None:
            raise RecordMissing("This device is not in the group: let it in first, and then name it.")
        return device_id

    asked = do.RenameDevice(ask_group(home, find), label)
    at_server(home, DEFAULT_TIMEOUT_S, lambda call: call.ask(asked), with_group=True)
    say(f"It is called {checked_label(label)} now.")


@app.command()
def revoke(which: Which, home: HomeOption = DEFAULT_HOME) -> None:
    """Take out a device that is lost.

    It signs in no more, and reads nothing that is said from now on. What it has on
    its disk stays there. Each of your conversations gets a new key. Those that have
    none yet at the end are named: nothing is said there before they have one.

    \b
    lanline devices revoke 7
    """  # noqa: D301 -- as above
    try:
        still_open, reached = ask_group(home, lambda client: _revoke(client, which))
    except NotInGroup:
        still_open, reached = ask_server(way_to_server(None, home), lambda client: _revoke_at_server(client, which))
    say("It is out, for good.")
    if reached is not None:
        _wait_new_keys(home, reached)
    if still_open:
        one = "One link that you have made still lets" if still_open == 1 else f"{still_open} links of yours still let"
        say(f"{one} people in. Whoever has the device may know it. See: lanline admin invites")


def _wait_new_keys(home: Path, reached: tuple[int, bytes]) -> None:
    """The node of this home knows of it, and has begun the new keys, when the command is over."""
    from lanline.client.node import groupcommands as do

    asked = do.WaitNewKeys(reached[0], reached[1].hex(), _NEW_KEYS_WITHIN_S)
    try:
        found = at_server(home, _NEW_KEYS_WITHIN_S, lambda call: call.ask(asked), with_group=True)
    except LanlineError as problem:
        say(f"New keys could not be begun here: {problem} Until they are, nothing is said.")
        return
    assert isinstance(found, do.NewKeys)
    if not found.is_here:
        say("The server does not show it to this home yet. Nothing is said from here before it does.")
    elif found.left:
        say(f"These get a new key with the next word, and nothing is said there without: {', '.join(found.left)}")


async def _revoke(client: ChatClient, which: str) -> tuple[int, tuple[int, bytes] | None]:
    """How many invites of the account are open still, and how far the chain is by it."""
    member = _member(client)
    copy, found = member.copy, await _chosen(client, which)
    chain = copy.chain
    its = [
        each
        for each in chain.accounts[copy.account_id].devices
        if chain.devices[each].link_fingerprint == found.fingerprint
    ]
    if copy.device_id in its:
        raise InvalidInput("This is the device that you are at. Take it out on another one of yours.")
    if not its:
        return await _revoke_at_server(client, which)
    await member.devices.revoke(its)
    return len(copy.chain.accounts[copy.account_id].open_invites), (copy.chain.height, copy.chain.head)


async def _revoke_at_server(client: ChatClient, which: str) -> tuple[int, None]:
    from lanline.wire.chat.admin import RevokeDevice
    from lanline.wire.chat.answers import Done

    await answer(client, RevokeDevice(1, (await _chosen(client, which)).device), Done)
    return 0, None


async def _chosen(client: ChatClient, which: str) -> DeviceInfo:
    found = await _own(client)
    usable = [each for each in found if not each.is_revoked]
    named = [each for each in usable if str(each.device) == which] or [each for each in usable if each.label == which]
    if not named and any(str(each.device) == which for each in found):
        raise RecordMissing(f"Device {which} is out already.")
    if not named:
        raise RecordMissing(f"You have no device {which}. See: lanline devices")
    if len(named) > 1:
        raise InvalidInput(f"Several devices of yours are called {which}. Name it by its number: lanline devices")
    return named[0]
