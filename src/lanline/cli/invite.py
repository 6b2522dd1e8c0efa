"""`lanline invite`."""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.admin.asking import answer, ask_server, say, show_json, way_to_server
from lanline.cli.folders import DataFolderOption, HomeOption, JsonOption
from lanline.cli.nodecall import show_note
from lanline.cli.running import DEFAULT_HOME
from lanline.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

    from lanline.client.chat.client import ChatClient
    from lanline.model.invites import InviteLink

_MAX_USES_IN_GROUP = 10_000
_LEADS_TO_SERVER = "This link leads to the server only: into the group an admin lets them, if it is not open to all."
_FOR_EVER_MS = 100 * 366 * 24 * 3600 * 1000
_UNITS_S = {"m": 60, "h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}


def invite(
    uses: Annotated[int, typer.Option(min=1, max=100_000, help="How many people may join with it.")] = 1,
    expires: Annotated[str, typer.Option(metavar="TIME", help="Like 30m, 12h, 7d, 4w, or never.")] = "7d",
    admin: Annotated[bool, typer.Option("--admin", help="Whoever joins with it is an admin.")] = False,
    host: Annotated[
        str | None,
        typer.Option(
            metavar="HOST[:PORT]", help="Where they will reach the server.", show_default="as it knows itself"
        ),
    ] = None,
    qr: Annotated[bool, typer.Option("--qr", help="Show it as a QR code too.")] = False,
    json: JsonOption = False,
    data: DataFolderOption = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Make an invite: a link with which people join the server.

    The link stands alone on the first line. It holds the server's key, so that
    whoever joins with it talks to this server and no other.

    A member's invite leads into the group: whoever uses it can read at once, and
    nobody has to compare words. An invite made on the server's machine (--data)
    only gives an account; an admin has to let that person into the group: see
    lanline admit.

    \b
    For one person:        lanline invite
    For a class:           lanline invite --uses 30 --expires 2h --qr
    On the server itself:  lanline invite --data ~/.lanline-server
    For another admin:     lanline invite --admin
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.client.moments import utc_text
    from lanline.model.invites import InviteLink

    lifetime_s = _seconds(expires)
    way = way_to_server(data, home)
    place = InviteLink(way.public_host, way.public_port, way.fingerprint, b"")
    if host is not None:
        place = place.reached_at(host)
    token, outside = (None, "") if data is not None else _of_member(home, uses, lifetime_s, admin)
    if token is None:
        token = ask_server(way, lambda client: _make(client, uses, lifetime_s, admin))
    if outside:
        show_note(f"{outside} {_LEADS_TO_SERVER}")
    link = InviteLink(place.host, place.port, place.fingerprint, token)
    if json:
        until = None if lifetime_s is None else utc_text(time.time_ns() // 1_000_000 + lifetime_s * 1000)
        show_json({"link": str(link), "uses": uses, "expires": until, "admin": admin})
        return
    say(str(link))
    if qr:
        from lanline.cli.qr import qr_code

        say(qr_code(str(link)))
    if sys.stdout.isatty():
        _explain(link, uses, expires)


def _of_member(home: Path, uses: int, lifetime_s: int | None, admin: bool) -> tuple[bytes | None, str]:
    """None where this home is in no group, so that the server makes the invite; and why it is in none."""
    from lanline.cli.admin.asking import ask_group
    from lanline.errors import NotInGroup, NotJoined

    if uses > _MAX_USES_IN_GROUP:
        raise InvalidInput(f"An invite into a group is for {_MAX_USES_IN_GROUP:,} people at most.")
    try:
        return ask_group(home, lambda client: _make_in_group(client, uses, lifetime_s, admin)), ""
    except NotJoined:
        return None, ""
    except NotInGroup as outside:
        return None, str(outside)


async def _make_in_group(client: ChatClient, uses: int, lifetime_s: int | None, admin: bool) -> bytes:
    from lanline.wire.sealing.entries import Role

    member = client.node.seals.member
    assert member is not None
    lives_ms = _FOR_EVER_MS if lifetime_s is None else lifetime_s * 1000
    role = Role.ADMIN if admin else Role.MEMBER
    return await member.changes.make_invite(uses, lives_ms, role)


async def _make(client: ChatClient, uses: int, lifetime_s: int | None, admin: bool) -> bytes:
    from lanline.wire.chat.admin import InviteMade, MakeInvite

    return (await answer(client, MakeInvite(1, uses, lifetime_s, admin), InviteMade)).token


def _explain(link: InviteLink, uses: int, expires: str) -> None:
    people = "one person" if uses == 1 else f"{uses} people"
    limit = "" if expires == "never" else f", within {expires}"
    sys.stderr.write(f"\nFor {people}{limit}. They run: lanline join {link} --name THEIR-NAME\n")


def _seconds(text: str) -> int | None:
    if text == "never":
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,4})([mhdw])", text)
    if found is None:
        raise InvalidInput(f"'{text}' is no time an invite can last. Write 30m, 12h, 7d, 4w, or never.")
    lifetime_s = int(found[1]) * _UNITS_S[found[2]]
    if lifetime_s > 10 * 366 * 24 * 3600:
        raise InvalidInput("An invite lasts ten years at most, or for ever: --expires never")
    return lifetime_s
