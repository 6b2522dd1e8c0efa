"""Owns what becomes of a message: sent, kept, refused or uncertain. Here alone the outbox follows the dialogue.

Not the words of the dialogue, and not the order of several messages.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from enum import Enum

import msgspec

from lanline.client.smtp.outbox import Entry, Outbox, Record, Route, State
from lanline.errors import MailDeferred, MailInterrupted, MailProblem, MailRefused, OutboxFull, OutboxProblem
from lanline.model.mail.message import Parcel
from lanline.model.mail.refusal import DeferredByServer, DialogueStep, Refusal, refusals_of
from lanline.proto.smtp.events import ConnectionBroke, Delivered, DeliveryUncertain, MessageUnfit
from lanline.transport.smtp.connecting import Interrupt
from lanline.transport.smtp.session import MailSession, Passage, Watch
from lanline.transport.smtp.tls import verifying_context


class Verdict(Enum):
    SENT = "sent"
    PARTLY_SENT = "partly sent"
    QUEUED = "queued"
    DEFERRED = "deferred"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"
    INTERRUPTED = "interrupted"


class Result(msgspec.Struct, frozen=True):
    """What became of a message for one recipient."""

    message_id: str
    recipient: str
    verdict: Verdict
    text: str


class Outcome(msgspec.Struct, frozen=True):
    verdict: Verdict
    text: str
    exit_status: int = 0
    results: tuple[Result, ...] = ()
    is_server_away: bool = False
    """Whoever tries the next message now meets the same."""
    wait_s: float | None = None


def the_same(message: Parcel | Record, verdict: Verdict, text: str) -> tuple[Result, ...]:
    """For each of its recipients."""
    return tuple(Result(message.message_id, one, verdict, text) for one in message.envelope.recipients)


def worst(statuses: Iterable[int]) -> int:
    """The exit status that matters to a script: refused before put off."""
    return next((status for status in (130, 64, 1, 75) if status in set(statuses)), 0)


class Courier:
    """Carries parcels to one server over one connection, and over another when that one ends between two of them."""

    def __init__(self, passage: Passage, interrupt: Interrupt, sink: Callable[[str], None] = lambda _: None) -> None:
        verifying_context(passage.server)  # what is wrong with a certificate file is told before anything is tried
        self._passage, self._sink = passage, sink
        self._session: MailSession | None = None
        self.interrupt = interrupt
        self.has_delivered = False
        """On the connection that it has now, or had last."""
        self.fruitless_count = 0
        """Connections in a row on which nothing was delivered."""

    @property
    def is_connected(self) -> bool:
        return self._session is not None and self._session.is_open

    def connect(self) -> MailSession:
        """Raises MailRefused, MailDeferred or MailInterrupted."""
        if self._session is not None:
            if self._session.is_open:
                return self._session
            self._session.abort()
        self.has_delivered = False
        self.fruitless_count += 1
        session = MailSession(self._passage, self.interrupt, self._sink)
        try:
            session.sign_in()
        except BaseException:
            session.abort()
            raise
        self._session = session
        return session

    def carry(self, parcel: Parcel, watch: Watch) -> Delivered:
        """A connection on which mail went before is allowed to have ended: servers count. A fresh one is not."""
        session, used_before = self.connect(), self.has_delivered
        try:
            delivered = session.deliver(parcel, watch)
        except (ConnectionBroke, DeferredByServer) as problem:
            refusals = refusals_of(problem)
            is_counted = any(refusal.is_counted for refusal in refusals)
            has_ended = not session.is_open and not any(refusal.is_throttle for refusal in refusals)
            was_judged = any(refusal.step is DialogueStep.CONTENT for refusal in refusals)
            if not used_before or was_judged or not (is_counted or has_ended):
                raise
            self.close()
            delivered = self.connect().deliver(parcel, watch)
        self.has_delivered, self.fruitless_count = True, 0
        return delivered

    def close(self) -> None:
        if self._session is not None:
            self._session.close()


class _Tried:
    """What came of a message so far, recipient by recipient; over several transactions where a server wants that."""

    def __init__(self, recipients: tuple[str, ...]) -> None:
        self.results = dict.fromkeys(recipients, (Verdict.DEFERRED, ""))
        self.deliveries: list[Delivered] = []
        self.refusals: dict[str, Refusal] = {}
        self.problem: MailProblem | None = None

    def note(self, recipients: tuple[str, ...], verdict: Verdict, text: str, refusals: Iterable[Refusal]) -> None:
        """The same for all of them, but for those with a refusal of their own."""
        self.results |= dict.fromkeys(recipients, (verdict, text))
        for refusal in refusals:
            if refusal.recipient:
                own = Verdict.DEFERRED if refusal.is_temporary else Verdict.REFUSED
                self.results[refusal.recipient] = own, str(refusal.reply)
                self.refusals[refusal.recipient] = refusal

    def note_delivery(self, delivered: Delivered) -> None:
        self.deliveries.append(delivered)
        for one in delivered.accepted:
            self.refusals.pop(one, None)
        self.note(delivered.accepted, Verdict.SENT, str(delivered.reply), delivered.refused)

    def note_problem(self, recipients: tuple[str, ...], problem: MailProblem) -> None:
        self.problem = problem
        refusals = problem.refused if isinstance(problem, DeliveryUncertain) else refusals_of(problem)
        self.note(recipients, _verdict(problem), str(problem), refusals)

    def whose(self, *verdicts: Verdict) -> tuple[str, ...]:
        return tuple(one for one, (verdict, _) in self.results.items() if verdict in verdicts)

    @property
    def last_refusals(self) -> tuple[Refusal, ...]:
        return tuple(self.refusals.values()) if self.problem is None else refusals_of(self.problem)

    @property
    def is_about_message(self) -> bool:
        """Only then may it be dropped: the next server, or the next day, would say no to it again."""
        verdicts = [refusal.is_about_message for refusal in self.last_refusals]
        return isinstance(self.problem, MessageUnfit) or (bool(verdicts) and all(verdicts))


def _verdict(problem: MailProblem) -> Verdict:
    if isinstance(problem, DeliveryUncertain):
        return Verdict.UNCERTAIN
    if isinstance(problem, MailInterrupted):
        return Verdict.INTERRUPTED
    return Verdict.DEFERRED if isinstance(problem, MailDeferred) else Verdict.REFUSED


class Dispatch(msgspec.Struct, frozen=True):
    """Sends a message and says what became of it. What is queued is on the disk before the server hears of it."""

    courier: Courier
    outbox: Outbox
    progress: Callable[[int], None] = lambda _: None

    def send(self, parcel: Parcel, route: Route, *, queue: bool, keep_typed: bool = False) -> Outcome:
        """A message that nobody has tried to send before. With `keep_typed`, it cannot be had again elsewhere."""
        if queue:
            return self._send_queued(parcel, route)
        tried = self._try(parcel, Watch(self.progress), None)
        is_uncertain, is_lost = isinstance(tried.problem, DeliveryUncertain), keep_typed and not tried.deliveries
        if tried.problem is None or not (is_lost or is_uncertain):
            return self._outcome(parcel, tried)
        state = State.UNCERTAIN if is_uncertain else State.REFUSED
        try:
            self.outbox.put(parcel, route, state, str(tried.problem)).release()
        except OutboxProblem as failure:
            lost = f"It could not be kept either ({failure}) Its Message-ID is {parcel.message_id}."
            return self._outcome(parcel, tried, sentence=lost)
        return self._outcome(parcel, tried, sentence=self._settle_sentence(parcel))

    def _send_queued(self, parcel: Parcel, route: Route) -> Outcome:
        try:
            entry = self.outbox.put(parcel, route, State.QUEUED)
        except OutboxProblem as problem:
            raise MailDeferred(f"{problem} Nothing was sent, and nothing is kept.") from problem
        try:
            return self._send_entry(entry, fresh=True)
        except OutboxFull as problem:
            # Not to be tried again as a new message: it would be there twice.
            text = f"{parcel.message_id} is in it, as it was: `{self.outbox.command}` sends it, or says that it may"
            raise OutboxProblem(f"{problem} {text} have been sent.") from problem
        finally:
            entry.release()

    def resend(self, entry: Entry) -> Outcome:
        """A message from the outbox. A final refusal is kept with its reason: nobody may be looking now."""
        return self._send_entry(entry, fresh=False)

    def _settle_sentence(self, parcel: Parcel) -> str:
        command, message_id = self.outbox.command, parcel.message_id
        return (
            f"It is kept as {message_id} and not sent again by itself: ask a recipient, then"
            f" `{command} --resend '{message_id}'` or `--discard '{message_id}'`."
        )

    def _try(self, parcel: Parcel, watch: Watch, entry: Entry | None) -> _Tried:
        """Those who were too many for one transaction go in another; each takes at least one of them."""
        tried, left = _Tried(parcel.envelope.recipients), parcel
        while True:
            try:
                delivered = self.courier.carry(left, watch)
            except MailProblem as problem:
                tried.note_problem(left.envelope.recipients, problem)
                return tried
            tried.note_delivery(delivered)
            rest = tuple(refusal.recipient for refusal in delivered.refused if refusal.is_crowded)
            if not rest or delivered.interrupted:
                return tried
            left = msgspec.structs.replace(left, envelope=msgspec.structs.replace(left.envelope, recipients=rest))
            if entry is not None:
                entry.keep_for(tried.whose(Verdict.DEFERRED), State.QUEUED, "too many recipients at once")

    def _send_entry(self, entry: Entry, *, fresh: bool) -> Outcome:
        parcel = entry.parcel()
        tried = self._try(parcel, Watch(self.progress, lambda: entry.mark(State.SENDING)), entry)
        if isinstance(tried.problem, DeliveryUncertain):
            with contextlib.suppress(OutboxProblem):  # the record says SENDING, which is found to be the same later
                waiting = tried.whose(Verdict.UNCERTAIN, Verdict.DEFERRED)
                entry.keep_for(waiting, State.UNCERTAIN, str(tried.problem))
            return self._outcome(parcel, tried, sentence=self._settle_sentence(parcel))
        try:
            return self._outcome(parcel, tried, self._settle(entry, tried, fresh=fresh))
        except OutboxProblem as problem:
            if not tried.deliveries:
                raise
            # Also without room it is not to be tried again.
            sent = self._outcome(parcel, tried)
            text = f"{sent.text}. But the outbox does not know: {problem}"
            return msgspec.structs.replace(sent, text=text, exit_status=OutboxProblem.exit_status)

    def _settle(self, entry: Entry, tried: _Tried, *, fresh: bool) -> tuple[str, ...]:
        """Who has it is done with. The others stay where trying again, or a person, can do something."""
        later = tried.whose(Verdict.DEFERRED, Verdict.INTERRUPTED)
        refused = tried.whose(Verdict.REFUSED)
        if not tried.is_about_message:
            later, refused = later + refused, ()
        keep = later if fresh else later + refused
        if not keep:
            entry.remove()
            return ()
        reason = str(tried.problem) if tried.problem is not None else str(tried.refusals[keep[0]])
        if isinstance(tried.problem, MailInterrupted):
            reason = "interrupted"
        entry.keep_for(keep, State.QUEUED if later else State.REFUSED, reason)
        return later

    def _outcome(self, parcel: Parcel, tried: _Tried, kept: tuple[str, ...] = (), sentence: str = "") -> Outcome:
        verdict, text, status = self._judged(parcel, tried, kept)
        refusals, courier = tried.last_refusals, self.courier
        is_slowed = any(refusal.is_throttle for refusal in refusals)
        was_taken = any(refusal.step is DialogueStep.CONTENT for refusal in refusals)  # which is about this message
        is_away = courier.fruitless_count > was_taken and not courier.is_connected
        is_unsent = verdict in {Verdict.DEFERRED, Verdict.QUEUED, Verdict.REFUSED}
        results = [
            Result(parcel.message_id, one, Verdict.QUEUED if one in kept else verdict, text)
            for one, (verdict, text) in tried.results.items()
        ]
        return Outcome(
            verdict,
            f"{text} {sentence}".strip(),
            status,
            tuple(results),
            is_server_away=is_unsent and (is_slowed or is_away),
            wait_s=next((refusal.wait_s for refusal in refusals if refusal.wait_s is not None), None),
        )

    def _judged(self, parcel: Parcel, tried: _Tried, kept: tuple[str, ...]) -> tuple[Verdict, str, int]:
        problem, sent = tried.problem, tried.whose(Verdict.SENT)
        reasons = " ".join(str(refusal) for refusal in tried.refusals.values())
        if sent:
            return self._judged_sent(parcel, tried, sent, kept, reasons)
        assert problem is not None
        status = problem.exit_status
        if isinstance(problem, DeliveryUncertain):
            return Verdict.UNCERTAIN, f"{problem} {reasons}".strip(), status
        if not kept:
            return _verdict(problem), str(problem), status
        if isinstance(problem, MailInterrupted):
            return Verdict.INTERRUPTED, f"{problem} It stays in the outbox, to be flushed.", status
        when = "when that is mended, " if isinstance(problem, MailRefused) else ""
        text = f"{problem} It is kept in the outbox; {when}`{self.outbox.command}` sends it."
        return Verdict.QUEUED, text, status if isinstance(problem, MailRefused) else 0

    def _judged_sent(
        self, parcel: Parcel, tried: _Tried, sent: tuple[str, ...], kept: tuple[str, ...], reasons: str
    ) -> tuple[Verdict, str, int]:
        problem, unsent = tried.problem, tuple(one for one in tried.results if one not in sent)
        whom = ", ".join(sent) if len(sent) <= 3 else f"{len(sent)} recipients"
        text = f"Sent {parcel.message_id} to {whom}. The server said: {tried.deliveries[-1].reply}"
        if any(delivered.interrupted for delivered in tried.deliveries):
            text = f"Interrupted too late to stop it. {text}"
        if not unsent:
            return Verdict.SENT, text, 0
        more = f" The outbox keeps it for {', '.join(kept)}." if kept else ""
        more += f" {problem}" if problem is not None and not refusals_of(problem) else ""
        text = f"{text}. Not sent to {', '.join(unsent)}: {reasons}{more}"
        is_for_now = all(refusal.is_temporary for refusal in tried.refusals.values())
        all_kept = set(kept) == set(unsent) and is_for_now and isinstance(problem, MailDeferred | None)
        verdict = Verdict.UNCERTAIN if isinstance(problem, DeliveryUncertain) else Verdict.PARTLY_SENT
        return verdict, text, 0 if all_kept else 1
