"""`lanline start`: a group of one's own by one command: a server, an account on it, an invite for the others, the chat.

Owns the order of these. Not what each of them does: `serve`, `invite`, `join` and `chat` are commands of their own.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
import typer

from lanline.cli.chathome import HomeOption
from lanline.cli.folders import DEFAULT_DATA
from lanline.cli.nodecall import expanded, home_folder, show_line, tell_notice
from lanline.cli.ownserver import OwnServer, own_server
from lanline.cli.running import DEFAULT_HOME, run
from lanline.errors import InvalidInput, LanlineError, LinkError, RefusalCode, RequestRefused, StillQueued, StorageInUse
from lanline.wholefile import replace_whole

if TYPE_CHECKING:
    from lanline.client.chat.client import ChatClient
    from lanline.client.joining import Joined
    from lanline.model.invites import InviteLink
    from lanline.server.datafolder import DataFolder

T = TypeVar("T")

_LINK_FILE = "invite-of-start"
_USES = 100
_LIVES_S = 7 * 24 * 3600
_LEAST_LEFT_MS = 24 * 3600 * 1000
_OWN_LIVES_S = 3600
_OTHER_IS_READY_WITHIN_S = 30.0
_LOOK_EVERY_S = 0.2
_FOUNDED_WITHIN_S = 30.0


def start(
    name: Annotated[str | None, typer.Option(metavar="NICK", help="What the others call you.")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="UDP and TCP port of the server.", show_default="5265")
    ] = None,
    data: Annotated[
        Path, typer.Option(envvar="LANLINE_DATA", help="Folder for all that the server keeps.")
    ] = DEFAULT_DATA,
    home: HomeOption = DEFAULT_HOME,
    homes: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Ask for the name each time; every name has a home of its own in DIR."),
    ] = None,
    serves: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Start a server where none runs, or only use one that does.")
    ] = True,
) -> None:
    """Start a group: a server here, your account, the chat.

    It asks for your name, once. Run it again and it goes on where it was. A server
    that runs already is used, and stays; one that this command has started ends
    with it, and is started again when it was killed. Where there is no terminal it
    serves, as lanline serve does.

    \b
    On your own machine:  lanline start
    On another port:      lanline start --port 7000 --data ~/club

    \b
    Exit status: 0 when you leave, 75 when something that you said waits on this
    device, 1 when the server or the chat cannot begin, 64 for wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.cli.chat import chat_at_terminal
    from lanline.cli.confirming import is_terminal
    from lanline.cli.password import offer_password
    from lanline.server.datafolder import DataFolder

    folder = DataFolder(expanded(data, "--data"))
    if not is_terminal():
        _serve_only(folder.path, port)
        return
    with contextlib.suppress(KeyboardInterrupt):  # however a person leaves, it is no failure
        nick = _asked_name(name) if homes is not None or not _has_joined(home_folder(home)) else ""
        mine = home_folder(home if homes is None else homes / nick)
        if _has_joined(mine) and not _is_of(mine, folder):
            chat_at_terminal(mine)
            return
        unsent: StillQueued | None = None
        with _server(folder, port, mine, serves=serves) as own:
            is_new = _enter(folder, mine, nick)
            may_be_asked = False
            try:
                may_be_asked = chat_at_terminal(mine, own=own)
            except StillQueued as problem:
                unsent = problem
            if is_new and may_be_asked:
                offer_password(mine)
            if own is not None:
                show_line("Stopping the server …")
        # Another one may have taken the place of ours, once that was stopped.
        _say_how_to_go_on(folder.path, mine, is_stopped=own is not None and not _runs(folder))
        if unsent is not None:
            raise unsent


def _serve_only(data: Path, port: int | None) -> None:
    from lanline.cli.serve import serve

    serve(data=data, port=port)


def _has_joined(home: Path) -> bool:
    from lanline.client.pin import read_pin

    return read_pin(home) is not None


def _is_of(home: Path, folder: DataFolder) -> bool:
    from lanline.client.pin import joined_pin

    return folder.exists() and folder.read_fingerprint() == joined_pin(home).fingerprint


def _say_how_to_go_on(data: Path, home: Path, *, is_stopped: bool) -> None:
    if is_stopped:
        show_line("The server is stopped; nobody can reach it now. Again as before:  lanline start")
        show_line(f"For good, without you:    lanline serve{_unless_usual('--data', data, DEFAULT_DATA)}")
    show_line(f"The chat alone:           lanline chat{_unless_usual('--home', home, DEFAULT_HOME)}")


def _unless_usual(option: str, path: Path, usual: Path) -> str:
    return "" if path == usual.expanduser() else f" {option} {path}"


@contextlib.contextmanager
def _server(folder: DataFolder, port: int | None, home: Path, *, serves: bool) -> Iterator[OwnServer | None]:
    """None: it is not ours, and stays when we end."""
    if _runs(folder):
        _follow(home, folder)
        yield None
        return
    if not serves:
        raise LinkError(f"No server runs on {folder.path}. Start it: lanline serve --data {folder.path}")
    waits, go = os.pipe()
    node = threading.Thread(target=_start_node, args=(home, waits), daemon=True)
    with contextlib.ExitStack() as until_left:
        own = _started(folder, port, node, until_left)
        _follow(home, folder)
        os.close(go)
        node.join()
        yield own


def _started(
    folder: DataFolder, port: int | None, node: threading.Thread, until_left: contextlib.ExitStack
) -> OwnServer | None:
    """None: another one was, in the same moment."""
    limit = time.monotonic() + _OTHER_IS_READY_WITHIN_S
    while True:
        try:
            return until_left.enter_context(own_server(folder, port, lambda: _load_chat(node)))
        except StorageInUse:
            if time.monotonic() > limit:
                raise
            time.sleep(_LOOK_EVERY_S)
            if _runs(folder):
                return None


def _runs(folder: DataFolder) -> bool:
    """One that was killed has left word of itself, too: so it is asked."""
    if not folder.exists() or folder.read_running() is None:
        return False
    try:
        _ask(folder, _nothing)
    except LanlineError:
        return False
    return True


def _follow(home: Path, folder: DataFolder) -> None:
    """The address of this machine may be another one today, as that of a laptop is."""
    from lanline.client.node.start import stop_node
    from lanline.client.pin import read_pin, write_pin

    pin, running = read_pin(home), folder.read_running()
    if pin is None or running is None or (pin.host, pin.port) == (running.public_host, running.public_port):
        return
    write_pin(home, msgspec.structs.replace(pin, host=running.public_host, port=running.public_port))
    stop_node(home, begins_anew=True)  # one that runs calls the server where it was before


async def _nothing(_client: ChatClient) -> None:
    """To be let in says enough."""


def _load_chat(node: threading.Thread) -> None:
    """Beside the server, whose start takes as long."""
    if node.ident is None:
        node.start()
    import lanline.client.chat.client
    import lanline.faces.chat.terminalchat  # noqa: F401


def _start_node(home: Path, waits: int) -> None:
    """It loads meanwhile, and calls the server when the pipe has ended."""
    from lanline.client.node.start import START_COMMAND, NodeStart

    os.set_inheritable(waits, True)
    with contextlib.suppress(LanlineError, OSError):  # the chat will say it
        if _has_joined(home):
            node = NodeStart(home, (*START_COMMAND, "--after", str(waits)))
            node.connect().close()
            tell_notice(node)


# The person.


def _asked_name(name: str | None) -> str:
    from lanline.model.names import checked_name

    if name is not None:
        return checked_name(name)
    while True:
        try:
            return checked_name(input("Your name: ").strip())
        except EOFError:
            raise KeyboardInterrupt from None
        except InvalidInput as problem:
            show_line(str(problem))


def _enter(folder: DataFolder, home: Path, nick: str) -> bool:
    """Makes the account where this home is nobody yet, and shows the invite. Whether it made one."""
    is_new = not _has_joined(home)
    if is_new:
        joined = _join(home, _ask(folder, lambda client: _own_link(client, folder)), nick)
        _show_group(folder, home, joined)
    others = _ask(folder, lambda client: _kept_link(client, folder)) or _new_others_link(folder, home)
    if is_new:
        from lanline.cli.qr import fitting_code

        if code := fitting_code(str(others)):
            show_line("\nThe others come in by this code, read by a telephone that sends them its text:\n")
            show_line(code)
    show_line("\nThe others come in with this line:\n")
    show_line(f"  lanline chat --server '{others}'\n")
    show_line("In a clone of Lanline:  make run ARGS=\"chat --server 'THAT-LINK'\"\n")
    return is_new


def _join(home: Path, link: InviteLink, nick: str) -> Joined:
    from lanline.client.joining import join_server

    while True:
        try:
            joined = run(join_server(home, str(link), nick, ""), on_uvloop=False)
        except RequestRefused as problem:
            if problem.code not in (RefusalCode.NAME_TAKEN, RefusalCode.INVALID):
                raise
            is_taken = problem.code is RefusalCode.NAME_TAKEN
            show_line(f"The name {nick} is taken on this server. Choose another one." if is_taken else str(problem))
            nick = _asked_name(None)
        else:
            return joined


def _show_group(folder: DataFolder, home: Path, joined: Joined) -> None:
    """Whoever started in the same moment as the founder comes in by the founder's link, which is there in a moment."""
    from lanline.client.joining import Group, expect_group, group_lines, note_recovery_shown
    from lanline.model.invites import MEMBERS_TOKEN_BYTES

    may_be_founded = joined.group is Group.ASKS or not (folder.path / _LINK_FILE).exists()
    limit = time.monotonic() + _FOUNDED_WITHIN_S
    while joined.group is not Group.IN and may_be_founded and time.monotonic() < limit:
        kept = _ask(folder, lambda client: _kept_link(client, folder))
        if kept is not None and len(kept.token) == MEMBERS_TOKEN_BYTES:
            expect_group(home, kept.token)
            return
        time.sleep(_LOOK_EVERY_S)
    show_line("")
    for line in group_lines(joined):
        show_line(line)
    note_recovery_shown(home)


# Invites, and what is asked as the operator, whose key lies in the server's folder.


def _ask(folder: DataFolder, work: Callable[[ChatClient], Coroutine[Any, Any, T]]) -> T:
    from lanline.cli.admin.asking import ask_server, way_to_server

    return ask_server(way_to_server(folder.path), work)


async def _own_link(client: ChatClient, folder: DataFolder) -> InviteLink:
    """For the person at this machine, who is the admin if nobody is there yet."""
    from lanline.cli.admin.asking import answer
    from lanline.model.invites import MEMBERS_TOKEN_BYTES
    from lanline.wire.chat.admin import ListUsers, Users

    kept = await _kept_link(client, folder)
    if kept is not None and len(kept.token) == MEMBERS_TOKEN_BYTES:
        return kept
    is_first = not (await answer(client, ListUsers(1), Users)).users
    return await _new_link(client, folder, 1, _OWN_LIVES_S, grants_admin=is_first)


def _new_others_link(folder: DataFolder, home: Path) -> InviteLink:
    """Of the group, where this home is in it and may invite: whoever comes by it reads at once."""
    from lanline.cli.admin.asking import ask_group
    from lanline.errors import NotInGroup

    async def make(client: ChatClient) -> bytes:
        member = client.node.seals.member
        assert member is not None
        return await member.changes.make_invite(_USES, _LIVES_S * 1000)

    try:
        link = _link(folder, ask_group(home, make))
    except (NotInGroup, RequestRefused):
        link = _ask(folder, lambda client: _new_link(client, folder, _USES, _LIVES_S, grants_admin=False))
    with contextlib.suppress(OSError):  # then the next start makes another one
        replace_whole(folder.path / _LINK_FILE, f"{link}\n".encode())
    return link


async def _kept_link(client: ChatClient, folder: DataFolder) -> InviteLink | None:
    """The one that was shown at the last start, as long as it is good for another day, and leads here."""
    from lanline.cli.admin.asking import answer
    from lanline.client.sealing.ownentries import shown_of
    from lanline.model.invites import InviteLink, invite_token_hash
    from lanline.wire.chat.admin import Invites, ListInvites

    try:
        link = InviteLink.parse((folder.path / _LINK_FILE).read_text().strip())
    except (OSError, UnicodeDecodeError, InvalidInput):
        return None
    if link != _link(folder, link.token):
        return None
    now_ms, token_hash = time.time() * 1000, invite_token_hash(shown_of(link.token))
    for each in (await answer(client, ListInvites(1), Invites)).invites:
        is_good = each.expires_ms is None or each.expires_ms > now_ms + _LEAST_LEFT_MS
        if each.token_hash == token_hash and each.uses_left and is_good:
            return link
    return None


async def _new_link(
    client: ChatClient, folder: DataFolder, uses: int, lifetime_s: int, *, grants_admin: bool
) -> InviteLink:
    from lanline.cli.admin.asking import answer
    from lanline.wire.chat.admin import InviteMade, MakeInvite

    return _link(folder, (await answer(client, MakeInvite(1, uses, lifetime_s, grants_admin), InviteMade)).token)


def _link(folder: DataFolder, token: bytes) -> InviteLink:
    from lanline.cli.admin.asking import way_to_server
    from lanline.model.invites import InviteLink

    way = way_to_server(folder.path)
    return InviteLink(way.public_host, way.public_port, way.fingerprint, token)
