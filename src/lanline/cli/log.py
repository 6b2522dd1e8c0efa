"""`lanline log`."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.chathome import HomeOption, JsonOption, TimeoutOption
from lanline.cli.nodecall import DEFAULT_TIMEOUT_S, checked_timeout, node_call, show_line, show_note
from lanline.cli.running import DEFAULT_HOME
from lanline.errors import InvalidInput, LanlineError, RequestRefused

if TYPE_CHECKING:
    from lanline.client.node.call import NodeCall
    from lanline.client.view.values import Conversation, Message
    from lanline.client.view.view import Change, View

_AT_ONCE = 1000
_LAST = 20


def log(
    of: Annotated[str, typer.Argument(metavar="'#ROOM'|NICK", help="Which conversation.")],
    last: Annotated[
        int | None,
        typer.Option("--last", "-n", min=0, max=1_000_000, help="How many messages.", show_default="20; all set aside"),
    ] = None,
    set_aside: Annotated[
        bool, typer.Option("--set-aside", help="What a restored server has lost, and nobody has brought back.")
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl+C.")] = False,
    json: JsonOption = False,
    timeout: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Show what was said in a room or with a person.

    What the server has is fetched first, and counts as read once it is shown.
    When the server cannot be reached, what this device has kept is shown, and a
    line on standard error says so.

    \b
    The last 20:    lanline log '#lab'
    A watcher:      lanline log '#lab' --last 0 --follow
    For a script:   lanline log ben --json | jq -a .text

    \b
    Exit status: 0, 1 when there is no such conversation, 64 wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.client.chat.outbox import checked_destination
    from lanline.client.view.values import ENDED_MARK

    limit_s = checked_timeout(timeout)
    title = of if of.endswith(ENDED_MARK) else checked_destination(of)
    with node_call(home) as call:
        problem = _wait_ready(call, limit_s, is_patient=follow)
        view = call.follow(is_there=follow)
        shown = _Shown(call, json)
        if view.is_connected and view.problem:
            show_note(view.problem)
        if set_aside:
            shown.show_lost(title, last)
            return
        conversation = view.conversation_titled(title) or view.conversation_titled(f"{title}{ENDED_MARK}")
        if conversation is None:
            raise _nothing_of(view, title, is_online=not problem)
        conversation = shown.show_kept(conversation.log, _LAST if last is None else last, limit_s, goes_on=follow)
        if follow and not conversation.is_open:
            show_note(f"You are no longer in {conversation.title}, so nothing more comes.")
        elif follow:
            shown.go_on(conversation.log)


def _wait_ready(call: NodeCall, limit_s: float, *, is_patient: bool) -> str:
    """Why it is not connected, which is told; who only looks does not wait for a second try, and is no less shown what
    is kept where the server lets this device in no more.
    """
    from lanline.client.node.protocol import Ready, WaitCaughtUp, WaitReady

    try:
        ready = call.ask(WaitReady(limit_s, is_patient=is_patient))
    except RequestRefused as problem:
        if is_patient:
            raise
        ready = Ready(str(problem))
    assert isinstance(ready, Ready)
    if ready.problem:
        show_note(f"Not connected ({ready.problem.rstrip('.')}): what follows is what this device has kept.")
    else:
        call.ask(WaitCaughtUp(limit_s))
    return ready.problem


def _nothing_of(view: View, title: str, *, is_online: bool) -> LanlineError:
    from lanline.errors import RefusalCode, RequestRefused

    if title.startswith("#"):
        return RequestRefused(RefusalCode.UNKNOWN_CONVERSATION, f"You are not in {title}, or there is no such room.")
    if view.person_named(title) is None and is_online:
        return RequestRefused(RefusalCode.UNKNOWN_PERSON, f"There is nobody called {title} here.")
    return RequestRefused(RefusalCode.UNKNOWN_CONVERSATION, f"Nothing was said with {title} yet.")


class _Shown:
    """What was printed of a conversation, each message once."""

    def __init__(self, call: NodeCall, json: bool) -> None:
        self._call = call
        self._view = call.view
        self._as_json = json
        self._why_silent = call.view.problem
        self._since = self._through = 0
        """The first message that was shown, and the last."""

    def show_lost(self, title: str, last: int | None) -> None:
        """All of it where no number is given: what is lost since one backup is seldom much."""
        from lanline.client.node.protocol import LostMessages, ReadLost

        lost = self._call.ask(ReadLost(title))
        assert isinstance(lost, LostMessages)
        for each in lost.messages[max(0, len(lost.messages) - last) if last is not None else 0 :]:
            show_line(self._line(each.message, each.name))

    def show_kept(self, log: int, last: int, limit_s: float, *, goes_on: bool) -> Conversation:
        """As their authors have edited them by now; a program gets what was said.

        One's own that is ahead of others' words is shown here only when nothing follows.
        """
        from lanline.client.node.protocol import Page, Read
        from lanline.client.view.edits import folded

        page = self._call.ask(Read(log, last, limit_s=limit_s))
        assert isinstance(page, Page)
        for change in self._call.answered_changes():
            self._note(change)
        self._through = page.conversation.delivered
        self._since = page.messages[0].sequence if page.messages else self._through + 1
        self._view.keep(log, page.messages)
        said = [message for message in page.messages if message.is_said]
        for message in said if self._as_json else folded(said):
            if message.sequence <= self._through or not goes_on:
                show_line(self._line(message, ""))
        if page.conversation.is_open:
            self._view.mark_read(log, self._through)
        return page.conversation

    def _line(self, message: Message, name: str) -> str:
        from lanline.client.moments import minute_text
        from lanline.client.view.rendering import message_json, rendered
        from lanline.client.view.values import MessageState

        if self._as_json:
            return message_json(self._view, message, name)
        is_waiting = message.state in {MessageState.QUEUED, MessageState.REFUSED}
        problem = f": {message.problem}" if message.problem else ""
        mark = f"  [{message.state.value}{problem}]" if is_waiting else problem and f"  [not brought back{problem}]"
        text = str(rendered(self._view, message, name, has_quotes=not name)).replace("\n", "\n    ")
        return f"{minute_text(message.time_ms, time.time_ns() // 1_000_000)}  {text}{mark}"

    def go_on(self, log: int) -> None:
        from lanline.client.node.protocol import error_of
        from lanline.client.view.events import ConversationClosed, CopyParted, EntriesOpened, EntriesReceived
        from lanline.client.view.view import Snapshot

        while True:
            if self._view.ended is not None:
                raise error_of(self._view.ended)
            sys.stdout.flush()
            change = self._call.next_change()
            match change:
                case EntriesReceived(of, messages) if of == log:
                    self._show_all(log, messages)
                case EntriesOpened(of, messages) if of == log:
                    self._show_opened(messages)
                case Snapshot():
                    self._show_missed(log)
                case CopyParted(of, through) if of == log:
                    self._through = min(self._through, through)  # a restored server gives the numbers to others
                case ConversationClosed(of, title, reason) if of == log:
                    raise InvalidInput(f"{title} is closed to you: {reason}")
                case _:
                    self._note(change)

    def _note(self, change: Change) -> None:
        from lanline.client.view.events import Warned
        from lanline.client.view.rendering import alarm_json

        if self._as_json and isinstance(change, Warned):
            show_line(alarm_json(change))
        elif not (isinstance(change, Warned) and change.text == self._why_silent):
            _note(change)

    def _show_missed(self, log: int) -> None:
        """The node has ended and is there again, or this program was too slow for it."""
        from lanline.client.node.protocol import Page, Read
        from lanline.client.view.view import held_through

        if (known := self._view.conversation(log)) is not None:
            self._through = min(self._through, held_through(self._view, known))
        while True:
            page = self._call.ask(Read(log, _AT_ONCE, after=self._through))
            assert isinstance(page, Page)
            self._through = min(self._through, page.conversation.delivered)  # a restored server has less
            if not page.messages:
                break
            self._show_all(log, page.messages)
        if not page.conversation.is_open:
            raise InvalidInput(f"{page.conversation.title} is closed to you.")

    def _show_opened(self, messages: tuple[Message, ...]) -> None:
        """What was shown as not to be read."""
        for message in messages:
            if self._since <= message.sequence <= self._through and message.is_said:
                show_line(self._line(message, ""))

    def _show_all(self, log: int, messages: tuple[Message, ...]) -> None:
        new = [message for message in messages if message.sequence > self._through]
        if new and (missed := new[0].sequence - self._through - 1):
            show_note(f"{missed:,} messages came before these, and are not on this device.")
        for message in new:
            if message.is_said:
                show_line(self._line(message, ""))
            self._through = message.sequence
        self._view.mark_read(log, self._through)


def _note(change: Change) -> None:
    from lanline.client.view.events import ConnectionLost, ServerRestored, ServerSaid, Warned

    match change:
        case ServerRestored(text) | ServerSaid(text) | Warned(text):
            show_note(text)
        case ConnectionLost(reason, is_own_doing=True):
            show_note(reason)
        case ConnectionLost(reason, is_refused=True):
            show_note(f"Connection lost: {reason}")
        case ConnectionLost(reason, is_for_good=False):
            show_note(f"Connection lost ({reason.rstrip('.')}); calling again.")
        case _:
            pass
