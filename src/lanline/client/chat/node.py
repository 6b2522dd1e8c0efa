"""Owns the client without I/O: the session on the current link, and which part takes what the server says on it.

Not what the parts know and do (directory, conversations, reader, outbox), each in its own file. Links come from outside
and may end at any moment; everything that must outlive one is on the disk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from lanline.client.chat.catchup.openingprogram import OpeningProgram
from lanline.client.chat.catchup.storing import Storing
from lanline.client.chat.context import Listener, NodeContext
from lanline.client.chat.conversations import Conversations
from lanline.client.chat.directory import Directory
from lanline.client.chat.following import LogReader
from lanline.client.chat.history import History
from lanline.client.chat.messages import OwnMessages, message_of_lost, messages_of_entries
from lanline.client.chat.outbox import Outbox
from lanline.client.chat.preferences import Preferences
from lanline.client.chat.restored.lost import LostEntries
from lanline.client.chat.sealed.renewal import EpochRenewal
from lanline.client.chat.sealed.seals import DeviceKeys, Seals
from lanline.client.chat.sealed.sharedtrust import SharedLabels, SharedTrust
from lanline.client.chat.session import AsDevice, AsNewcomer, ChatLink, ClientSession, SignInWay
from lanline.client.chat.topics import Topics
from lanline.client.view import events
from lanline.client.view.values import Conversation, Message, NodeState
from lanline.clock import Clock
from lanline.errors import CloseCode, HistoryProblem, RefusalCode, RequestRefused
from lanline.model.names import folded_name
from lanline.model.text import safe_line, safe_text
from lanline.wire.chat import conversations as rooms
from lanline.wire.chat import directory, entries
from lanline.wire.chat.answers import Refused, ServerSays
from lanline.wire.chat.messages import ServerMessage
from lanline.wire.chat.signin import VERSIONS, SignedIn, Welcome

_KEYS_ANEW = "The keys of the group are fetched anew, by lanline doctor --keys. Nothing is lost."


class ChatNode:
    """One per home. Not thread-safe: everything happens in the loop (or the simulation) that drives it."""

    def __init__(
        self,
        clock: Clock,
        history: History,
        way: SignInWay,
        *,
        follows_all: bool = True,
        keys: DeviceKeys | None = None,
        storing: Storing | None = None,
        opener: OpeningProgram | None = None,
    ) -> None:
        """`follows_all=False` and no keys are for commands without a home: no log is read."""
        self._newcomer = way if isinstance(way, AsNewcomer) else None
        self._is_away = isinstance(way, AsDevice) and way.is_away
        self._has_people = self._has_conversations = False
        self._coming: ClientSession | None = None
        context = NodeContext(history, clock, storing, opener)
        self._context, self._history, self._lost = context, history, context.lost
        self.tell = context.tell
        self.check_room = history.database.check_room
        self.line = context.line
        self.directory = Directory(context)
        self.own = self.directory.own
        self.preferences = Preferences(history, clock)
        self._messages = OwnMessages(context.tell)
        self.conversations = Conversations(context, self.directory, self._messages)
        self.seals = Seals(keys, context, self.conversations)
        self.reader = LogReader(context, self.conversations, self._messages, self.seals, follows=follows_all)
        self.outbox = Outbox(context, self.conversations, self._messages, self.seals)
        self.trust: SharedTrust | None = None
        self.labels: SharedLabels | None = None
        if keys is not None and self.seals.member is not None and self.seals.news is not None:
            member, news = self.seals.member, self.seals.news
            self.trust = SharedTrust(member, news, self.conversations, self.outbox, keys.entropy)
            self.subscribe(self.trust.note)
            if follows_all and self.seals.context is not None:
                self.labels = SharedLabels(member, self.seals.context, self.conversations, self.outbox)
                self.subscribe(self.labels.note)
                self.seals.when_changed(self.labels.go_on)
        self.topics = Topics(context, self.seals, self.conversations)
        self.subscribe(self.topics.note)
        self.renewal = EpochRenewal(self.seals, self.conversations)
        self.subscribe(self.renewal.note)
        if follows_all:
            self.conversations.count_unread()
        self._takers: dict[type, Callable[[Any], object]] = {
            directory.People: self._on_people,
            directory.PeopleChanged: self._on_people_changed,
            rooms.Conversations: self._on_conversations,
            rooms.ConversationChanged: self._on_conversation_changed,
            rooms.ConversationGone: self.conversations.on_gone,
            rooms.MemberChanged: self.conversations.on_member_changed,
            rooms.InvitedToRoom: self._on_invited,
            entries.Committed: self.outbox.on_committed,
            entries.Entries: self._on_entries,
            entries.CursorMoved: self._on_cursor_moved,
            Refused: self.outbox.on_refused,
            ServerSays: lambda said: self.tell(events.ServerSaid(safe_text(said.text))),
            **self.seals.takers(),
        }

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call it with every event from now on; what is returned ends that."""
        return self._context.subscribe(listener)

    # The link.

    def on_connected(self, link: ChatLink) -> None:
        """An established link to the right server: sign in on it. The node sets its handler.

        While another link still works, that one is kept until the new one is signed in, and then closed.
        """
        if self._coming is not None:
            self._coming.leave(CloseCode.REPLACED, "")
        self.conversations.begin_call()
        self._coming = ClientSession(link, self._newcomer or AsDevice(self._is_away), self)
        self._coming.begin()

    def set_away(self, *, is_away: bool) -> None:
        """Whether nobody sits here: then others are not told that this account is there. Kept over new links."""
        self._is_away = is_away
        if self.line.session is not None:
            self.line.session.set_away(is_away=is_away)

    def disconnect(self, reason: str = "") -> None:
        """Say goodbye. What was not committed stays in the outbox."""
        self.reader.report()
        sessions, self.line.session, self._coming = (self.line.session, self._coming), None, None
        for session in sessions:
            if session is not None:
                session.leave(CloseCode.DONE, reason)
        self._on_offline()

    def went_offline(self) -> None:
        """By its own word. The server ends the link a moment after its answer: that is told at once, and not to whoever
        comes back in that moment.
        """
        if (session := self.line.session) is not None:
            self.reader.report()
            self.on_ended(session, "This account went offline.", CloseCode.DONE)
            session.leave(CloseCode.DONE, "")

    def begin_keys_anew(self) -> None:
        """What this device can compute anew of the group is thrown away. The link ends: the next one brings it."""
        session, self.line.session = self.line.session, None
        if session is not None:
            session.leave(CloseCode.GOING_AWAY, "")
            self._on_offline()
            self.tell(events.ConnectionLost(_KEYS_ANEW, is_own_doing=True))
        if self.seals.member is not None:
            self.seals.member.caches.throw_away()

    def when_delivered(self, callback: Callable[[], None]) -> None:
        """Report the cursors now, and call back once the server's end of the link holds all that was sent."""
        self.reader.report()
        if self.line.session is None:
            callback()
        else:
            self.line.session.when_delivered(callback)

    @property
    def state(self) -> NodeState:
        session = self.line.session or self._coming
        return NodeState.OFFLINE if session is None else session.state

    # What was said. Also offline, from the disk.

    def messages(self, log: int, *, before: int | None = None, last: int = 100) -> list[Message]:
        """From this device's disk, oldest first. Without `before`: the newest, and after them what waits to be sent."""
        shown = self.conversations.shown(log) or Conversation(log, "", None)
        kept, own, ignored = self._history.entries(log, before, last), self.own.account, self.directory.ignoring
        found = list(messages_of_entries(shown, kept, own, ignored, self.seals.why_unread))
        if before is None:
            found += [each for each in self.outbox.messages if each.is_for(shown)]
        return found

    def ignore(self, account: int, name: str, *, is_ignored: bool) -> None:
        """What they say is not shown from now on, nor what they have said; or it is again."""
        if self.directory.ignoring.put(account, name, is_ignored=is_ignored):
            self.tell(events.IgnoredChanged(tuple(self.directory.ignoring.names.items())))
            self.conversations.recount_all()

    def set_aside(self, title: str) -> list[tuple[str, Message]]:
        """What the restored server has lost of a `#room` or of the talk with somebody: who said it, and what."""
        found = [each for each in self._lost.entries() if folded_name(each.title) == folded_name(title)]
        return [(each.name, message_of_lost(each, self.own.account)) for each in found]

    @property
    def server_history(self) -> str:
        """Another one once an older state of the server's data was put back."""
        return self._lost.epoch

    def keep_start(self, history: History) -> None:
        """For the history of a home whose account was made on this link: what was said before it came counts as read.

        Harmless when cut off midway.
        """
        rooms = [each for each in self.conversations.all if each.is_room]
        LostEntries(history.database).begin(self._lost.epoch)
        history.put_conversations(rooms)
        history.put_cursors((each.log, each.head, 0, 0) for each in rooms)

    # What the session reports (`session.SessionOwner`).

    def on_signed_in(self, session: ClientSession, welcome: Welcome, signed_in: SignedIn) -> None:
        if session is not self._coming:
            return
        epoch = signed_in.epoch.hex() or self._lost.epoch
        is_restored = epoch != self._lost.epoch
        if self.own.is_somebody_else(signed_in, is_restored=is_restored):
            # Its history and its outbox are somebody else's, and log ids of another server mean other logs.
            self._coming = None
            session.leave(CloseCode.DONE, "")
            sentence = f"This home belongs to {self.own.name}. Join with another --home to be somebody else."
            self.tell(events.SignInRefused(RefusalCode.NOT_ALLOWED, sentence))
            return
        if is_restored:
            self.conversations.begin_epoch(epoch)
            self._messages.forget_places()
            self.outbox.begin_epoch()
        self.own.remember(welcome, signed_in)
        old, self.line.session, self._coming = self.line.session, session, None
        if old is not None:
            old.leave(CloseCode.REPLACED, "Moved to another link.")
        self._newcomer = None
        session.set_away(is_away=self._is_away)
        self._has_people = self._has_conversations = False
        self.directory.begin_link()
        self.conversations.begin_link()
        self.reader.end_link()
        own, is_admin, is_new = self.own, signed_in.is_admin, signed_in.is_new
        self.tell(events.SignedIn(own.account, own.name, own.device, is_admin, is_new, own.server_name))
        self.renewal.begin_link()
        self.seals.begin_link(welcome, signed_in)
        self.outbox.begin_link(session)

    def on_server_message(self, session: ClientSession, message: ServerMessage) -> None:
        """What nobody knows, a newer server says to newer clients."""
        taker = self._takers.get(type(message))
        if session is self.line.session and taker is not None:
            taker(message)

    def _on_entries(self, message: entries.Entries) -> None:
        if not self.seals.takes(message):
            self.reader.on_entries(message)

    def _on_people(self, message: directory.People) -> None:
        self.directory.on_table(message)
        if message.is_last:
            self.seals.note_people()
        self._has_people |= message.is_last
        self._check_synchronized()

    def _on_people_changed(self, message: directory.PeopleChanged) -> None:
        self.directory.on_changed(message)
        self.seals.note_people()

    def _on_conversations(self, message: rooms.Conversations) -> None:
        said = tuple(map(self.topics.without_plain, message.conversations))
        self.conversations.on_table(rooms.Conversations(said, message.is_last))
        self.topics.note_named(message.conversations)
        self._has_conversations |= message.is_last
        self._check_synchronized()

    def _check_synchronized(self) -> None:
        session = self.line.session
        if not (self._has_people and self._has_conversations) or session is None:
            return
        self._has_people = self._has_conversations = False
        session.note_synchronized()
        self.tell(events.Synchronized())
        self.reader.follow_all()
        self.outbox.send()

    def _on_conversation_changed(self, message: rooms.ConversationChanged) -> None:
        log = message.conversation.log
        if self.conversations.on_changed(self.topics.without_plain(message.conversation)):
            self.reader.note_moved(log)
        self.topics.note_named([message.conversation])
        self.reader.follow(self.conversations[log])
        self.outbox.send()  # a room may be less slow now

    def _on_invited(self, message: rooms.InvitedToRoom) -> None:
        topic, is_plain = self.topics.listed(message.room)
        room = msgspec.structs.replace(message.room, topic="" if is_plain else topic)
        self.conversations.invitations.on_invited(msgspec.structs.replace(message, room=room))

    def _on_cursor_moved(self, message: entries.CursorMoved) -> None:
        if self.conversations.on_cursor_moved(message):
            self.reader.note_moved(message.log)

    def on_room_to_send(self, session: ClientSession) -> None:
        if session is self.line.session:
            self.outbox.send()

    def on_sign_in_refused(self, _session: ClientSession, refused: RequestRefused) -> None:
        self.tell(events.SignInRefused(refused.code, safe_line(str(refused)), refused.retry_after_s))

    def on_version_refused(self, _session: ClientSession, versions: tuple[int, ...]) -> None:
        is_newer = min(versions, default=0) > max(VERSIONS)
        text = (
            "This Lanline is too old for the server: upgrade Lanline on this device."
            if is_newer
            else "The server's Lanline is too old for this one: upgrade Lanline on the server."
        )
        self.tell(events.VersionRefused(text, is_newer))

    def on_history_problem(self, _session: ClientSession, problem: HistoryProblem) -> None:
        self.tell(events.HistoryFailed(str(problem)))

    def on_ended(self, session: ClientSession, reason: str, by_server: CloseCode | None) -> None:
        """`chat.md`, section 13."""
        if session is self.line.session:
            self.line.session = None
        elif session is self._coming:
            self._coming = None
            if self.line.session is not None:
                return
        else:
            return
        self._on_offline()
        for_good, refused = by_server is CloseCode.DONE, by_server is CloseCode.IDENTITY_REJECTED
        self.tell(events.ConnectionLost(reason, is_for_good=for_good, is_refused=refused))

    def _on_offline(self) -> None:
        self.outbox.end_link()
        self.reader.end_link()
        self.seals.end_link()
        try:
            self.directory.on_link_lost()
        except HistoryProblem as problem:
            self.tell(events.HistoryFailed(str(problem)))
