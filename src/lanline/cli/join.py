"""`lanline join`."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.chathome import (
    DEFAULT_TIMEOUT_S,
    HomeOption,
    TimeoutOption,
    checked_timeout,
    home_folder,
    show_line,
    show_note,
)
from lanline.cli.running import DEFAULT_HOME, run

if TYPE_CHECKING:
    from lanline.client.chat.joining import Joined


def join(
    server: Annotated[str, typer.Argument(metavar="INVITE|HOST[:PORT]", help="The invite, or where the server is.")],
    name: Annotated[str, typer.Option(metavar="NICK", help="What the others call you.")],
    password_command: Annotated[
        str | None,
        typer.Option(metavar="COMMAND", help="A command whose first line of output is the password."),
    ] = None,
    timeout: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Join a server: make an account there, or add this device to yours.

    A nickname that is free becomes yours, with the password you choose. One that
    you have already wants its password, and this device is added to it. The
    password is asked for, or taken from LANLINE_PASSWORD; afterwards this device
    signs in with its own key.

    An invite carries the server's key. Without one the first key the server shows
    is trusted, and shown as words to compare.

    \b
    By invite:        lanline join lanline://10.0.0.5:5265/#k7…f2 --name ann
    An open server:   lanline join 10.0.0.5 --name ann
    From a script:    lanline join 10.0.0.5 --name bot \\
                        --password-command 'pass show lanline'
    Somebody else:    lanline join 10.0.0.5 --name ben --home ~/.lanline-ben

    \b
    Exit status: 0 joined, 1 refused or not reached, 64 wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.cli.password import confirm_password, is_asked_for, read_password
    from lanline.client.chat.joining import check_joinable, join_server

    limit_s = checked_timeout(timeout)
    folder = home_folder(home)
    check_joinable(folder, server, name)
    password = read_password(name, password_command)
    if is_asked_for(password_command):
        confirm_password(password)
    joined = run(join_server(folder, server, name, password, label=platform.node(), limit_s=limit_s), on_uvloop=False)
    _show(joined)


def _show(joined: Joined) -> None:
    server = joined.server
    title = f"{server.name} at {server.place}" if server.name else server.place
    done = "You are" if joined.is_new_account else "This device is now one of"
    show_line(f"{done} {joined.name} on {title}.")
    if joined.is_first_trusted and server.fingerprint is not None:
        from lanline.crypto.words import fingerprint_words

        words = fingerprint_words(server.fingerprint)
        show_line("No invite named the server's key, so the one it showed is trusted from now on.")
        show_line("Compare its words, by another way, with those that the server shows:")
        for start in range(0, len(words), 6):
            show_line("    " + " ".join(words[start : start + 6]))
    show_note("Talk: lanline chat")
