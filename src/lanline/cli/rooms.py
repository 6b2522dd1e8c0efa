"""`lanline rooms`: the list, and making, joining and leaving one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.chathome import HomeOption, JsonOption, SuiteOption, TimeoutOption, is_rsa
from lanline.cli.nodecall import DEFAULT_TIMEOUT_S, at_server, show_line
from lanline.cli.running import DEFAULT_HOME

if TYPE_CHECKING:
    from lanline.client.node.call import NodeCall
    from lanline.client.view.values import RoomListing
    from lanline.client.view.view import View

app = typer.Typer(invoke_without_command=True, add_completion=False, rich_markup_mode=None)
Room = Annotated[str, typer.Argument(metavar="'#ROOM'", help="Its name; quote the '#' for the shell.")]


@app.callback()
def rooms(
    context: typer.Context,
    json: JsonOption = False,
    timeout: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Show the rooms you may join; make, join and leave them.

    \b
    All rooms:    lanline rooms
    A new one:    lanline rooms create '#lab' --topic 'glass and wire'
    For few:      lanline rooms create '#board' --invite-only
                  lanline rooms invite '#board' ben
    In and out:   lanline rooms join '#lab'
                  lanline rooms leave '#lab'
    Who and what: lanline rooms names '#lab'
                  lanline rooms pins '#lab'

    \b
    Exit status: 0, 1 refused or not reached, 64 wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    if context.invoked_subcommand is not None:
        return

    from lanline.client.node.protocol import ListRooms, RoomsListed

    def work(call: NodeCall) -> tuple[tuple[RoomListing, ...], set[int], tuple[int, ...]]:
        view = call.follow()
        mine = {each.log for each in view.conversations if each.is_open}
        listed = call.ask(ListRooms())
        assert isinstance(listed, RoomsListed)
        return listed.rooms, mine, view.group.in_rsa

    listed, mine, in_rsa = at_server(home, timeout, work)
    if json:
        for room in listed:
            show_line(_json(room, room.log in mine, room.log in in_rsa))
    else:
        _show(listed, mine, in_rsa)


def _show(listed: tuple[RoomListing, ...], mine: set[int], in_rsa: tuple[int, ...]) -> None:
    from lanline.cli.admin.asking import show_table
    from lanline.client.view.rendering import listed_topic
    from lanline.model.rooms import Access

    rows = [
        (
            room.name,
            "yes" if room.log in mine else "",
            str(room.members),
            ("invite-only, suite rsa" if room.log in in_rsa else "invite-only")
            if room.access is Access.INVITE_ONLY
            else "",
            listed_topic(room),
            room.invited_by,
        )
        for room in listed
    ]
    show_table(("ROOM", "JOINED", "PEOPLE", "ACCESS", "TOPIC", "ASKED BY"), rows, "There are no rooms you may see.")


def _json(room: RoomListing, is_joined: bool, is_in_rsa: bool) -> str:
    import json

    value = {"name": room.name, "joined": is_joined, "people": room.members, "access": room.access.value}
    if is_in_rsa:
        value["suite"] = "rsa"
    if room.is_topic_plain:
        value["topic_sealed"] = False
    return json.dumps({**value, "topic": room.topic, "invited_by": room.invited_by})


@app.command()
def create(
    room: Room,
    topic: Annotated[str, typer.Option(help="What it is about.")] = "",
    invite_only: Annotated[bool, typer.Option("--invite-only", help="Only who is invited sees and joins it.")] = False,
    suite: SuiteOption = "",
    timeout: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Make a room; you are its owner.

    \b
    Open to all:   lanline rooms create '#lab' --topic 'glass and wire'
    For few:       lanline rooms create '#board' --invite-only
    With RSA keys: lanline rooms create '#lab' --suite rsa
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.client.node.protocol import CreateRoom
    from lanline.model.names import checked_room_name
    from lanline.model.rooms import Access, checked_topic

    name, about = checked_room_name(room), checked_topic(topic)
    in_rsa = is_rsa(suite)
    access = Access.INVITE_ONLY if invite_only or in_rsa else Access.OPEN
    at_server(home, timeout, lambda call: call.ask(CreateRoom(name, about, access, in_rsa)), with_group=in_rsa)
    show_line(f"{name} is there, and you are in it.")


@app.command()
def join(room: Room, timeout: TimeoutOption = DEFAULT_TIMEOUT_S, home: HomeOption = DEFAULT_HOME) -> None:
    """Join a room that is open, or that you are invited to.

    \b
    Example:   lanline rooms join '#lab'
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.client.node.protocol import JoinRoom
    from lanline.model.names import checked_room_name

    name = checked_room_name(room)
    at_server(home, timeout, lambda call: call.ask(JoinRoom(name)))
    show_line(f"You are in {name}.")


@app.command()
def leave(room: Room, timeout: TimeoutOption = DEFAULT_TIMEOUT_S, home: HomeOption = DEFAULT_HOME) -> None:
    """Leave a room. What was said stays readable on this device.

    \b
    Example:   lanline rooms leave '#lab'
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.client.node.protocol import LeaveRoom

    at_server(home, timeout, lambda call: call.ask(LeaveRoom(log_of(call.follow(), room))))
    show_line(f"You have left {room}.")


@app.command()
def invite(
    room: Room,
    nick: Annotated[str, typer.Argument(metavar="NICK", help="Whom.")],
    timeout: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Invite somebody into a room.

    In a private one of a group they are in at once.

    \b
    Example:   lanline rooms invite '#board' ben
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.client.node.protocol import Invite, ListMembers, MembersListed
    from lanline.errors import RefusalCode, RequestRefused

    def work(call: NodeCall) -> str:
        view = call.follow()
        person = view.person_named(nick)
        if person is None:
            raise RequestRefused(RefusalCode.UNKNOWN_PERSON, f"There is nobody called {nick} here.")
        log = log_of(view, room)
        call.ask(Invite(log, person.account))
        listed = call.ask(ListMembers(log))
        assert isinstance(listed, MembersListed)
        is_in = any(each.account == person.account and not each.is_invited for each in listed.members)
        return f"{person.name} is in {room} now." if is_in else f"{person.name} is invited to {room}."

    show_line(at_server(home, timeout, work))


def log_of(view: View, room: str) -> int:
    from lanline.errors import RefusalCode, RequestRefused
    from lanline.model.names import checked_room_name

    found = view.conversation_titled(checked_room_name(room))
    if found is None or not found.is_open:
        raise RequestRefused(RefusalCode.UNKNOWN_CONVERSATION, f"You are not in {room}.")
    return found.log
