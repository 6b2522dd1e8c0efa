"""Owns how this device reads its logs: what it follows, what has arrived, how far it has read, and what it reports.

Not what the server says of the conversations: `conversations`. Entries go to the disk before anything is told of them.

When the server was restored from a backup, a log that was opened before is *unproven*: its number, its sequence numbers
and its cursors may mean something else now. This device's copy is compared with the server's, backwards, until an entry
is found that both have in the same place. What is beyond that entry is set aside, and the person is told.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from lanline.client.chat.catchup.intake import Intake, PagesTogether
from lanline.client.chat.context import NodeContext
from lanline.client.chat.conversations import Conversations, FollowedConversation, Following
from lanline.client.chat.messages import OwnMessages, messages_of_entries
from lanline.client.chat.restored.bringing import Bringing
from lanline.client.chat.restored.comparison import Comparison, Rehashing
from lanline.client.chat.sealed.seals import Seals
from lanline.client.chat.session import Answer
from lanline.client.sealing.ahead import Ahead
from lanline.client.sealing.asking import Asked
from lanline.client.view import events
from lanline.clock import Timer
from lanline.errors import HistoryProblem, ProtocolViolation
from lanline.wire.chat.entries import Advance, EarlierEntries, Entries, Follow, LogCursor, LogEntry, ReadBefore
from lanline.wire.sealing.said import CARRIED_SUITE

FETCHED_AT_FIRST = 10_000
"""Of a log that is new to this device; older is read when somebody asks for it."""
REPORT_EVERY_S = 0.25
_HOLDS_S = 3.0
_MAX_CURSORS = 1000
_MUCH = 20_000


class LogReader:
    def __init__(
        self, context: NodeContext, conversations: Conversations, own: OwnMessages, seals: Seals, *, follows: bool
    ) -> None:
        self._history = context.history
        self._lost = context.lost
        self._clock = context.clock
        self._line = context.line
        self._tell = context.tell
        self._conversations = conversations
        self._intake = Intake(context, conversations, own, seals, self._on_kept)
        self._ignored = conversations.directory.ignoring
        self._follows = follows
        self._seals = seals
        self._held: dict[int, list[LogEntry]] = {}
        """Of logs in which something cannot be opened yet: that, and what came after it."""
        self._hold_timer: Timer | None = None
        self._pages = PagesTogether(context.clock, context.line, self._open_ahead, self._take_gathered)
        self._sealed_from = context.history.sealed_from()
        """Where the first entry stands that was kept as it came, by log."""
        seals.when_changed(self._try_again)
        seals.when_changed(self._tell_lost)
        self._bringing = Bringing(context, conversations, seals)
        self._comparison = Comparison(context, conversations, Rehashing(context, seals), self._on_proven)
        self._asked_earlier: set[int] = set()
        self.entered: set[int] = set()
        """Logs that are new to this device, and of which nobody has read anything here yet."""
        self._has_audience = True
        self._moved: set[int] = set()
        """Logs in which a cursor has moved that is not on the disk yet."""
        self._report_timer: Timer | None = None

    # Following.

    def follow_all(self) -> None:
        """The tables are whole: it is known which logs there are."""
        for track in list(self._conversations.tracks):
            self.follow(track)
        self._tell_lost()
        self._report_soon()

    def follow(self, track: FollowedConversation) -> None:
        shown = track.shown
        if self._line.session is None or not self._follows or track.following is not Following.NOT or not shown.is_open:
            return
        if not track.is_proven:
            self._comparison.begin(track)
            return
        self._pages.finish(shown.log)  # of when it was followed before, on the same link
        self._intake.write_all(shown.log)
        if not track.shown.delivered:
            self.entered.add(shown.log)
            start = self._history.begin(shown.log, max(0, shown.head - FETCHED_AT_FIRST))
            track.change(first=start, delivered=start)
        self._seals.fetch_keys(track.shown)
        track.become(Following.CATCHING_UP)
        track.target = shown.head
        if shown.head - track.shown.delivered >= _MUCH:
            self._seals.expect_much()
        self._line.send(Follow(shown.log, track.shown.delivered))
        if track.shown.delivered >= track.target:
            self._become_live(track)

    def _on_proven(self, track: FollowedConversation) -> None:
        self._seals.forget(track.shown.log)
        self._tell(events.ConversationChanged(track.shown))
        self.follow(track)
        self._tell_lost()
        if track.shown.log in self._sealed_from:
            self._clock.call_later(0.0, self._try_again)

    def on_entries(self, message: Entries) -> None:
        """Of a log that is not followed, or not any more, they are left alone."""
        track = self._conversations.get(message.log)
        if track is None or track.following is Following.NOT or not message.entries:
            return
        self._check_dense(track, message.entries)
        is_more_coming = track.following is Following.CATCHING_UP and message.entries[-1].sequence < track.target
        self._pages.add(message.log, message.entries, is_more_coming=is_more_coming)

    def _check_dense(self, track: FollowedConversation, came: Sequence[LogEntry]) -> None:
        """As it comes: who breaks the protocol loses the link by it."""
        log = track.shown.log
        held = self._held.get(log)
        last = self._pages.last(log) or (held[-1].sequence if held else self._intake.through(track))
        if [each.sequence for each in came] != list(range(last + 1, last + 1 + len(came))):
            raise ProtocolViolation("it left a gap in a log, or said something twice")

    def _open_ahead(self, log: int, came: Sequence[LogEntry], ahead: Ahead) -> Iterator[Asked | None]:
        return self._seals.open_ahead(self._conversations[log].shown, came, ahead)

    def _take_gathered(self, log: int, came: Sequence[LogEntry], ahead: Ahead | None) -> None:
        track, held = self._conversations[log], self._held.get(log)
        if held is None:
            self._take(track, came, ahead)
        else:
            self._seals.note_keys(track.shown, came)
            held += came

    def _take(
        self, track: FollowedConversation, came: Sequence[LogEntry], ahead: Ahead | None = None, *, waits: bool = True
    ) -> None:
        """All before the first that may be opened in a moment; or all, as it is."""
        if any(
            each.suite == CARRIED_SUITE for each in came
        ):  # the same words may stand in what is on its way to the disk
            self._intake.write_all(track.shown.log)
        entries, lacking = self._seals.open(track.shown, came, ahead)
        if waits and lacking is not None and self._seals.is_hopeful:
            count = lacking - came[0].sequence
            self._hold(track.shown.log, list(came[count:]))
            entries = entries[:count]
        elif lacking is not None:
            self._sealed_from.setdefault(track.shown.log, lacking)
        if entries:
            is_bulk = track.following is Following.CATCHING_UP and lacking is None
            self._intake.take(track, entries, came[: len(entries)], is_bulk=is_bulk, ahead=ahead)

    def _on_kept(self, track: FollowedConversation) -> None:
        self._report_soon()
        if track.following is Following.CATCHING_UP and track.shown.delivered >= track.target:
            self._become_live(track)
            self._tell_lost()

    def _become_live(self, track: FollowedConversation) -> None:
        track.become(Following.LIVE)
        if track.is_rejoining:
            track.is_rejoining = False
            self._clock.call_later(0.0, self._seals.go_on)
        self._tell(events.CaughtUp(track.shown.log))

    # What cannot be opened yet.

    def _hold(self, log: int, entries: list[LogEntry]) -> None:
        self._held[log] = entries
        if self._hold_timer is None:
            self._hold_timer = self._clock.call_later(_HOLDS_S, self._let_go)

    def _let_go(self) -> None:
        """Shown as what cannot be read yet; it is opened when its key comes."""
        self._hold_timer = None
        with self._ending_link():
            held, self._held = self._held, {}
            for log, entries in held.items():
                self._take(self._conversations[log], entries, waits=False)

    def _try_again(self) -> None:
        with self._ending_link():
            self._open_held()

    @contextlib.contextmanager
    def _ending_link(self) -> Iterator[None]:
        """By what goes wrong, so that what was held comes again."""
        try:
            yield
        except (ProtocolViolation, OverflowError, HistoryProblem) as problem:
            if self._line.session is None:
                raise
            self._line.session.end_by(problem)

    def _open_held(self) -> None:
        for log in {*self._held, *self._sealed_from}:
            if (track := self._conversations.get(log)) is not None:
                self._seals.fetch_keys(track.shown)  # who was in no group when it began to follow has asked for none
        held, self._held = self._held, {}
        for log, entries in held.items():
            track = self._conversations[log]
            if self._seals.is_hopeful and self._seals.open(track.shown, entries[:1])[1] is not None:
                self._held[log] = entries
            else:
                self._pages.put_back(log, entries)
        for log in list(self._sealed_from):
            self._reopen(log)

    def _reopen(self, log: int) -> None:
        """What was kept as it came, and of which some is open now. Until it is compared, the log may be another's."""
        track = self._conversations.get(log)
        if track is None or not track.is_proven or not self._seals.is_sealed:
            return
        kept = self._history.sealed_entries(log)
        entries, _ = self._seals.open(track.shown, kept)
        changed = [each for each, before in zip(entries, kept, strict=True) if each is not before]
        if not changed:
            return
        self._intake.take_other_seals_off(log, changed, kept)
        self._history.change_entries(log, changed, self._conversations.account)
        left = self._history.sealed_from().get(log)
        if left is None:
            del self._sealed_from[log]
        else:
            self._sealed_from[log] = left
        own = self._conversations.account
        opened = messages_of_entries(track.shown, changed, own, self._ignored, self._seals.why_unread)
        self._tell(events.EntriesOpened(log, opened))
        self._conversations.recount(track)  # what opened may be no news

    def end_link(self) -> None:
        """What is held comes again on the next one; what is on its way to the disk arrives there."""
        self._intake.write_all()
        self._pages.stop()
        self._bringing.end_link()
        self._held = {}
        if self._hold_timer is not None:
            self._hold_timer.cancel()
            self._hold_timer = None

    # What is told once all that was said meanwhile is here.

    @property
    def catching_up(self) -> set[int] | None:
        """The logs of which something is still on its way; None before it is known which logs there are."""
        if not self._line.is_synchronized:
            return None
        following = [each.shown.log for each in self._conversations.tracks if each.following is Following.CATCHING_UP]
        return self._comparison.under_way.union(following)

    def set_audience(self, *, is_there: bool) -> None:
        self._has_audience = is_there  # what is told once is not told to nobody
        self._seals.set_audience(is_there=is_there)
        if is_there and self._line.is_synchronized:
            self._tell_lost()

    def _tell_lost(self) -> None:
        """What a restored server has lost, once all that is followed has caught up."""
        if not self._follows or self.catching_up is None or self.catching_up:
            return
        self._bringing.go_on()
        if not (self._has_audience and self._lost.may_have_untold):
            return
        if (news := self._lost.take_news()) is not None:
            self._tell(news)

    # Earlier entries, on demand.

    def read_earlier(self, log: int, limit: int = 200) -> None:
        """Fetches from the server what precedes this device's copy. `EarlierReceived` follows, once for all who ask."""
        if log in self._asked_earlier:
            return
        track = self._conversations.get(log)
        if track is None or not track.shown.first or not track.is_proven:
            self._tell(events.EarlierReceived(log, ()))
            return
        self._asked_earlier.add(log)
        message = ReadBefore(0, log, track.shown.first + 1, limit)
        self._line.request(message, lambda answer: self._on_earlier(log, answer))

    def _on_earlier(self, log: int, answer: Answer) -> None:
        self._asked_earlier.discard(log)
        found = answer.entries if isinstance(answer, EarlierEntries) else ()
        track = self._conversations[log]
        if isinstance(answer, EarlierEntries):
            for expected, entry in enumerate(found, track.shown.first - len(found) + 1):
                if entry.sequence != expected:
                    raise ProtocolViolation("it left a gap in what was said earlier")
            first = found[0].sequence - 1 if found else 0
            opened, lacking = self._seals.open(track.shown, found)
            found = tuple(opened)
            if lacking is not None:
                self._sealed_from[log] = min(lacking, self._sealed_from.get(log, lacking))
            self._history.add_earlier(log, found, first)
            track.change(first=first)
            self._strike_out(track, found)
        own = self._conversations.account
        messages = messages_of_entries(track.shown, found, own, self._ignored, self._seals.why_unread)
        self._tell(events.EarlierReceived(log, messages))

    def _strike_out(self, track: FollowedConversation, page: tuple[LogEntry, ...]) -> None:
        """What was believed as long as this page was not here."""
        words, log = self._seals.struck, track.shown.log
        struck = [] if words is None else words.struck_by(self._seals.place(track.shown), page)
        if struck:
            self._history.change_entries(log, struck, self._conversations.account)
            own = self._conversations.account
            messages = messages_of_entries(track.shown, struck, own, self._ignored, self._seals.why_unread)
            self._tell(events.EntriesOpened(log, messages))

    # How far one has read, and what is reported: together, a few times a second, and on the disk before.

    def mark_read(self, log: int, through: int) -> None:
        track = self._conversations.get(log)
        if track is None or not track.is_proven:
            return
        self.entered.discard(log)
        if self._conversations.move(track, min(through, track.shown.delivered)):
            self.note_moved(log)
            self._tell(events.ConversationChanged(track.shown))

    def note_moved(self, log: int) -> None:
        self._moved.add(log)
        self._report_soon()

    def _report_soon(self) -> None:
        if self._report_timer is None:
            self._report_timer = self._clock.call_later(REPORT_EVERY_S, self.report)

    def report(self) -> None:
        if self._report_timer is not None:
            self._report_timer.cancel()
            self._report_timer = None
        if self._moved:
            self._write_cursors()
        if self._line.is_synchronized:
            cursors = [cursor for track in self._conversations.tracks if (cursor := _unreported(track)) is not None]
            for start in range(0, len(cursors), _MAX_CURSORS):
                self._line.send(Advance(tuple(cursors[start : start + _MAX_CURSORS])))

    def _write_cursors(self) -> None:
        tracks = [track for log in self._moved if (track := self._conversations.get(log)) is not None]
        self._moved = set()
        shown = [track.shown for track in tracks if track.is_proven]
        try:
            self._history.put_cursors((each.log, each.read, each.others_delivered, each.others_read) for each in shown)
        except HistoryProblem as problem:
            # Told to the server all the same: nobody would come back to it.
            self._tell(events.HistoryFailed(str(problem)))


def _unreported(track: FollowedConversation) -> LogCursor | None:
    """What the server is to be told of this log; taken for told by this."""
    shown, (delivered, read) = track.shown, track.reported
    # What was read elsewhere may not be here yet, and must not count as delivered here.
    now = max(delivered, shown.delivered), max(read, min(shown.read, shown.delivered))
    if not track.is_proven or not shown.is_open or now == track.reported:
        return None
    track.reported = now
    return LogCursor(shown.log, now[0], min(now[1], shown.delivered))
