"""The client node, without I/O: what one says becomes a row in the outbox, what is said becomes history and events.

It joins the session on the current link with the directory, the conversations, the outbox and the history, which each
have their own file. Links come from outside and may end at any moment; everything that must outlive one is on the disk.
"""

from __future__ import annotations

from collections.abc import Callable

from lanline.client.chat import events
from lanline.client.chat.arrivals import Arrivals
from lanline.client.chat.comparison import Comparison
from lanline.client.chat.conversations import Conversations, Track
from lanline.client.chat.cursors import CursorReports
from lanline.client.chat.destinations import DestinationFinder
from lanline.client.chat.directory import Directory
from lanline.client.chat.earlier import EarlierReader
from lanline.client.chat.history import History
from lanline.client.chat.link import ChatLink
from lanline.client.chat.listeners import Listener, Listeners
from lanline.client.chat.messages import OwnMessages, message_aside, message_of_entry, message_of_row
from lanline.client.chat.outbox import Outbox
from lanline.client.chat.outboxrows import OutboxRow
from lanline.client.chat.ownfacts import OwnFacts
from lanline.client.chat.requests import OnAnswer
from lanline.client.chat.saying import Saying
from lanline.client.chat.session import AsDevice, NodeState, Session, SignInWay
from lanline.client.chat.values import Conversation, Message, MessageState, Person
from lanline.clock import Clock
from lanline.errors import CloseCode, HistoryProblem, LinkNotOpen, RefusalCode, RequestRefused
from lanline.ids import Entropy, new_entry_id
from lanline.model.content import Content
from lanline.model.names import folded_name
from lanline.model.text import safe_line
from lanline.wire.chat.entries import Advance, Follow
from lanline.wire.chat.messages import ClientMessage, ServerMessage
from lanline.wire.chat.signin import VERSIONS, SignedIn, Welcome

_SOFTWARE = "lanline"
_MOST_CURSORS = 1000


class ChatNode:
    """One per process and home. Not thread-safe: everything happens in the loop (or the simulation) that drives it."""

    def __init__(
        self, clock: Clock, entropy: Entropy, history: History, way: SignInWay, *, follows_all: bool = True
    ) -> None:
        """`follows_all=False` is for one-shot commands: only logs named by `follow` are read."""
        self._clock = clock
        self._entropy = entropy
        self._history = history
        self._way = way
        self._follows_all = follows_all
        self._followed: set[int] = set()
        self._facts = OwnFacts(history)
        self._is_admin = False
        self._session: Session | None = None
        self._coming: Session | None = None
        self._listeners = Listeners()
        self._directory = Directory(history)
        self._conversations = Conversations(history)
        self._conversations.own = self.account
        if follows_all:
            self._conversations.count_unread()
        self._finder = DestinationFinder(self._directory, self._conversations, clock, self.request)
        self._outbox = Outbox(history.outbox, clock, self._finder, self)
        self._finder.waiter = self._outbox
        self._reports = CursorReports(clock, self._report_cursors)
        self._own = OwnMessages()
        self._saying = Saying(
            history.outbox, self._outbox, self._finder, self._conversations, self._own, self._listeners.tell
        )
        self._earlier = EarlierReader(self._conversations, self.request, self._listeners.tell)
        self._comparison = Comparison(history.aside, self._conversations, clock, self.request, self._on_proven)
        self._arrivals = Arrivals(
            history,
            self._directory,
            self._conversations,
            self._outbox,
            self._reports,
            self._own,
            self._listeners.tell,
        )
        self._arrivals.is_comparing = lambda: self._comparison.is_under_way
        self._conversations.on_parted = self._on_parted
        self._arrivals.follow = self._follow_if_wanted
        self._arrivals.on_synchronized = self._on_synchronized

    # Listening.

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call it with every event from now on; what is returned ends that."""
        return self._listeners.subscribe(listener)

    # The link.

    def on_connected(self, link: ChatLink) -> None:
        """An established link to the right server: sign in on it. The node sets its handler.

        While another link still works, that one is kept until the new one is signed in, and then closed.
        """
        if self._coming is not None:
            self._coming.leave(CloseCode.REPLACED, "")
        self._conversations.begin_call()
        self._coming = Session(link, self._way, _SOFTWARE, self)
        self._coming.begin()

    def disconnect(self, reason: str = "") -> None:
        """Say goodbye. What was not committed stays in the outbox."""
        self._reports.flush()
        sessions, self._session, self._coming = (self._session, self._coming), None, None
        for session in sessions:
            if session is not None:
                session.leave(CloseCode.DONE, reason)
        self._on_offline()

    def when_delivered(self, callback: Callable[[], None]) -> None:
        """Report the cursors now, and call back once the server's end of the link holds all that was sent."""
        self._reports.flush()
        if self._session is None:
            callback()
        else:
            self._session.when_delivered(callback)

    @property
    def state(self) -> NodeState:
        session = self._session or self._coming
        return NodeState.OFFLINE if session is None else session.state

    # What is known. Also offline, from the disk.

    @property
    def account(self) -> int:
        """One's own; 0 before the first sign-in ever."""
        return self._facts.account

    @property
    def name(self) -> str:
        return self._facts.name

    @property
    def is_admin(self) -> bool:
        return self._is_admin

    @property
    def server_name(self) -> str:
        return self._facts.server_name

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
        track = self._finder.track_of(title)
        return None if track is None else track.shown

    def messages(self, log: int, *, before: int | None = None, last: int = 100) -> list[Message]:
        """From this device's disk, oldest first. Without `before`: the newest, and after them what waits to be sent."""
        shown = self.conversation(log) or Conversation(log, "", None)
        found = self._history.entries(log, before, last)
        messages = [message_of_entry(shown, entry, self.account) for entry in found]
        if before is None:
            messages += [message for message in self.outbox if _is_for(message, shown)]
        return messages

    def set_aside(self, title: str) -> list[tuple[str, Message]]:
        """What the restored server has lost of a `#room` or of the talk with somebody: who said it, and what."""
        found = [each for each in self._history.aside.entries() if folded_name(each.title) == folded_name(title)]
        return [(each.name, message_aside(each, self.account)) for each in found]

    @property
    def outbox(self) -> list[Message]:
        """What is queued or refused, in the order it was typed, by whichever process of this home."""
        return [message_of_row(row, self.account) for row in self._history.outbox.all()]

    def is_waiting(self, entry_id: bytes) -> bool:
        """It is in the outbox, queued or refused."""
        return self._history.outbox.find(entry_id) is not None

    def keep_start(self, history: History) -> None:
        """For the memory of a home whose account was made on this link, which itself remembers nothing."""
        history.put_start(self._history.aside.epoch, [each for each in self.conversations if each.is_room])

    # Saying.

    def say(self, target: int | str, content: Content) -> Message:
        """To a log, or to a `#room` or nickname. It is on the disk when this returns, and goes out as soon as it can.

        Raises InvalidInput for what no server would take, and HistoryProblem when the disk does not take it.
        """
        now_ms = self._clock.now_ms()
        return self._saying.say(target, content, new_entry_id(now_ms, self._entropy), now_ms)

    def say_again(self, entry_id: bytes) -> None:
        """Queue a refused message anew, behind all others."""
        self._saying.say_again(entry_id)

    def forget(self, entry_id: bytes) -> None:
        """Take a refused message off the show."""
        self._history.outbox.forget(entry_id)

    # Reading.

    def follow(self, log: int) -> None:
        """With `follows_all=False`: read this log, now and on every later link."""
        self._followed.add(log)
        track = self._conversations.get(log)
        if track is not None and self.state is NodeState.SYNCHRONIZED:
            self._follow_if_wanted(track)

    def mark_read(self, log: int, through: int) -> None:
        track = self._conversations.get(log)
        if track is None or not track.is_proven:
            return
        if self._conversations.move(track, min(through, track.shown.delivered)):
            self._reports.note_moved(log)
            self._listeners.tell(events.ConversationChanged(track.shown))

    def read_earlier(self, log: int, limit: int = 200) -> None:
        """Fetch what precedes `Conversation.first` from the server; `EarlierReceived` follows."""
        self._earlier.read(log, limit)

    # Asking.

    def request(self, message: ClientMessage, on_answer: OnAnswer) -> None:
        """Ask the server anything; write 0 for `request`, which is filled in here.

        Exactly one call of `on_answer` follows: with the answer of the wire (`Done`, `Opened`, `Rooms`, `InviteMade`),
        or RequestRefused, or LinkNotOpen when there is no signed-in link or it ends before the answer. Nothing is
        asked again by itself.
        """
        if self._session is None:
            on_answer(LinkNotOpen("There is no connection to the server."))
        else:
            self._session.request(message, on_answer)

    # What the session reports (`session.SessionOwner`).

    def on_signed_in(self, session: Session, welcome: Welcome, signed_in: SignedIn) -> None:
        if session is not self._coming:
            return
        epoch = signed_in.epoch.hex() or self._history.aside.epoch
        is_restored = epoch != self._history.aside.epoch
        if self._facts.is_somebody_else(signed_in, is_restored=is_restored):
            # Its history and its outbox are somebody else's, and log ids of another server mean other logs.
            self._coming = None
            session.leave(CloseCode.DONE, "")
            sentence = f"This home belongs to {self.name}. Join with another --home to be somebody else."
            self._listeners.tell(events.SignInRefused(RefusalCode.NOT_ALLOWED, sentence))
            return
        if is_restored:
            self._begin_epoch(epoch)
        self._facts.remember(welcome, signed_in)
        old, self._session, self._coming = self._session, session, None
        if old is not None:
            old.leave(CloseCode.REPLACED, "Moved to another link.")
        self._way = AsDevice()
        self._is_admin = signed_in.is_admin
        self._directory.begin_link()
        self._conversations.begin_link(signed_in.account)
        self._finder.begin_link()
        self._arrivals.begin_link(signed_in.device, tells_waiting=self._follows_all)
        self._listeners.tell(
            events.SignedIn(
                signed_in.account,
                self.name,
                signed_in.device,
                signed_in.is_admin,
                signed_in.is_new,
                self.server_name,
            )
        )
        self._outbox.begin_link(session)

    def _begin_epoch(self, epoch: str) -> None:
        if self._history.aside.epoch:
            self._arrivals.news.note_epoch()
        self._conversations.begin_epoch(epoch)
        self._own.forget_places()

    def _on_synchronized(self) -> None:
        assert self._session is not None
        self._session.state = NodeState.SYNCHRONIZED
        self._finder.is_synchronized = True
        self._listeners.tell(events.Synchronized())
        for track in list(self._conversations.tracks):
            self._follow_if_wanted(track)
        self._arrivals.tell_waiting()
        self._reports.note_delivered()
        self._outbox.send()

    def _follow_if_wanted(self, track: Track) -> None:
        is_wanted = self._follows_all or track.shown.log in self._followed
        if self._session is None or not is_wanted or track.is_followed or not track.shown.is_open:
            return
        if not track.is_proven:
            self._comparison.begin(track)
            return
        after = self._conversations.begin_following(track)
        self._session.send(Follow(track.shown.log, after))
        if track.is_caught_up:
            self._listeners.tell(events.CaughtUp(track.shown.log))

    def _on_parted(self, track: Track) -> None:
        self._arrivals.news.note_parted()
        self._listeners.tell(events.CopyParted(track.shown.log, track.shown.delivered))

    def _on_proven(self, track: Track) -> None:
        self._listeners.tell(events.ConversationChanged(track.shown))
        self._follow_if_wanted(track)
        self._arrivals.tell_waiting()

    def on_server_message(self, session: Session, message: ServerMessage) -> None:
        if session is self._session:
            self._arrivals.take(message)

    def on_room_to_send(self, session: Session) -> None:
        if session is self._session:
            self._outbox.send()

    def on_message_refused(self, row: OutboxRow, refused: RequestRefused) -> None:
        self._own.note_refused(row.entry_id)
        problem = safe_line(str(refused))
        self._listeners.tell(
            events.MessageStateChanged(row.log, row.entry_id, MessageState.REFUSED, problem=problem, code=refused.code)
        )

    def on_put_off(self, refused: RequestRefused) -> None:
        self._listeners.tell(events.SendingPutOff(safe_line(str(refused))))

    def on_sign_in_refused(self, _session: Session, refused: RequestRefused) -> None:
        self._listeners.tell(events.SignInRefused(refused.code, safe_line(str(refused)), refused.retry_after_s))

    def on_version_refused(self, _session: Session, versions: tuple[int, ...]) -> None:
        is_newer = min(versions, default=0) > max(VERSIONS)
        behind = (
            "This Lanline is too old for the server" if is_newer else "The server's Lanline is too old for this one"
        )
        self._listeners.tell(events.VersionRefused(f"{behind}. Upgrade it, and all is as it was.", is_newer))

    def on_history_problem(self, _session: Session, problem: HistoryProblem) -> None:
        self._listeners.tell(events.HistoryFailed(str(problem)))

    def on_ended(self, session: Session, reason: str, *, is_for_good: bool) -> None:
        if session is self._session:
            self._session = None
        elif session is self._coming:
            self._coming = None
            if self._session is not None:
                return
        else:
            return
        self._on_offline()
        self._listeners.tell(events.ConnectionLost(reason, is_for_good))

    def _on_offline(self) -> None:
        self._outbox.end_link()
        self._directory.on_link_lost()
        self._kept(self._directory.write)

    # Cursors.

    def _report_cursors(self, moved: set[int]) -> None:
        if moved:
            # Told to the server all the same when the disk takes nothing: nobody would come back to it.
            self._kept(lambda: self._conversations.write_cursors(moved))
        if self.state is NodeState.SYNCHRONIZED and self._session is not None:
            cursors = self._conversations.unreported()
            for start in range(0, len(cursors), _MOST_CURSORS):
                self._session.send(Advance(tuple(cursors[start : start + _MOST_CURSORS])))

    def _kept(self, write: Callable[[], None]) -> bool:
        """For what happens outside any call of a person: a disk that takes nothing is told as an event."""
        try:
            write()
        except HistoryProblem as problem:
            self._listeners.tell(events.HistoryFailed(str(problem)))
            return False
        return True


def _is_for(message: Message, shown: Conversation) -> bool:
    return message.log == shown.log or (message.log is None and message.destination == shown.title)
