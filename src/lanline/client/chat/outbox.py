"""Owns what was typed until it is on the server's disk: kept first, then sent in the order of typing, bounded.

Not what becomes of it afterwards: `messages.OwnMessages`.

Order is a promise, so there is one queue for all conversations: a row that has no log yet (the first words to somebody)
holds up those behind it for the one round trip that finding it takes. A row that the server puts off is sent again
together with all that follow it (go-back-N). After a reconnect everything not yet committed goes out anew, under the
same ids, which the server knows. The file is longer than others, since that order can be followed in one place only.
"""

from __future__ import annotations

import msgspec

from lanline.client.chat.context import NodeContext
from lanline.client.chat.conversations import Conversations
from lanline.client.chat.history import OutboxRow, Sent
from lanline.client.chat.messages import OwnMessages, message_of_row
from lanline.client.chat.pacing import Pacing, Unseen
from lanline.client.chat.sealed.content import OPENED, TOPIC_BEGINS, seal
from lanline.client.chat.sealed.hindrances import Hindrance
from lanline.client.chat.sealed.seals import Seals
from lanline.client.chat.session import Answer, ClientSession, refusal
from lanline.client.view import events
from lanline.client.view.values import ENDED_MARK, Conversation, Message, MessageState, Person
from lanline.clock import Timer
from lanline.errors import HistoryProblem, InvalidInput, RefusalCode, RequestRefused
from lanline.model.content import Content, Note, Topic, check_content
from lanline.model.names import checked_name, checked_room_name, folded_name
from lanline.model.text import safe_line
from lanline.wire.chat.answers import Refused
from lanline.wire.chat.conversations import OpenDirect, Opened
from lanline.wire.chat.entries import Append, Committed, LogEntry
from lanline.wire.chat.groups import GiveUp
from lanline.wire.sealing.said import SAID_SUITE, TOPIC_SUITE

MAX_UNCOMMITTED = 64
MAX_UNCOMMITTED_BYTES = 256 * 1024
_MIN_PAUSE_S = 0.05
_UNSAID_PAUSE_S = 1.0
_MAX_PAUSE_S = 60.0
_STALE_PAUSE_S = 0.1
_MIN_OPENING_PAUSE_S = 0.5
_UNSEEN = "The server says that it has this, and does not show it. Others may have read it: ask before you say it anew."


def checked_destination(text: str) -> str:
    """A `#room` or a nickname, as it is kept in the outbox; raises InvalidInput."""
    return checked_room_name(text) if text.startswith("#") else checked_name(text)


class Outbox:
    def __init__(self, context: NodeContext, conversations: Conversations, own: OwnMessages, seals: Seals) -> None:
        self._history = context.history
        self._rows = context.history.outbox
        self._clock = context.clock
        self._line = context.line
        self._tell = context.tell
        self._conversations = conversations
        self._directory = conversations.directory
        self._own = own
        self._seals = seals
        seals.when_changed(self.send)
        self._session: ClientSession | None = None
        self._under_way: dict[int, OutboxRow] = {}
        self._bytes_under_way = 0
        self._sent_through = 0
        self._put_off: OutboxRow | None = None
        """The first that the server put off. It wants this very one before any other."""
        self._pause: Timer | None = None
        self._is_sending = False
        self._unwritten_pause_s = _UNSAID_PAUSE_S
        self._openings: set[str] = set()
        """Nicknames whose conversation the server is asked to open."""
        self._forgotten: dict[bytes, Message] = {}
        self._passed_over: dict[int, int] = {}
        """Logs that take nothing now, for sealing or a slow room, with the position of the first row that waits."""
        self._pacing = Pacing(context.clock, self.send)
        self._unseen = Unseen(context.clock, self.send)
        self._maybe_sent_through = self._rows.last_position()
        """What waits up to there may stand in its log already: a copy of this home has sent it, or this one itself,
        before a restore. Then the server keeps that, and what is sealed now never comes: each is a run of its own.
        """

    # What is in it.

    @property
    def messages(self) -> list[Message]:
        """What is queued or refused, in the order it was typed."""
        return [message_of_row(row, self._conversations.account) for row in self._rows.all()]

    def find(self, entry_id: bytes) -> Message | None:
        """Also a refused one that was taken off the show, for whoever still waits to hear what became of it."""
        row = self._rows.find(entry_id)
        return self._forgotten.get(entry_id) if row is None else message_of_row(row, self._conversations.account)

    # In.

    def say(self, target: int | str, content: Content | Note, entry_id: bytes) -> Message:
        """To a log, or to a `#room` or nickname. It is on the disk when this returns, and goes out as soon as it can.

        Under an id that was said already it is said once. Raises InvalidInput for what no server would take, and
        HistoryProblem when the disk does not take it.
        """
        check_content(content)
        if isinstance(content, Topic) and not self._seals.is_sealed:
            raise InvalidInput("Without a group, a topic is not said: the server is asked to set it.")
        suite, sealed = seal(content)
        log, destination = self._destination(target)
        row = self._rows.add(OutboxRow(0, entry_id, log, destination, suite, sealed, self._clock.now_ms()))
        message = message_of_row(row, self._conversations.account)
        self._own.note_queued(entry_id)
        self._tell(events.MessageQueued(message))
        self.send()
        return message

    def _destination(self, target: int | str) -> tuple[int | None, str]:
        if isinstance(target, str):
            destination = checked_destination(target)
            track = self._conversations.titled(destination)
            return (track.shown.log if track is not None and track.shown.is_open else None), destination
        track = self._conversations.get(target)
        if track is None or not (track.shown.is_open or track.is_missed):
            raise InvalidInput("You are not in this conversation any more.")
        # What a restored server calls this conversation is known with its table.
        return target if track.shown.is_open else None, track.shown.title

    def say_again(self, entry_id: bytes) -> None:
        """Queue a refused message anew, behind all others."""
        row = self._rows.find(entry_id)
        if row is not None and self._rows.requeue(entry_id):
            self._own.note_queued(entry_id)
            self._tell(events.MessageStateChanged(row.log, entry_id, MessageState.QUEUED))
            self.send()

    def forget(self, entry_id: bytes) -> None:
        """Take a refused message off the show."""
        message = self.find(entry_id)
        if message is not None and message.state is MessageState.REFUSED:
            self._forgotten[entry_id] = message
            self._rows.forget(entry_id)
            self._tell(events.MessageForgotten(entry_id))

    # Links.

    def begin_epoch(self) -> None:
        """The server was restored, to what nobody knows."""
        self._maybe_sent_through = self._rows.last_position()

    def begin_link(self, session: ClientSession) -> None:
        self.end_link()
        self._session = session
        self.send()

    def end_link(self) -> None:
        self._session = None
        self._under_way = {}
        self._bytes_under_way = self._sent_through = 0
        self._put_off = None
        self._passed_over = {}
        self._pacing.forget_all()
        self._unseen.end_link()
        self._openings = set()
        if self._pause is not None:
            self._pause.cancel()
        self._pause = None

    # Out.

    def send(self) -> None:
        """As much as may be under way, and as the link takes."""
        if self._is_sending:  # a listener has said something: the loop below gets to it
            return
        self._is_sending = True
        self._look_again()
        try:
            self._send_rows()
        except HistoryProblem as problem:
            self._on_unwritten(problem)
        else:
            if self._pause is None:  # or nothing was tried
                self._unwritten_pause_s = _UNSAID_PAUSE_S
        finally:
            self._is_sending = False

    def _send_rows(self) -> None:
        while self._may_send() and (rows := self._next_rows()):
            for row in rows:
                if not self._may_send() or not self._send_row(row):
                    return

    def _on_unwritten(self, problem: HistoryProblem) -> None:
        """Nothing goes out that is not on the disk before: it is tried again until it is, ever more rarely."""
        if self._unwritten_pause_s == _UNSAID_PAUSE_S:
            self._tell(events.HistoryFailed(str(problem)))
        self._tell(events.SendingPutOff(f"{problem} What you have said is kept, and sent when it can be written."))
        pause_s, self._unwritten_pause_s = self._unwritten_pause_s, min(2 * self._unwritten_pause_s, _MAX_PAUSE_S)
        if self._pause is None:
            self._pause = self._clock.call_later(pause_s, self._on_pause_over)

    def _may_send(self) -> bool:
        is_bounded = len(self._under_way) < MAX_UNCOMMITTED and self._bytes_under_way < MAX_UNCOMMITTED_BYTES
        return is_bounded and self._session is not None and self._session.has_room and self._pause is None

    def _next_rows(self) -> list[OutboxRow]:
        if self._put_off is not None:
            entry_id, self._put_off = self._put_off.entry_id, self._still_waiting(self._put_off)
            if self._put_off is not None:
                return [self._put_off]
            self._line.send(GiveUp(entry_id))
        under_way = {row.position for row in self._under_way.values()}
        rows = self._rows.waiting(self._sent_through, MAX_UNCOMMITTED)
        return [row for row in rows if row.position not in under_way]

    def _still_waiting(self, row: OutboxRow) -> OutboxRow | None:
        """As it is kept now: another program of this home may have been quicker, or its seal was taken off."""
        kept = self._rows.find(row.entry_id)
        return kept if kept is not None and kept.refused_code is None else None

    def _send_row(self, row: OutboxRow) -> bool:
        """False: nothing may follow for now."""
        log = row.log if row.log is not None else self._find_log(row.destination)
        if log is None:
            return False
        if isinstance(log, RequestRefused):
            self._refuse_rows(row.destination, log)
            self._sent_through = max(self._sent_through, row.position)
            return True
        if row.log is None:
            self._rows.resolve(row.destination, log)
            row = msgspec.structs.replace(row, log=log)
        ready = self._slowness(log) or self._sealed(row, log)
        if ready is None:
            return False
        if isinstance(ready, OutboxRow):
            self._append(ready, log)
        else:
            self._pass_over(row, log, ready)
        self._sent_through = max(self._sent_through, row.position)
        return True

    def _sealed(self, row: OutboxRow, log: int) -> OutboxRow | Hindrance | None:
        """On the disk before it goes out. None: it cannot be sealed just now, and neither can what follows."""
        shown = self._conversations.shown(log)
        if row.sealed is not None or (self._seals.is_known() and not self._seals.is_sealed):
            return row
        if shown is None:
            return Hindrance(f"The server does not say which conversation is the one with {row.destination}.")
        return self._sealed_now(row, shown) if self._seals.is_known() else None

    def _sealed_now(self, row: OutboxRow, shown: Conversation) -> OutboxRow | Hindrance | None:
        if folded_name(shown.title.removesuffix(ENDED_MARK)) != folded_name(row.destination.removesuffix(ENDED_MARK)):
            text = f"The server calls this conversation {shown.title} now, and it was said to {row.destination}."
            return Hindrance(f"{text} Nothing was sent.", is_final=True)
        if (hindrance := self._seals.hindrance(shown)) is not None:
            return hindrance
        if self._conversations[shown.log].is_being_compared:
            return None
        is_alone = row.position <= self._maybe_sent_through
        if is_alone:
            self._seals.end_run(shown.log)
        sealed = self._seals.seal(shown, row.entry_id, row.content)
        if sealed is None:
            if self._seals.problem:
                self._tell(events.SendingPutOff(self._seals.problem))
            return None
        try:
            kept = self._rows.put_sealed(row.entry_id, sealed)
        except HistoryProblem:
            self._seals.end_run(shown.log)  # or the next words would name some that never come
            raise
        if is_alone or kept is None or kept.sealed != sealed:  # or another program of this home was quicker
            self._seals.end_run(shown.log)
        return kept

    def _slowness(self, log: int) -> Hindrance | None:
        shown = self._conversations.shown(log)
        is_under_way = any(each.log == log for each in self._under_way.values())
        if shown is None:
            return None
        reason = self._pacing.reason(shown, is_under_way=is_under_way) or self._unseen.reason(shown)
        return Hindrance(reason) if reason else None

    def _pass_over(self, row: OutboxRow, log: int, hindrance: Hindrance) -> None:
        """What is said to others does not wait for it."""
        if self._put_off is not None and self._put_off.position == row.position:
            self._put_off = None
            self._line.send(GiveUp(row.entry_id))
        if hindrance.is_final:
            self._refuse(row, RequestRefused(RefusalCode.NOT_ALLOWED, hindrance.text))
            return
        self._passed_over[log] = min(row.position, self._passed_over.get(log, row.position))
        self._tell(events.SendingPutOff(hindrance.text))

    def _look_again(self) -> None:
        """At what was passed over, where it can be sealed by now, or never."""
        if self._put_off is not None:  # it comes before all others
            return
        for log, position in list(self._passed_over.items()):
            shown = self._conversations.shown(log)
            hindrance = self._slowness(log) or (None if shown is None else self._seals.hindrance(shown))
            if hindrance is None or hindrance.is_final:
                del self._passed_over[log]
                self._sent_through = min(self._sent_through, position - 1)

    def _append(self, row: OutboxRow, log: int) -> None:
        session = self._session
        assert session is not None
        number = session.next_request()
        self._under_way[number] = row
        self._bytes_under_way += len(row.content)
        self._put_off = None
        sealed_as = TOPIC_SUITE if row.content.startswith(TOPIC_BEGINS) else SAID_SUITE
        suite, content = (row.suite, row.content) if row.sealed is None else (sealed_as, row.sealed)
        session.send(Append(number, log, row.entry_id, suite, content))

    # Answers.

    def on_committed(self, message: Committed) -> None:
        sent = [
            self._sent(row, place.sequence, place.time_ms)
            for place in message.places
            if (row := self._take(place.request)) is not None
        ]
        if sent:
            self._history.add_sent(sent)
        for each in sent:
            self._own.note_sent(each.log, each.entry)
            self._pacing.note(self._conversations.shown(each.log))
        self.send()
        for log in self._passed_over:  # what was sent meanwhile says nothing of what still waits
            if (slowness := self._slowness(log)) is not None:
                self._tell(events.SendingPutOff(slowness.text))

    def _sent(self, row: OutboxRow, sequence: int, time_ms: int) -> Sent:
        facts = self._directory.own
        suite = row.suite if row.sealed is None else OPENED
        entry = LogEntry(sequence, row.entry_id, facts.account, facts.device, time_ms, suite, row.content)
        return Sent(row.log or 0, entry, None if row.content.startswith(TOPIC_BEGINS) else row.sealed)

    def _take(self, request: int) -> OutboxRow | None:
        row = self._under_way.pop(request, None)
        if row is not None:
            self._bytes_under_way -= len(row.content)
        return row

    def on_refused(self, message: Refused) -> None:
        """Of no append, or of one that goes out anew already, nothing is to be done."""
        row, refused = self._take(message.request), refusal(message)
        if row is None:
            return
        if refused.code is RefusalCode.STALE_KEYS:
            if not refused.retry_after_s:
                self._note_stale(row)
            self._take_seals_off(row)
            if refused.retry_after_s:
                self._on_other_stands(row, refused.retry_after_s)
            else:
                self._go_back(row, _STALE_PAUSE_S)
        elif refused.code is RefusalCode.SLOW_ROOM and row.log is not None:
            self._take_seals_off(row)
            self._pacing.note(self._conversations.shown(row.log), refused.retry_after_s)
            self._let_others_pass(row, row.log)
        elif refused.retry_after_s or refused.code is RefusalCode.SLOW_DOWN:
            self._go_back(row, refused.retry_after_s)
            self._tell_put_off(refused)
        else:
            if row.sealed is not None:  # nothing that follows it is taken before it is given up
                self._take_seals_off(row)
                self._line.send(GiveUp(row.entry_id))
            self._refuse(row, refused)
            self.send()

    def _on_other_stands(self, row: OutboxRow, wait_s: float) -> None:
        """A copy of this home has said it, and it is about to be read here. If it never is, that has an end."""
        assert row.log is not None
        if self._still_waiting(row) is None or not self._unseen.note(row.log, row.entry_id, wait_s):
            self._go_back(row, min(wait_s, _UNSAID_PAUSE_S))
            return
        if self._unseen.is_enough(row.log, row.entry_id):
            self._refuse(row, RequestRefused(RefusalCode.STALE_KEYS, _UNSEEN))
        self._let_others_pass(row, row.log)

    def _let_others_pass(self, row: OutboxRow, log: int) -> None:
        self._line.send(GiveUp(row.entry_id))
        self._sent_through = min(self._sent_through, row.position - 1)
        self._passed_over[log] = min(row.position, self._passed_over.get(log, row.position))
        self.send()

    def _note_stale(self, row: OutboxRow) -> None:
        shown = self._conversations.shown(row.log or 0)
        if shown is not None and row.sealed is not None:
            self._seals.note_stale(shown, row.sealed)

    def _take_seals_off(self, row: OutboxRow) -> None:
        """What was sealed after it names it, and it does not come into the log."""
        assert row.log is not None
        self._rows.take_seals_off(row.log, row.position)
        self._seals.end_run(row.log)

    def _refuse(self, row: OutboxRow, refused: RequestRefused) -> None:
        self._rows.refuse(row.entry_id, refused.code, str(refused))
        self._own.note_refused(row, refused)

    def _tell_put_off(self, refused: RequestRefused) -> None:
        self._tell(events.SendingPutOff(safe_line(str(refused))))

    def _go_back(self, row: OutboxRow, pause_s: float) -> None:
        """To this row: what was sent after it, the server does not take before it has this one again."""
        for number, later in list(self._under_way.items()):
            if later.position > row.position:
                self._take(number)
        self._sent_through = row.position
        self._put_off = self._rows.find(row.entry_id) or row
        if self._pause is not None:
            self._pause.cancel()
        self._pause = self._clock.call_later(max(pause_s or _UNSAID_PAUSE_S, _MIN_PAUSE_S), self._on_pause_over)

    def _on_pause_over(self) -> None:
        self._pause = None
        self.send()

    # Where a row without a log is to go.

    def _find_log(self, destination: str) -> int | RequestRefused | None:
        """None: not known yet, and being found out."""
        track = self._conversations.titled(destination)
        if track is not None and track.shown.is_open:
            return track.shown.log
        if not self._line.is_synchronized:
            return None
        if destination.startswith("#"):
            return RequestRefused(RefusalCode.UNKNOWN_CONVERSATION, f"You are not in {destination}. Join it first.")
        person = self._directory.named(destination)
        if person is None:
            return RequestRefused(RefusalCode.UNKNOWN_PERSON, f"There is nobody called {destination} here.")
        self._open(destination, person)
        return None

    def _open(self, destination: str, person: Person) -> None:
        if destination not in self._openings:
            self._openings.add(destination)
            self._line.request(OpenDirect(0, person.account), lambda answer: self._on_opened(destination, answer))

    def _on_opened(self, destination: str, answer: Answer) -> None:
        match answer:
            case Opened(_, log):
                self._openings.discard(destination)
                self._rows.resolve(destination, log)
                self.send()
            case RequestRefused(retry_after_s=pause_s) if pause_s:
                pause_s = max(pause_s, _MIN_OPENING_PAUSE_S)
                self._clock.call_later(pause_s, lambda: self._open_again(destination))
                self._tell_put_off(answer)
            case RequestRefused():
                self._openings.discard(destination)
                self._refuse_rows(destination, answer)
                self.send()
            case _:
                self._openings.discard(destination)  # the link has ended; the next one asks anew

    def _open_again(self, destination: str) -> None:
        self._openings.discard(destination)
        self.send()

    def _refuse_rows(self, destination: str, refused: RequestRefused) -> None:
        for row in self._rows.all():
            if row.log is None and row.destination == destination and row.refused_code is None:
                self._refuse(row, refused)
