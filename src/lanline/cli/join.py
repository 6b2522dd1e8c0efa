"""`lanline join`."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.chathome import HomeOption, TimeoutOption
from lanline.cli.nodecall import DEFAULT_TIMEOUT_S, checked_timeout, home_folder, show_line, show_note
from lanline.cli.running import DEFAULT_HOME, run
from lanline.errors import InvalidInput, ServerKeyChanged

if TYPE_CHECKING:
    from lanline.client.joining import Joined


def join(
    server: Annotated[str, typer.Argument(metavar="INVITE|HOST[:PORT]", help="The invite, or where the server is.")],
    name: Annotated[str, typer.Option(metavar="NICK", help="What the others call you.")],
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

    A nickname that is free becomes yours, with the password you choose. One that
    you have already wants its password, and this device is added to it. The
    password is asked for, or taken from LANLINE_PASSWORD; afterwards this device
    signs in with its own key.

    An invite carries the server's key. Without one, the key that the server shows is
    put into words, and nothing is sent until you have said that they are right; in a
    script, --accept-key says it.

    \b
    By invite:        lanline join lanline://10.0.0.5:5265/#k7…f2 --name ann
    An open server:   lanline join 10.0.0.5 --name ann
    From a script:    lanline join 10.0.0.5 --name bot \\
                        --accept-key 'acorn actor …' \\
                        --password-command 'pass show lanline'
    Somebody else:    lanline join 10.0.0.5 --name ben --home ~/.lanline-ben

    \b
    Exit status: 0 joined, 1 refused or not reached, 64 wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.cli.password import check_askable, confirm_password, is_asked_for, read_password
    from lanline.client.joining import check_joinable, join_server
    from lanline.client.node.start import stop_node

    limit_s = checked_timeout(timeout)
    folder = home_folder(home)
    check_joinable(folder, server, name)
    if is_asked_for(password_command):
        check_askable()
        key = _accepted_key(folder, server, name, accept_key, limit_s)
        password = read_password(name, password_command)
        confirm_password(password)
    else:
        password = read_password(name, password_command)
        key = _accepted_key(folder, server, name, accept_key, limit_s)
    joining = join_server(folder, server, name, password, accepted_key=key, label=platform.node(), limit_s=limit_s)
    joined = run(joining, on_uvloop=False)
    stop_node(folder)  # one that runs calls the server where it was before
    _show(joined)


def _accepted_key(folder: Path, server: str, name: str, accept_key: str | None, limit_s: float) -> bytes | None:
    """None where it is known already. Raises InvalidInput, ServerKeyChanged, ServerUnreachable: nothing was sent."""
    from lanline.client.joining import meet_server

    key = run(meet_server(folder, server, name, limit_s), on_uvloop=False)
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
    if sys.stdin is None or not sys.stdin.isatty():
        raise InvalidInput(
            f"{server} shows a key with the words: {' '.join(words)}. Nobody is here to compare them, so nothing was "
            f"sent. If they are those that the server shows to whoever runs it, add --accept-key '{' '.join(words)}'."
        )
    show_line("No invite names this server's key. It shows one with these words:")
    show_words(words)
    show_line("Compare them, by another way, with those that the server shows to whoever runs it.")
    if input("Are they the same? (yes or no) ").strip().lower() not in {"y", "yes"}:
        raise InvalidInput("You did not accept the server's key. Nothing was sent.")
    return key


def _show(joined: Joined) -> None:
    server = joined.server
    title = f"{server.name} at {server.place}" if server.name else server.place
    done = "You are" if joined.is_new_account else "This device is now one of"
    show_line(f"{done} {joined.name} on {title}.")
    _show_group(joined)
    show_note("Talk: lanline chat")


def _show_group(joined: Joined) -> None:
    from lanline.client.joining import Group
    from lanline.crypto.words import words_of

    if joined.recovery is not None:
        show_recovery(joined.recovery)
    if joined.request is not None:
        show_line("An admin has to let you into its group, and until then you read nothing that is said there.")
        show_line("The admin runs lanline admit, and compares these words with you by another way:")
        show_words(words_of(joined.request))
    elif joined.problem and joined.group is not Group.IN:
        show_line(joined.problem)


def show_recovery(recovery: bytes) -> None:
    """Once, and never again: nothing keeps them."""
    from lanline.crypto.words import secret_words

    show_line("Write these words down. If this device is lost, only they prove that you are you:")
    show_words(secret_words(recovery))


def show_words(words: list[str]) -> None:
    for start in range(0, len(words), 6):
        show_line("    " + " ".join(words[start : start + 6]))
