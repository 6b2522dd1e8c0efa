"""`lanline verify`."""

from __future__ import annotations

from typing import Annotated

import typer

from lanline.cli.admin.asking import say, show_json
from lanline.cli.chathome import HomeOption, JsonOption, TimeoutOption
from lanline.cli.confirming import agreed, can_ask
from lanline.cli.nodecall import DEFAULT_TIMEOUT_S, at_server
from lanline.cli.running import DEFAULT_HOME
from lanline.errors import RefusalCode, RequestRefused

_ACCEPTED = "What you say to {} goes to that account from now on."


def verify(
    name: Annotated[str, typer.Argument(metavar="NICK", help="With whom to compare words.")],
    words: Annotated[
        str | None,
        typer.Option(metavar="WORDS", help="The words that the other person sees, to be compared here: for scripts."),
    ] = None,
    accept: Annotated[bool, typer.Option("--accept", help="Accept that another account has this name now.")] = False,
    qr: Annotated[bool, typer.Option("--qr", help="Show the words as a QR code too.")] = False,
    json: JsonOption = False,
    timeout: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Compare words with somebody, to be sure who they are.

    Both of you see the same twenty words. Compare them, but not over this server:
    read them aloud, by phone for example, or show the QR code. It is not needed
    with somebody who came by an invite of a member.

    \b
    Show them, and be asked:  lanline verify ben
    From a script:            lanline verify ben --words 'acorn actor …'
    Another account of ben's: lanline verify ben --accept
    A room of which the server shows what does not hold: lanline verify '#board' --accept

    \b
    Exit status: 0, 1 refused or not the same, 64 wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.client.joining import in_lines
    from lanline.client.node import groupcommands as do

    if accept:
        at_server(home, timeout, lambda call: call.ask(do.AcceptPerson(name)))
        say(f"What you say in {name} is sent again." if name.startswith("#") else _ACCEPTED.format(name))
        return
    found = at_server(home, timeout, lambda call: call.ask(do.AskWords(name)))
    assert isinstance(found, do.WordsToCompare)
    shown = found.text.split()
    if words is not None:
        if words.lower().replace("-", " ").split() != shown:
            raise RequestRefused(
                RefusalCode.BAD_CREDENTIALS,
                f"These are not the words with {name}. Somebody may pretend to be {name}: nothing was noted.",
            )
        agrees = True
    elif json:
        show_json({"name": name, "words": " ".join(shown), "trust": found.trust})
        return
    else:
        say(f"{name}: {found.trust}. Both of you see these words, unless somebody has replaced a key:")
        for line in in_lines(shown):
            say(line)
        if qr:
            from lanline.cli.qr import qr_code

            say(qr_code(" ".join(shown)))
        agrees = can_ask() and agreed("Do they see the same?")
    if agrees:
        at_server(home, timeout, lambda call: call.ask(do.Verify(name, found.words)))
        say(f"{name} is verified by words.")
