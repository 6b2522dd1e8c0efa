"""`lanline rooms names`, `pin`, `unpin`, `pins` and `slow`: who is in a room, and what its moderators set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.chathome import HomeOption, JsonOption, TimeoutOption
from lanline.cli.nodecall import DEFAULT_TIMEOUT_S, at_server, show_line
from lanline.cli.rooms import Room, app, log_of
from lanline.cli.running import DEFAULT_HOME

if TYPE_CHECKING:
    from lanline.client.node.call import NodeCall
    from lanline.client.view.values import MemberListing, Message

Number = Annotated[
    int, typer.Argument(min=1, max=2**62, help="Of the message: 'sequence' in lanline log --json, or /history.")
]


@app.command()
def names(
    room: Room,
    json: JsonOption = False,
    timeout: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Show who is in a room.

    With what rights, and what each name is worth.

    \b
    Example:   lanline rooms names '#lab'
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.client.node.protocol import ListMembers, MembersListed

    def work(call: NodeCall) -> list[tuple[MemberListing, str, bool]]:
        view = call.follow()
        listed = call.ask(ListMembers(log_of(view, room)))
        assert isinstance(listed, MembersListed)
        people = [(each, view.person(each.account)) for each in listed.members]
        return [
            (each, view.group.trust.get(each.account, ""), person is not None and person.is_online)
            for each, person in people
        ]

    rows = at_server(home, timeout, work, with_group=True)
    from lanline.cli.admin.asking import show_json, show_table

    if json:
        show_json(*(_as_object(each, trust, is_online=is_online) for each, trust, is_online in rows))
        return
    cells = [(each.name, "online" if is_online else "", _standing(each), trust) for each, trust, is_online in rows]
    show_table(("NAME", "ONLINE", "RIGHTS", "TRUST"), cells, "Nobody is in it.")


def _standing(member: MemberListing) -> str:
    from lanline.model.rooms import Role

    role = "" if member.role is Role.MEMBER else member.role.name.lower()
    states = (("muted", member.is_muted), ("invited", member.is_invited), ("banned", member.is_banned))
    return " ".join(filter(None, [role, *(word for word, holds in states if holds)]))


def _as_object(member: MemberListing, trust: str, *, is_online: bool) -> dict[str, object]:
    value = {"account": member.account, "name": member.name, "online": is_online, "role": member.role.name.lower()}
    states = {"muted": member.is_muted, "invited": member.is_invited, "banned": member.is_banned}
    return {**value, **states, "trust": trust}


@app.command()
def slow(
    room: Room,
    pace: Annotated[str, typer.Argument(metavar="SECONDS|off", help="Between two messages of one member.")],
    timeout: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Let members wait between two messages in a room.

    For its moderators and owners, who do not wait. What a member says too early
    is kept by their program, and goes out by itself.

    \b
    Half a minute:   lanline rooms slow '#lab' 30
    No more:         lanline rooms slow '#lab' off
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.client.node.protocol import SetSlow
    from lanline.errors import InvalidInput
    from lanline.model.rooms import checked_pace, pace_text

    if pace != "off" and not (pace.isascii() and pace.isdigit() and len(pace) < _MAX_DIGITS):
        raise InvalidInput("It is a number of seconds, or 'off'.")
    pace_s = checked_pace(0 if pace == "off" else int(pace))
    at_server(home, timeout, lambda call: call.ask(SetSlow(log_of(call.follow(), room), pace_s)))
    show_line(
        f"In {room} a member waits {pace_text(pace_s)} between two messages." if pace_s else f"{room} is not slow."
    )


_MAX_DIGITS = 10


@app.command()
def pin(
    room: Room, number: Number, timeout: TimeoutOption = DEFAULT_TIMEOUT_S, home: HomeOption = DEFAULT_HOME
) -> None:
    """Pin a message for all in a room; for its moderators and owners.

    \b
    Example:   lanline rooms pin '#lab' 12
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    _set_pinned(room, number, timeout, home, is_pinned=True)
    show_line(f"Message {number} is pinned in {room}.")


@app.command()
def unpin(
    room: Room, number: Number, timeout: TimeoutOption = DEFAULT_TIMEOUT_S, home: HomeOption = DEFAULT_HOME
) -> None:
    """Take a pin off.

    \b
    Example:   lanline rooms unpin '#lab' 12
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    _set_pinned(room, number, timeout, home, is_pinned=False)
    show_line(f"Message {number} is not pinned in {room}.")


def _set_pinned(room: str, number: int, timeout: float, home: HomeOption, *, is_pinned: bool) -> None:
    from lanline.client.node.protocol import SetPinned

    at_server(home, timeout, lambda call: call.ask(SetPinned(log_of(call.follow(), room), number, is_pinned)))


@app.command()
def pins(
    room: Room,
    json: JsonOption = False,
    timeout: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Show what is pinned in a room.

    Each message as its author has edited it by now.

    \b
    Example:   lanline rooms pins '#lab'
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    for line in at_server(home, timeout, lambda call: _pin_lines(call, room, timeout, as_json=json)):
        show_line(line)


def _pin_lines(call: NodeCall, room: str, limit_s: float, *, as_json: bool) -> list[str]:
    from lanline.client.node.protocol import Page, Read, WaitCaughtUp
    from lanline.client.view.edits import folded
    from lanline.client.view.rendering import message_json

    call.ask(WaitCaughtUp(limit_s))
    view = call.follow()
    log = log_of(view, room)
    conversation = view.conversation(log)
    assert conversation is not None
    found: list[Message] = []
    for number in conversation.pins:
        page = call.ask(Read(log, 1, before=number + 1, limit_s=limit_s))
        assert isinstance(page, Page)
        found += [each for each in page.messages if each.sequence == number]
    if as_json:
        return [message_json(view, each) for each in found if each.is_said]
    latest = call.ask(Read(log, _SEARCHED, limit_s=limit_s))
    assert isinstance(latest, Page)
    lines = [_line(call, each) for each in folded(found, latest.messages)]
    return lines or [f"Nothing is pinned in {room}."]


_SEARCHED = 500


def _line(call: NodeCall, message: Message) -> str:
    import time

    from lanline.client.moments import minute_text
    from lanline.client.view.rendering import rendered

    text = str(rendered(call.view, message)).replace("\n", "\n    ")
    return f"{message.sequence}  {minute_text(message.time_ms, time.time_ns() // 1_000_000)}  {text}"
