"""Owns what a face sees of an account: people, conversations, the newest messages of each, what waits, and the link.

Not how it is shown, nor where it comes from: it is told the changes, one by one, and asks for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from lanline.client.view import events
from lanline.client.view.events import NodeEvent
from lanline.client.view.values import (
    Conversation,
    GroupFacts,
    Message,
    MessageState,
    NodeState,
    Notifying,
    Person,
    state_at,
)
from lanline.errors import LanlineError, RequestRefused
from lanline.model.names import folded_name
from lanline.model.text import safe_text

MAX_KEPT = 500
"""Of the newest messages of each conversation; what is older is asked for."""


class Problem(msgspec.Struct, frozen=True):
    """Why calling the server has ended for good."""

    kind: str
    """The class of the error, in `errors`."""
    text: str
    code: int = 0
    retry_after_s: float = 0.0


class Snapshot(msgspec.Struct, frozen=True, tag=True):
    """All of the view at one moment; the changes that follow are changes of this."""

    account: int
    name: str
    server_name: str
    server_place: str
    is_admin: bool
    state: NodeState
    problem: str
    failed_calls: int
    ended: Problem | None
    catching_up: tuple[int, ...] | None
    entered: tuple[int, ...]
    """Logs that are new to this device, and of which nobody has read anything here yet."""
    people: tuple[Person, ...]
    conversations: tuple[Conversation, ...]
    recent: tuple[tuple[Message, ...], ...]
    """Of each conversation, in the same order: what is unread, and some of what was read before."""
    outbox: tuple[Message, ...]
    server_history: str = ""
    """Another one once an older state of the server's data was put back; empty before the first sign-in ever."""
    group: GroupFacts = GroupFacts()
    invitations: tuple[events.InvitedToRoom, ...] = ()
    """Of which nobody was told on this device yet."""
    ignored: tuple[tuple[int, str], ...] = ()
    """Account and name of those whose words are not shown on this device."""
    notifying: Notifying = Notifying()
    is_reminder_due: bool = False
    """That there is no recovery key was not told on this device within a day."""


class CallingEnded(msgspec.Struct, frozen=True, tag=True):
    """The server is called no more; the next program that is started calls again."""

    problem: Problem


Change = NodeEvent | Snapshot | CallingEnded


class View:
    def __init__(
        self,
        send_read: Callable[[int, int], None] = lambda _log, _through: None,
        send_told: Callable[[int], None] = lambda _log: None,
        send_reminded: Callable[[], None] = lambda: None,
    ) -> None:
        """`send_read` gets how far a log was read here, `send_told` of which invitation the person was told here;
        `send_reminded` is called when they were reminded of the recovery key that they lack.
        """
        self._send_read = send_read
        self.note_invitation_told = send_told
        self._send_reminded = send_reminded
        self.account = 0
        self.name = ""
        self.server_name = ""
        self.server_place = ""
        self.is_admin = False
        self.state = NodeState.OFFLINE
        self.problem = ""
        """Why there is no connection, or why the server takes nothing just now; a sentence."""
        self.failed_calls = 0
        self.ended: Problem | None = None
        self.group = GroupFacts()
        self.ignored: dict[int, str] = {}
        """Whose words are not shown, by account."""
        self.notifying = Notifying()
        self.is_reminder_due = False
        self.is_known = False
        """A snapshot has come."""
        self.is_restored = False
        """The last snapshot is of a restored server, and the one before was not."""
        self._server_history = ""
        self.catching_up: set[int] | None = None
        """The logs that are not whole yet; None before it is known which there are."""
        self._people: dict[int, Person] = {}
        self._conversations: dict[int, Conversation] = {}
        self._recent: dict[int, list[Message]] = {}
        self._outbox: dict[bytes, Message] = {}
        self._by_name: dict[str, int] | None = None
        """Accounts by their folded names, and logs by their folded titles; made when it is asked for."""
        self._by_title: dict[str, int] | None = None

    # What is known.

    @property
    def is_connected(self) -> bool:
        return self.state in {NodeState.SIGNED_IN, NodeState.SYNCHRONIZED}

    @property
    def people(self) -> tuple[Person, ...]:
        """By name; without those whose account was deleted."""
        there = (each for each in self._people.values() if not each.is_ended)
        return tuple(sorted(there, key=lambda each: (each.name.casefold(), each.account)))

    def person(self, account: int) -> Person | None:
        return self._people.get(account)

    def person_named(self, name: str) -> Person | None:
        """Capitals do not count."""
        if self._by_name is None:
            self._by_name = {folded_name(each.name): each.account for each in self._people.values()}
        account = self._by_name.get(folded_name(name))
        return None if account is None else self._people[account]

    @property
    def conversations(self) -> tuple[Conversation, ...]:
        """Rooms first, then people, each by title; closed ones too."""
        return tuple(
            sorted(self._conversations.values(), key=lambda each: (not each.is_room, each.title.casefold(), each.log))
        )

    def conversation(self, log: int) -> Conversation | None:
        return self._conversations.get(log)

    def conversation_titled(self, title: str) -> Conversation | None:
        """By `#room` or a nickname. None also for a person with whom nothing was said yet."""
        if self._by_title is None:
            # Of one that a restored server has lost and made anew there are two here.
            by_age = sorted(self._conversations.values(), key=lambda each: each.is_open)
            self._by_title = {_key(each): each.log for each in by_age}
        person = None if title.startswith("#") else self.person_named(title)
        log = self._by_title.get(folded_name(title) if person is None else str(person.account))
        return None if log is None else self._conversations[log]

    @property
    def outbox(self) -> list[Message]:
        """What is queued or refused, in the order it was typed."""
        return list(self._outbox.values())

    def messages(self, log: int, *, last: int = 100) -> list[Message]:
        """The newest that are kept here, oldest first, and after them what waits to be sent."""
        conversation = self._conversations.get(log) or Conversation(log, "", None)
        kept = self._recent.get(log, [])[-last:]
        waiting = [each for each in self._outbox.values() if each.is_for(conversation)]
        return [_with_state(each, conversation) for each in kept] + waiting

    def keep(self, log: int, messages: Sequence[Message]) -> None:
        """The newest of a conversation, as the node was asked for them; more than was kept here."""
        known = self._conversations.get(log)
        through = 0 if known is None else known.delivered  # one's own beyond it comes with what fills the gap
        committed = [each for each in messages if 0 < each.sequence <= through]
        kept = self._recent.get(log, [])
        if len(committed) > len(kept) and (not kept or committed[-1].sequence >= kept[-1].sequence):
            self._recent[log] = committed[-MAX_KEPT:]

    def mark_read(self, log: int, through: int) -> None:
        conversation = self._conversations.get(log)
        if conversation is None or through <= conversation.read:
            return
        unread = sum(each.sequence > through and each.is_news for each in self._recent.get(log, []))
        self._conversations[log] = msgspec.structs.replace(conversation, read=through, unread=unread)
        self._send_read(log, through)

    def note_reminded(self) -> None:
        self.is_reminder_due = False
        self._send_reminded()

    # What happens.

    def apply(self, change: Change) -> None:
        match change:
            case Snapshot():
                self._begin(change)
            case events.EntriesReceived(log, messages):
                self._on_entries(log, messages)
            case events.ConversationOpened(conversation) | events.ConversationChanged(conversation):
                self._put(conversation)
            case events.ConversationClosed(log):
                if (closed := self._conversations.get(log)) is not None:
                    self._put(msgspec.structs.replace(closed, is_open=False))
                self._on_caught_up(log)
            case events.CopyParted(log, through):
                self._recent[log] = [each for each in self._recent.get(log, []) if each.sequence <= through]
            case events.EntriesOpened(log, messages):
                opened = {each.sequence: each for each in messages}
                self._recent[log] = [opened.get(each.sequence, each) for each in self._recent.get(log, [])]
            case events.PeopleChanged() | events.IgnoredChanged() | events.NotifyingChanged():
                self._on_people(change)
            case events.MessageQueued() | events.MessageStateChanged() | events.MessageForgotten():
                self._on_own(change)
            case _:
                self._on_link(change)

    def _begin(self, snapshot: Snapshot) -> None:
        self.account, self.name, self.is_admin = snapshot.account, snapshot.name, snapshot.is_admin
        self.server_name, self.server_place = snapshot.server_name, snapshot.server_place
        self.state, self.problem, self.failed_calls = snapshot.state, snapshot.problem, snapshot.failed_calls
        self.ended, self.is_known, self.group = snapshot.ended, True, snapshot.group
        self.is_restored = self._server_history not in {"", snapshot.server_history}
        self._server_history = snapshot.server_history
        self.ignored, self.notifying = dict(snapshot.ignored), snapshot.notifying
        self.is_reminder_due = snapshot.is_reminder_due
        self.catching_up = None if snapshot.catching_up is None else set(snapshot.catching_up)
        self._people = {each.account: each for each in snapshot.people}
        self._conversations = {each.log: each for each in snapshot.conversations}
        self._recent = {
            each.log: list(recent) for each, recent in zip(snapshot.conversations, snapshot.recent, strict=True)
        }
        self._outbox = {each.entry_id: each for each in snapshot.outbox}
        self._by_name = self._by_title = None

    def _put(self, conversation: Conversation) -> None:
        known = self._conversations.get(conversation.log)
        self._conversations[conversation.log] = conversation
        if known is None or (known.title, known.is_open) != (conversation.title, conversation.is_open):
            self._by_title = None

    def _on_entries(self, log: int, messages: tuple[Message, ...]) -> None:
        kept = self._recent.setdefault(log, [])
        if kept and messages[0].sequence != kept[-1].sequence + 1:
            kept.clear()
        kept += messages
        del kept[:-MAX_KEPT]
        conversation, through = self._conversations.get(log), messages[-1].sequence
        if conversation is not None:
            unread = sum(each.sequence > conversation.read and each.is_news for each in messages)
            self._conversations[log] = msgspec.structs.replace(
                conversation,
                delivered=through,
                head=max(conversation.head, through),
                unread=conversation.unread + unread,
            )

    def _on_people(self, change: events.PeopleChanged | events.IgnoredChanged | events.NotifyingChanged) -> None:
        match change:
            case events.PeopleChanged(people):
                self._people.update((each.account, each) for each in people)
                self._by_name = None
            case events.IgnoredChanged(ignored):
                self.ignored = dict(ignored)
                for log, kept in self._recent.items():
                    self._recent[log] = [_with_ignored(each, self.ignored) for each in kept]
            case events.NotifyingChanged(notifying):
                self.notifying = notifying

    def _on_own(self, change: events.MessageQueued | events.MessageStateChanged | events.MessageForgotten) -> None:
        match change:
            case events.MessageQueued(message):
                self._outbox[message.entry_id] = message
            case events.MessageStateChanged(state=state, problem=problem, code=code) if state in _WAITING:
                waiting = self._outbox.get(change.entry_id)
                if state is MessageState.QUEUED:
                    self._outbox.pop(change.entry_id, None)  # said again, it stands behind all others
                if waiting is not None:
                    now = msgspec.structs.replace(waiting, state=state, problem=problem, code=int(code or 0))
                    self._outbox[change.entry_id] = now
            case _:
                self._outbox.pop(change.entry_id, None)
                if isinstance(change, events.MessageStateChanged):
                    self.problem = ""

    def _on_link(self, change: Change) -> None:
        match change:
            case events.SignedIn(account, name, _, is_admin, _, server_name):
                self.account, self.name, self.is_admin, self.server_name = account, name, is_admin, server_name
                self.state, self.catching_up, self.ended, self.problem = NodeState.SIGNED_IN, None, None, ""
            case events.Synchronized():
                self.state = NodeState.SYNCHRONIZED
                self.catching_up = {each.log for each in self._conversations.values() if each.is_open}
            case events.CaughtUp(log):
                self._on_caught_up(log)
            case events.ConnectionLost(reason):
                self.state, self.catching_up, self.problem = NodeState.OFFLINE, None, reason
                self._put_everybody_offline()
            case events.CallFailed(reason):
                self.failed_calls, self.problem = self.failed_calls + 1, reason
            case events.SignInRefused(_, text) | events.SendingPutOff(text):
                self.problem = text
            case events.GroupChanged(group):
                self.group = group
            case CallingEnded(problem):
                self.ended, self.problem = problem, problem.text
            case _:
                pass

    def _on_caught_up(self, log: int) -> None:
        if self.catching_up is not None:
            self.catching_up.discard(log)

    def _put_everybody_offline(self) -> None:
        self._people = {
            account: msgspec.structs.replace(each, is_online=False) for account, each in self._people.items()
        }


def _key(conversation: Conversation) -> str:
    return folded_name(conversation.title) if conversation.is_room else str(conversation.other)


def _with_ignored(message: Message, ignored: dict[int, str]) -> Message:
    is_ignored = message.account in ignored
    return message if message.is_ignored is is_ignored else msgspec.structs.replace(message, is_ignored=is_ignored)


_WAITING = {MessageState.QUEUED, MessageState.REFUSED}


def _with_state(message: Message, conversation: Conversation) -> Message:
    if not message.is_own:
        return message
    return msgspec.structs.replace(message, state=state_at(conversation, message.sequence))


def held_through(view: View, conversation: Conversation) -> int:
    """How far the log holds what a face has shown of it before the last snapshot.

    After a restore other entries may have the numbers since: what is unread now is to be shown.
    """
    least_or_most = min if view.is_restored else max
    return least_or_most(conversation.delivered, conversation.read)


def problem_of(error: LanlineError) -> Problem:
    retry_after_s = error.retry_after_s if isinstance(error, RequestRefused) else 0.0
    text = safe_text(str(error))  # it may name a file
    return Problem(type(error).__name__, text, int(getattr(error, "code", 0) or 0), retry_after_s)


def recent_of(conversation: Conversation, read: Callable[[int], Iterable[Message]]) -> tuple[Message, ...]:
    """What of a conversation stands in a snapshot; `read` gives so many of the newest messages."""
    since_read = max(0, conversation.delivered - conversation.read) if conversation.is_open else 0
    wanted = min(since_read, _MAX_UNREAD) + _CONTEXT
    return tuple(each for each in read(wanted) if each.sequence)


_MAX_UNREAD = 200
_CONTEXT = 20
