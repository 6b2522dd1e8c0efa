"""`lanline report`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.chathome import HomeOption, TimeoutOption
from lanline.cli.nodecall import DEFAULT_TIMEOUT_S, at_server, show_line
from lanline.cli.running import DEFAULT_HOME
from lanline.errors import RefusalCode, RequestRefused

if TYPE_CHECKING:
    from lanline.client.node.call import NodeCall
    from lanline.client.node.protocol import Reported


def report(
    of: Annotated[str, typer.Argument(metavar="'#ROOM'|NICK", help="Where it was said.")],
    number: Annotated[int, typer.Argument(min=1, help="Which one: its 'sequence' in lanline log --json.")],
    reason: Annotated[list[str] | None, typer.Argument(metavar="[WORDS]", help="Why.")] = None,
    timeout: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Show a message to the admins, with what was said before it.

    They get it in private, with the words as you read them and, where the message was
    sealed, with proof of who said it.

    \b
    lanline report '#lab' 12 This is an insult.

    \b
    Exit status: 0, 1 when there is no such message or nobody to tell, 64 wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.client.chat.outbox import checked_destination
    from lanline.client.view.rendering import reported_text

    title, words = checked_destination(of), " ".join(reason or [])
    told = at_server(home, timeout, lambda call: _report(call, title, number, words))
    show_line(reported_text(told.admins, is_proven=told.is_proven))


def _report(call: NodeCall, title: str, number: int, words: str) -> Reported:
    from lanline.client.node.protocol import Reported, ReportMessage

    conversation = call.follow().conversation_titled(title)
    if conversation is None:
        raise RequestRefused(RefusalCode.UNKNOWN_CONVERSATION, f"There is no conversation {title} that you are in.")
    told = call.ask(ReportMessage(conversation.log, number, words))
    assert isinstance(told, Reported)
    return told
