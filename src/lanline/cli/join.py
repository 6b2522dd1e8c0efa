"""`lanline join`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.chathome import HomeOption, TimeoutOption
from lanline.cli.confirming import agreed, can_ask
from lanline.cli.nodecall import DEFAULT_TIMEOUT_S, checked_timeout, home_folder, show_line, show_note, unlock
from lanline.cli.running import DEFAULT_HOME, run
from lanline.errors import InvalidInput, InviteUnusable, RequestRefused, ServerKeyChanged

if TYPE_CHECKING:
    from lanline.client.joining import Joined, Patience


def join(
    server: Annotated[str, typer.Argument(metavar="INVITE|HOST[:PORT]", help="The invite, or where the server is.")],
    name: Annotated[
        str,
        typer.Option(
            metavar="NICK",
            help="What the others call you. Not needed with a link of your own device.",
            show_default=False,
        ),
    ] = "",
    password_command: Annotated[
        str | None,
        typer.Option(metavar="COMMAND", help="A command whose first line of output is the password."),
    ] = None,
    accept_key: Annotated[
        str | None,
        typer.Option(metavar="WORDS", help="Without an invite: the words of the key that the server has to show."),
    ] = None,
    timeout: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Join a server, or add this device to your account.

    A link that lanline devices add has shown on one of your devices makes this one
    yours too; no name is needed. With an invite, a nickname that is free becomes yours: this device signs in with
    its own key; on an open server without an invite too. A password is needed to add a
    device to an account. It is asked for, or taken from LANLINE_PASSWORD.

    An invite carries the server's key. Without one, the key that the server shows is
    put into words, and nothing is sent until you have said that they are right; in a
    script, --accept-key says it.

    \b
    A further device: lanline join lanline://10.0.0.5:5265/#k7…f2
    By invite:        lanline join lanline://10.0.0.5:5265/#k7…f2 --name ann
    An open server:   lanline join 10.0.0.5 --name ann
    It has moved:     lanline join 10.0.0.6
    From a script:    lanline join 10.0.0.5 --name bot \\
                        --accept-key 'acorn actor …' \\
                        --password-command 'pass show lanline'
    Somebody else:    lanline join 10.0.0.5 --name ben --home ~/.lanline-ben

    \b
    Exit status: 0 joined, 1 refused or not reached, 64 wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.cli.confirming import is_terminal
    from lanline.cli.password import NOBODY, is_asked_for, read_password
    from lanline.client.joining import OPENED_BY_PASSWORD, checked_server, is_for_device, join_server
    from lanline.client.node.start import stop_node
    from lanline.client.pin import read_pin

    limit_s = checked_timeout(timeout)
    folder = home_folder(home)
    known = read_pin(folder)
    if not name and known is not None and not is_for_device(server):
        name = known.nick  # the server has moved
    if not name and not is_for_device(server):
        raise InvalidInput("What are the others to call you? Add --name NICK")
    unlock(home)
    checked_server(folder, server, name)
    password = "" if is_asked_for(password_command) else read_password(name, password_command)
    key = accepted_key(folder, server, name, accept_key, limit_s)

    def join_with(password: str) -> Joined:
        joining = join_server(
            *(folder, server, name, password),
            accepted_key=key,
            patience=patience_of(limit_s),
        )
        return run(joining, on_uvloop=False)

    try:
        joined = join_with(password)
    except RequestRefused as problem:
        if password or not name or problem.code not in OPENED_BY_PASSWORD:
            raise
        if not is_terminal():
            raise RequestRefused(problem.code, f"{problem} {NOBODY}") from None
        show_note(str(problem))
        joined = join_with(read_password(name, None))
    stop_node(folder, begins_anew=True)  # one that runs calls the server where it was before
    _show(joined, folder)
    if joined.is_left_out:
        raise InviteUnusable(joined.problem)
    show_note("Talk: lanline chat")
    if joined.is_new_account and not password:
        show_note("To come in from another device too, set a password: lanline password")


def patience_of(limit_s: float, tell: Callable[[str], None] = show_note) -> Patience:
    from lanline.client.joining import Patience

    again = f"Is the server running, and is this its address? It is called again, for {limit_s:g} seconds."
    return Patience(limit_s, lambda problem: tell(f"{str(problem).rstrip('.')}. {again}"))


def accepted_key(folder: Path, server: str, name: str, accept_key: str | None, limit_s: float) -> bytes | None:
    """None where it is known already. Raises InvalidInput, ServerKeyChanged, ServerUnreachable: nothing was sent."""
    from lanline.client.joining import in_lines, meet_server

    key = run(meet_server(folder, server, name, patience_of(limit_s)), on_uvloop=False)
    if key is None:
        return None
    from lanline.crypto.words import fingerprint_words

    words = fingerprint_words(key)
    if accept_key is not None:
        if accept_key.lower().replace("-", " ").split() != words:
            raise ServerKeyChanged(
                f"{server} shows another key than --accept-key names; its words are: {' '.join(words)}. "
                "Nothing was sent. Ask whoever runs the server which words are right."
            )
        return key
    if not can_ask():
        raise InvalidInput(
            f"{server} shows a key with the words: {' '.join(words)}. Nobody is here to compare them, so nothing was "
            f"sent. If they are those that the server shows to whoever runs it, add --accept-key '{' '.join(words)}'."
        )
    show_line("No invite names this server's key. It shows one with these words:")
    for line in in_lines(words):
        show_line(line)
    show_line("Compare them, by another way, with those that the server shows to whoever runs it.")
    if not agreed("Are they the same?"):
        raise InvalidInput("You did not accept the server's key. Nothing was sent.")
    return key


def _show(joined: Joined, folder: Path) -> None:
    from lanline.client.joining import group_lines, note_recovery_shown

    server = joined.server
    title = f"{server.name} at {server.place}" if server.name else server.place
    done = "You are" if joined.is_new_account else "This device is now one of"
    show_line(f"{done} {joined.name} on {title}.")
    for line in [] if joined.is_left_out else group_lines(joined):
        show_line(line)
    note_recovery_shown(folder)
    if joined.code is not None and sys.stdout is not None and sys.stdout.isatty():
        from lanline.cli.qr import qr_code

        show_line(qr_code(joined.code))
