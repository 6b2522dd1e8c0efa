"""`lanline log`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.chathome import (
    DEFAULT_TIMEOUT_S,
    HomeOption,
    JsonOption,
    TimeoutOption,
    checked_timeout,
    home_folder,
    show_line,
    show_note,
)
from lanline.cli.running import DEFAULT_HOME, run
from lanline.errors import InvalidInput, LanlineError

if TYPE_CHECKING:
    from lanline.client.chat.client import ChatClient
    from lanline.client.chat.events import NodeEvent
    from lanline.client.chat.values import Conversation, Message

_MOST_AT_ONCE = 1000


def log(
    of: Annotated[str, typer.Argument(metavar="'#ROOM'|NICK", help="Which conversation.")],
    last: Annotated[int, typer.Option("--last", "-n", min=0, max=1_000_000, help="How many messages.")] = 20,
    set_aside: Annotated[
        bool, typer.Option("--set-aside", help="What a server that was restored from a backup has lost.")
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
    For a script:   lanline log ben --json | jq -r .text

    \b
    Exit status: 0, 1 when there is no such conversation, 64 wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    limit_s = checked_timeout(timeout)
    if set_aside:
        run(_show_aside(home_folder(home), of, json, limit_s), on_uvloop=False)
    else:
        run(_work(home_folder(home), of, last, follow, json, limit_s), on_uvloop=False)


async def _work(folder: Path, of: str, last: int, follows: bool, json: bool, limit_s: float) -> None:
    from lanline.client.chat.client import ChatClient
    from lanline.client.chat.outbox import checked_destination

    title = checked_destination(of)
    async with ChatClient.at_home(folder) as client:
        client.subscribe(_tell_restored)
        before: list[NodeEvent] = []
        end_watching = client.subscribe(before.append)
        is_online = await _is_connected(client, limit_s, waits=follows)
        conversation = client.node.conversation_titled(title)
        if conversation is None:
            raise _nothing_of(client, title, is_online)
        if is_online and conversation.is_open:
            await _catch_up(client, conversation.log, last, limit_s)
        shown = _Shown(client, json)
        shown.show_kept(client.node.messages(conversation.log, last=last) if last else [])
        end_watching()
        if is_online:
            shown.mark_read(conversation.log)
        if follows and not conversation.is_open:
            show_note(f"You are no longer in {conversation.title}, so nothing more comes.")
        elif follows:
            await _go_on(client, conversation.log, shown, before)


async def _show_aside(folder: Path, of: str, json: bool, limit_s: float) -> None:
    """All of it: what is lost since one backup is seldom much."""
    from lanline.cli.spoken import message_json, message_lines
    from lanline.client.chat.client import ChatClient
    from lanline.client.chat.outbox import checked_destination

    title = checked_destination(of)
    async with ChatClient.at_home(folder) as client:
        if await _is_connected(client, limit_s, waits=False):
            conversation = client.node.conversation_titled(title)
            if conversation is not None and conversation.is_open:
                await _catch_up(client, conversation.log, 0, limit_s)
        for name, message in client.node.set_aside(title):
            show_line((message_json if json else message_lines)(message, client.node, name))


def _tell_restored(event: NodeEvent) -> None:
    from lanline.client.chat.events import ServerRestored, ServerSaid

    if isinstance(event, ServerRestored | ServerSaid):
        show_note(event.text)


def _nothing_of(client: ChatClient, title: str, is_online: bool) -> LanlineError:
    from lanline.errors import RefusalCode, RequestRefused

    if title.startswith("#"):
        return RequestRefused(RefusalCode.UNKNOWN_CONVERSATION, f"You are not in {title}, or there is no such room.")
    if client.node.person_named(title) is None and is_online:
        return RequestRefused(RefusalCode.UNKNOWN_PERSON, f"There is nobody called {title} here.")
    return RequestRefused(RefusalCode.UNKNOWN_CONVERSATION, f"Nothing was said with {title} yet.")


async def _is_connected(client: ChatClient, limit_s: float, *, waits: bool) -> bool:
    """Otherwise it is told; who only looks does not wait for a second call."""
    from lanline.client.chat.session import NodeState

    def is_decided() -> bool:
        return client.node.state is NodeState.SYNCHRONIZED or (bool(client.failed_calls) and not waits)

    await client.wait_until(is_decided, limit_s)
    if client.node.state is NodeState.SYNCHRONIZED:
        return True
    show_note(f"Not connected ({client.last_problem.rstrip('.')}): what follows is what this device has kept.")
    return False


async def _catch_up(client: ChatClient, log: int, last: int, limit_s: float) -> None:
    from lanline.client.chat.events import CaughtUp, EarlierReceived

    arrived: list[NodeEvent] = []

    def watch(event: NodeEvent) -> None:
        if isinstance(event, CaughtUp | EarlierReceived) and event.log == log:
            arrived.append(event)

    end_watching = client.subscribe(watch)

    def is_here() -> bool:
        found = client.node.conversation(log)
        return found is not None and found.delivered >= found.head

    await client.wait_until(is_here, limit_s)
    while (missing := _missing(client.node.conversation(log), last)) > 0:
        arrived.clear()
        client.node.read_earlier(log, min(missing, _MOST_AT_ONCE))
        if not await client.wait_until(lambda: bool(arrived), limit_s) or not _brought(arrived[0]):
            break
    end_watching()


def _missing(conversation: Conversation | None, last: int) -> int:
    """How many that the server has are wanted and not here."""
    if conversation is None:
        return 0
    return min(conversation.first, last - (conversation.delivered - conversation.first))


def _brought(event: object) -> bool:
    return bool(getattr(event, "messages", ()))


class _Shown:
    def __init__(self, client: ChatClient, json: bool) -> None:
        from lanline.cli.spoken import message_json, message_lines

        self._client = client
        self._is_raw = json
        self._write = message_json if json else message_lines
        self._through = 0

    def show_kept(self, messages: list[Message]) -> None:
        """As their authors wish by now; a program gets what was said."""
        from lanline.client.chat.wishes import as_wished

        for message in messages if self._is_raw else as_wished(messages):
            self.show(message)

    def show(self, message: Message) -> None:
        """Once each: what is queued has no place yet, and is shown for what it is."""
        if message.sequence and message.sequence <= self._through:
            return
        self._through = max(self._through, message.sequence)
        show_line(self._write(message, self._client.node))

    def forget_after(self, through: int) -> None:
        """A restored server gives these numbers to others."""
        self._through = min(self._through, through)

    def mark_read(self, log: int) -> None:
        self._client.node.mark_read(log, self._through)


async def _go_on(client: ChatClient, log: int, shown: _Shown, before: list[NodeEvent]) -> None:
    """What happened before the first lines were shown is in them."""
    import sys

    from lanline.client.chat.events import ConnectionLost, ConversationClosed, CopyParted, EntriesReceived

    sys.stdout.flush()
    for _ in before:
        await client.next_event()
    while True:
        match await client.next_event_or_end():
            case EntriesReceived(of, messages) if of == log:
                for message in messages:
                    shown.show(message)
                sys.stdout.flush()
                shown.mark_read(log)
            case CopyParted(of, through) if of == log:
                shown.forget_after(through)
            case ConnectionLost(reason, is_for_good=False):
                show_note(f"Connection lost ({reason.rstrip('.')}); calling again.")
            case ConversationClosed(of, title, reason) if of == log:
                raise InvalidInput(f"{title} is closed to you: {reason}")
            case _:
                pass
