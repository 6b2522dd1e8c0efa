"""Owns the client without I/O: the session on the current link, and which part takes what the server says on it.

Not the parts themselves (people, conversations, logs, outbox), which each have their own file. Links come from outside
and may end at any moment; everything that must outlive one is on the disk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lanline.client.chat import events
from lanline.client.chat.context import Listener, NodeContext
from lanline.client.chat.conversations import Conversations
from lanline.client.chat.directory import Directory
from lanline.client.chat.following import LogReader
from lanline.client.chat.history import History
from lanline.client.chat.lost import LostEntries
from lanline.client.chat.messages import OwnMessages, message_of_entry, message_of_lost, message_of_row
from lanline.client.chat.outbox import Outbox
from lanline.client.chat.session import (
    AsDevice,
    ChatLink,
    ClientSession,
    OnAnswer,
    SignInWay,
)
from lanline.client.chat.values import Conversation, Message, MessageState, NodeState, Person
from lanline.clock import Clock
from lanline.errors import CloseCode, HistoryProblem, RefusalCode, RequestRefused
from lanline.ids import Entropy, new_entry_id
from lanline.model.content import Content
from lanline.model.names import folded_name
from lanline.model.text import safe_line, safe_text
from lanline.wire.chat import conversations as rooms
from lanline.wire.chat import directory, entries
from lanline.wire.chat.answers import Refused, ServerSays
from lanline.wire.chat.messages import ClientMessage, ServerMessage
from lanline.wire.chat.signin import VERSIONS, SignedIn, Welcome

_SOFTWARE = "lanline"


class ChatNode:
    """One per home. Not thread-safe: everything happens in the loop (or the simulation) that drives it."""

    def __init__(
        self, clock: Clock, entropy: Entropy, history: History, way: SignInWay, *, follows_all: bool = True
    ) -> None:
        """`follows_all=False` is for commands without a home: no log is read."""
        self._entropy = entropy
        self._way = way
        self._is_admin = False
        self._forgotten: dict[bytes, Message] = {}
        """Refused ones, for whoever still waits to hear what became of them."""
        self._has_people = self._has_conversations = False
        self._coming: ClientSession | None = None
        self._context = context = NodeContext(history, clock)
        self._history, self._lost, self._line, self._tell = history, context.lost, context.line, context.tell
        self._directory = Directory(context)
        self._own = OwnMessages(context.tell)
        self._conversations = Conversations(context, self._directory, self._own)
        self._reader = LogReader(context, self._conversations, self._own, follows=follows_all)
        self._outbox = Outbox(context, self._conversations, self._own)
        if follows_all:
            self._conversations.count_unread()
        self._takers: dict[type, Callable[[Any], object]] = {
            directory.People: self._on_people,
            directory.PeopleChanged: self._directory.on_changed,
            rooms.Conversations: self._on_conversations,
            rooms.ConversationChanged: self._on_conversation_changed,
            rooms.ConversationGone: self._conversations.on_gone,
            rooms.MemberChanged: self._conversations.on_member_changed,
            rooms.InvitedToRoom: self._conversations.on_invited,
            entries.Committed: self._outbox.on_committed,
            entries.Entries: self._reader.on_entries,
            entries.CursorMoved: self._on_cursor_moved,
            Refused: self._outbox.on_refused,
            ServerSays: lambda said: self._tell(events.ServerSaid(safe_text(said.text))),
        }

    # Listening.

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call it with every event from now on; what is returned ends that."""
        return self._context.subscribe(listener)

    def tell(self, event: events.NodeEvent) -> None:
        """What happened on the way to the server, to all who listen."""
        self._tell(event)

    # The link.

    def on_connected(self, link: ChatLink) -> None:
        """An established link to the right server: sign in on it. The node sets its handler.

        While another link still works, that one is kept until the new one is signed in, and then closed.
        """
        if self._coming is not None:
            self._coming.leave(CloseCode.REPLACED, "")
        self._conversations.begin_call()
        self._coming = ClientSession(link, self._way, _SOFTWARE, self)
        self._coming.begin()

    def disconnect(self, reason: str = "") -> None:
        """Say goodbye. What was not committed stays in the outbox."""
        self._reader.report()
        sessions, self._line.session, self._coming = (self._line.session, self._coming), None, None
        for session in sessions:
            if session is not None:
                session.leave(CloseCode.DONE, reason)
        self._on_offline()

    def when_delivered(self, callback: Callable[[], None]) -> None:
        """Report the cursors now, and call back once the server's end of the link holds all that was sent."""
        self._reader.report()
        if self._line.session is None:
            callback()
        else:
            self._line.session.when_delivered(callback)

    @property
    def state(self) -> NodeState:
        session = self._line.session or self._coming
        return NodeState.OFFLINE if session is None else session.state

    # What is known. Also offline, from the disk.

    @property
    def account(self) -> int:
        """One's own; 0 before the first sign-in ever."""
        return self._directory.own.account

    @property
    def name(self) -> str:
        return self._directory.own.name

    @property
    def is_admin(self) -> bool:
        return self._is_admin

    @property
    def server_name(self) -> str:
        return self._directory.own.server_name

    @property
    def server_history(self) -> str:
        """Another one once an older state of the server's data was put back."""
        return self._lost.epoch

    @property
    def people(self) -> tuple[Person, ...]:
        """By name."""
        return self._directory.people

    def person(self, account: int) -> Person | None:
        return self._directory.person(account)

    def person_named(self, name: str) -> Person | None:
        """Capitals do not count."""
        return self._directory.named(name)

    @property
    def conversations(self) -> tuple[Conversation, ...]:
        """Rooms first, then people, each by title; closed ones too."""
        shown = (track.shown for track in self._conversations.tracks)
        return tuple(sorted(shown, key=lambda each: (not each.is_room, each.title.casefold(), each.log)))

    def conversation(self, log: int) -> Conversation | None:
        track = self._conversations.get(log)
        return None if track is None else track.shown

    def conversation_titled(self, title: str) -> Conversation | None:
        """By `#room` or a nickname. None also for a person with whom nothing was said yet."""
        track = self._conversations.titled(title)
        return None if track is None else track.shown

    def messages(self, log: int, *, before: int | None = None, last: int = 100) -> list[Message]:
        """From this device's disk, oldest first. Without `before`: the newest, and after them what waits to be sent."""
        shown = self.conversation(log) or Conversation(log, "", None)
        messages = [message_of_entry(shown, each, self.account) for each in self._history.entries(log, before, last)]
        if before is None:
            messages += [message for message in self.outbox if _is_for(message, shown)]
        return messages

    def set_aside(self, title: str) -> list[tuple[str, Message]]:
        """What the restored server has lost of a `#room` or of the talk with somebody: who said it, and what."""
        found = [each for each in self._lost.entries() if folded_name(each.title) == folded_name(title)]
        return [(each.name, message_of_lost(each, self.account)) for each in found]

    @property
    def outbox(self) -> list[Message]:
        """What is queued or refused, in the order it was typed."""
        return [message_of_row(row, self.account) for row in self._history.outbox.all()]

    def waiting(self, entry_id: bytes) -> Message | None:
        """When it is queued or refused; also a refused one that another program has taken off the show meanwhile."""
        row = self._history.outbox.find(entry_id)
        return self._forgotten.get(entry_id) if row is None else message_of_row(row, self.account)

    @property
    def entered(self) -> set[int]:
        """The logs that are new to this device, and of which nobody has read anything here yet."""
        return self._reader.entered

    @property
    def catching_up(self) -> set[int] | None:
        """The logs of which something is still on its way; None before it is known which logs there are."""
        return self._reader.catching_up() if self.state is NodeState.SYNCHRONIZED else None

    def set_audience(self, *, is_there: bool) -> None:
        """Whether anybody hears what is told only once: what a restored server has lost."""
        self._reader.set_audience(is_there=is_there)

    def keep_start(self, history: History) -> None:
        """For the history of a home whose account was made on this link: what was said before it came counts as read.

        Harmless when cut off midway.
        """
        rooms = [each for each in self.conversations if each.is_room]
        LostEntries(history.database).begin(self._lost.epoch)
        history.put_conversations(rooms)
        history.put_cursors((each.log, each.head, 0, 0) for each in rooms)

    # Saying.

    def say(self, target: int | str, content: Content, entry_id: bytes | None = None) -> Message:
        """To a log, or to a `#room` or nickname. It is on the disk when this returns, and goes out as soon as it can.

        Under an id that was said already it is said once. Raises InvalidInput for what no server would take, and
        HistoryProblem when the disk does not take it.
        """
        return self._outbox.say(target, content, entry_id or new_entry_id(self._context.clock.now_ms(), self._entropy))

    def say_again(self, entry_id: bytes) -> None:
        """Queue a refused message anew, behind all others."""
        self._outbox.say_again(entry_id)

    def forget(self, entry_id: bytes) -> None:
        """Take a refused message off the show."""
        message = self.waiting(entry_id)
        if message is None or message.state is not MessageState.REFUSED:
            return
        self._forgotten[entry_id] = message
        self._history.outbox.forget(entry_id)
        self._tell(events.MessageForgotten(entry_id))

    # Reading.

    def mark_read(self, log: int, through: int) -> None:
        self._reader.mark_read(log, through)

    def read_earlier(self, log: int, limit: int = 200) -> None:
        """Fetch what precedes `Conversation.first` from the server; `EarlierReceived` follows."""
        self._reader.read_earlier(log, limit)

    # Asking.

    def request(self, message: ClientMessage, on_answer: OnAnswer) -> None:
        """Ask the server anything; write 0 for `request`, which is filled in here.

        Exactly one call of `on_answer` follows: with the answer of the wire (`Done`, `Opened`, `Rooms`, `InviteMade`),
        or RequestRefused, or LinkNotOpen when there is no signed-in link or it ends before the answer. Nothing is
        asked again by itself.
        """
        self._line.request(message, on_answer)

    # What the session reports (`session.SessionOwner`).

    def on_signed_in(self, session: ClientSession, welcome: Welcome, signed_in: SignedIn) -> None:
        if session is not self._coming:
            return
        epoch = signed_in.epoch.hex() or self._lost.epoch
        is_restored = epoch != self._lost.epoch
        if self._directory.own.is_somebody_else(signed_in, is_restored=is_restored):
            # Its history and its outbox are somebody else's, and log ids of another server mean other logs.
            self._coming = None
            session.leave(CloseCode.DONE, "")
            sentence = f"This home belongs to {self.name}. Join with another --home to be somebody else."
            self._tell(events.SignInRefused(RefusalCode.NOT_ALLOWED, sentence))
            return
        if is_restored:
            self._conversations.begin_epoch(epoch)
            self._own.forget_places()
        self._directory.own.remember(welcome, signed_in)
        old, self._line.session, self._coming = self._line.session, session, None
        if old is not None:
            old.leave(CloseCode.REPLACED, "Moved to another link.")
        self._way = AsDevice()
        self._is_admin = signed_in.is_admin
        self._has_people = self._has_conversations = False
        self._directory.begin_link()
        self._conversations.begin_link()
        self._tell(
            events.SignedIn(
                signed_in.account, self.name, signed_in.device, signed_in.is_admin, signed_in.is_new, self.server_name
            )
        )
        self._outbox.begin_link(session)

    def on_server_message(self, session: ClientSession, message: ServerMessage) -> None:
        """What nobody knows, a newer server says to newer clients."""
        taker = self._takers.get(type(message))
        if session is self._line.session and taker is not None:
            taker(message)

    def _on_people(self, message: directory.People) -> None:
        self._directory.on_table(message)
        self._has_people |= message.is_last
        self._check_synchronized()

    def _on_conversations(self, message: rooms.Conversations) -> None:
        self._conversations.on_table(message)
        self._has_conversations |= message.is_last
        self._check_synchronized()

    def _check_synchronized(self) -> None:
        session = self._line.session
        if not (self._has_people and self._has_conversations) or session is None:
            return
        self._has_people = self._has_conversations = False
        session.note_synchronized()
        self._tell(events.Synchronized())
        self._reader.follow_all()
        self._outbox.send()

    def _on_conversation_changed(self, message: rooms.ConversationChanged) -> None:
        log = message.conversation.log
        if self._conversations.on_changed(message.conversation):
            self._reader.note_moved(log)
        self._reader.follow(self._conversations[log])

    def _on_cursor_moved(self, message: entries.CursorMoved) -> None:
        if self._conversations.on_cursor_moved(message):
            self._reader.note_moved(message.log)

    def on_room_to_send(self, session: ClientSession) -> None:
        if session is self._line.session:
            self._outbox.send()

    def on_sign_in_refused(self, _session: ClientSession, refused: RequestRefused) -> None:
        self._tell(events.SignInRefused(refused.code, safe_line(str(refused)), refused.retry_after_s))

    def on_version_refused(self, _session: ClientSession, versions: tuple[int, ...]) -> None:
        is_newer = min(versions, default=0) > max(VERSIONS)
        behind = (
            "This Lanline is too old for the server" if is_newer else "The server's Lanline is too old for this one"
        )
        self._tell(events.VersionRefused(f"{behind}. Upgrade it, and all is as it was.", is_newer))

    def on_history_problem(self, _session: ClientSession, problem: HistoryProblem) -> None:
        self._tell(events.HistoryFailed(str(problem)))

    def on_ended(self, session: ClientSession, reason: str, *, is_for_good: bool) -> None:
        if session is self._line.session:
            self._line.session = None
        elif session is self._coming:
            self._coming = None
            if self._line.session is not None:
                return
        else:
            return
        self._on_offline()
        self._tell(events.ConnectionLost(reason, is_for_good))

    def _on_offline(self) -> None:
        self._outbox.end_link()
        try:
            self._directory.on_link_lost()
        except HistoryProblem as problem:
            self._tell(events.HistoryFailed(str(problem)))


def _is_for(message: Message, shown: Conversation) -> bool:
    return message.log == shown.log or (message.log is None and message.destination == shown.title)
