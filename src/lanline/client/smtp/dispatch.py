"""What becomes of a message: sent, kept, refused or uncertain. The one place where the outbox follows the dialogue."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from enum import Enum

import msgspec

from lanline.client.smtp.courier import Courier
from lanline.client.smtp.outbox import Entry, Outbox, Route, State
from lanline.errors import MailDeferred, MailInterrupted, MailRefused, MailUncertain, OutboxFull, OutboxProblem
from lanline.model.mail.message import Parcel
from lanline.model.mail.refusal import Refusal
from lanline.transport.smtp.delivery import Delivery, DeliveryUncertain, Watch


class Verdict(Enum):
    SENT = "sent"
    PARTLY_SENT = "partly sent"
    QUEUED = "queued"
    DEFERRED = "deferred"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"
    INTERRUPTED = "interrupted"


class Outcome(msgspec.Struct, frozen=True):
    verdict: Verdict
    text: str
    exit_status: int = 0


def _unwatched(size_bytes: int) -> None:
    pass


class Dispatch:
    """With `queue`, a message is on the disk before the server hears of it, and until the server has it."""

    __slots__ = ("_courier", "_outbox")

    def __init__(self, courier: Courier, outbox: Outbox) -> None:
        self._courier = courier
        self._outbox = outbox

    async def send(
        self, parcel: Parcel, route: Route, *, queue: bool, progress: Callable[[int], None] = _unwatched
    ) -> Outcome:
        """A message that nobody has tried to send before."""
        if not queue:
            return await self._send_unqueued(parcel, route, progress)
        try:
            entry = self._outbox.put(parcel, route, State.QUEUED)
        except OutboxProblem as problem:
            raise MailDeferred(f"{problem} Nothing was sent, and nothing is kept.") from problem
        try:
            return await self._send_entry(entry, progress, fresh=True)
        except OutboxFull as problem:
            # Not to be tried again as a new message: it would be there twice.
            raise OutboxProblem(f"{problem} {_unchanged_sentence(parcel)}") from problem
        finally:
            entry.release()

    async def resend(self, entry: Entry, progress: Callable[[int], None] = _unwatched) -> Outcome:
        """A message from the outbox. A final refusal is kept with its reason: nobody may be looking now."""
        return await self._send_entry(entry, progress, fresh=False)

    async def _send_unqueued(self, parcel: Parcel, route: Route, progress: Callable[[int], None]) -> Outcome:
        try:
            delivery = await self._courier.carry(parcel, Watch(progress))
        except DeliveryUncertain as error:
            return _uncertain(error, self._kept(parcel, route, error))
        except (MailRefused, MailDeferred, MailInterrupted, asyncio.CancelledError) as error:
            return _unsent(error)
        return _sent(parcel, delivery, queued=())

    def _kept(self, parcel: Parcel, route: Route, error: DeliveryUncertain) -> str:
        try:
            self._outbox.put(parcel, route, State.UNCERTAIN, str(error)).release()
        except OutboxProblem as problem:
            return f"It could not be kept either ({problem}) Its Message-ID is {parcel.message_id}."
        return _kept_sentence(parcel)

    async def _send_entry(self, entry: Entry, progress: Callable[[int], None], *, fresh: bool) -> Outcome:
        parcel = entry.parcel()
        try:
            delivery = await self._courier.carry(parcel, Watch(progress, lambda: entry.mark(State.SENDING)))
        except DeliveryUncertain as error:
            with contextlib.suppress(OutboxProblem):  # the record says SENDING, which is found to be the same later
                entry.mark(State.UNCERTAIN, str(error))
            return _uncertain(error, _kept_sentence(parcel))
        except MailDeferred as error:
            entry.mark(State.QUEUED, str(error))
            return Outcome(Verdict.QUEUED, f"{error} It is kept in the outbox; `lanline smtp flush` sends it.")
        except (MailInterrupted, asyncio.CancelledError) as error:
            entry.mark(State.QUEUED, "interrupted")
            interruption = _unsent(error)
            return msgspec.structs.replace(
                interruption, text=f"{interruption.text} It stays in the outbox, to be flushed."
            )
        except MailRefused as error:
            if fresh:
                entry.remove()
            else:
                entry.mark(State.REFUSED, str(error))
            return _unsent(error)
        try:
            return self._settle(entry, parcel, delivery, fresh=fresh)
        except OutboxProblem as problem:
            text = f"{_sent(parcel, delivery, queued=()).text}. But the outbox does not know: {problem}"
            return Outcome(Verdict.SENT, text, OutboxProblem.exit_status)  # also without room: not to be tried again

    def _settle(self, entry: Entry, parcel: Parcel, delivery: Delivery, *, fresh: bool) -> Outcome:
        """The accepted recipients are done with. The others stay where trying again, or a person, can do something."""
        waiting = tuple(refusal for refusal in delivery.refused if refusal.is_temporary or not fresh)
        if not waiting:
            entry.remove()
        else:
            state = State.QUEUED if any(refusal.is_temporary for refusal in waiting) else State.REFUSED
            entry.keep_for(_recipients(waiting), state, str(waiting[0]))
        return _sent(parcel, delivery, queued=tuple(refusal for refusal in waiting if refusal.is_temporary))


def _sent(parcel: Parcel, delivery: Delivery, queued: tuple[Refusal, ...]) -> Outcome:
    text = f"Sent {parcel.message_id} to {_named(delivery.accepted)}. The server said: {delivery.reply}"
    if delivery.interrupted:
        text = f"Interrupted too late to stop it. {text}"
    if not delivery.refused:
        return Outcome(Verdict.SENT, text)
    refusals = " ".join(str(refusal) for refusal in delivery.refused[:5])
    final = [refusal for refusal in delivery.refused if not refusal.is_temporary]
    kept = f" The outbox keeps it for {_named(_recipients(queued))}." if queued else ""
    exit_status = MailRefused.exit_status if final else 0 if queued else MailDeferred.exit_status
    return Outcome(
        Verdict.PARTLY_SENT,
        f"{text}. Not sent to {_named(_recipients(delivery.refused))}: {refusals}{kept}",
        exit_status,
    )


def _unchanged_sentence(parcel: Parcel) -> str:
    return (
        f"{parcel.message_id} is in it, as it was: `lanline smtp flush` sends it, or says that it may have been sent."
    )


def _unsent(error: BaseException) -> Outcome:
    if isinstance(error, MailRefused):
        return Outcome(Verdict.REFUSED, str(error), error.exit_status)
    if isinstance(error, MailDeferred):
        return Outcome(Verdict.DEFERRED, str(error), error.exit_status)
    text = (
        str(error)
        if isinstance(error, MailInterrupted)
        else "Interrupted before the message was on its way: it was not sent."
    )
    return Outcome(Verdict.INTERRUPTED, text, MailInterrupted.exit_status)


def _uncertain(error: DeliveryUncertain, kept: str) -> Outcome:
    refusals = "".join(f" {refusal}" for refusal in error.refused[:5])
    return Outcome(Verdict.UNCERTAIN, f"{error}{refusals} {kept}", MailUncertain.exit_status)


def _kept_sentence(parcel: Parcel) -> str:
    message_id = parcel.message_id
    return (
        f"It is kept as {message_id} and not sent again by itself: ask a recipient, then"
        f" `lanline smtp flush --resend '{message_id}'` or `--discard '{message_id}'`."
    )


def _recipients(refusals: tuple[Refusal, ...]) -> tuple[str, ...]:
    return tuple(refusal.recipient for refusal in refusals)


def _named(addresses: tuple[str, ...]) -> str:
    return ", ".join(addresses) if len(addresses) <= 3 else f"{len(addresses)} recipients"
