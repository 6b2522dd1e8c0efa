"""One message over an open session: MAIL, RCPT, DATA, the bytes, the final dot, and the reply that decides.

Until the final dot is written a failure is certain: nothing was sent. After it, only a reply makes anything certain.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Any

import aiosmtplib
import msgspec
from aiosmtplib.protocol import SMTPProtocol

from lanline.errors import MailDeferred, MailInterrupted, MailProblem, MailRefused, MailUncertain
from lanline.model.mail.message import Envelope, Parcel
from lanline.model.mail.refusal import Refusal, Reply, Stage
from lanline.transport.smtp.dialogue import refused
from lanline.transport.smtp.session import Session, settled
from lanline.transport.smtp.stuffing import Stuffing

_INTERRUPTED_WAIT_S = 3.0
"""After Ctrl+C past the final dot: a moment for the reply, which turns 'nobody knows' into an answer."""


class Delivery(msgspec.Struct, frozen=True):
    """The server has the message for `accepted`; each of the others has its refusal."""

    accepted: tuple[str, ...]
    refused: tuple[Refusal, ...]
    reply: Reply
    interrupted: bool = False


class DeliveryUncertain(MailUncertain):
    """`accepted` are those who may have it; the refused ones do not."""

    def __init__(self, text: str, accepted: tuple[str, ...], refused: tuple[Refusal, ...]) -> None:
        super().__init__(text)
        self.accepted = accepted
        self.refused = refused


class Watch(msgspec.Struct, frozen=True):
    """What the caller wants to hear of: bytes as they go, and the last moment in which nothing is sent yet."""

    progress: Callable[[int], None] = lambda _: None
    before_last_dot: Callable[[], None] = lambda: None


async def deliver(session: Session, parcel: Parcel, watch: Watch) -> Delivery:
    """Raises MailRefused, MailDeferred or MailInterrupted (not sent), or DeliveryUncertain."""
    try:
        _check_offer(session, parcel)
        accepted, turned_away = await _announce(session, parcel)
        reply, interrupted = await _Content(session, accepted, turned_away).send(parcel.chunks(), watch)
    except asyncio.CancelledError:
        session.abort()
        raise MailInterrupted("Interrupted before the message was complete: it was not sent.") from None
    if reply.code >= 400:
        raise refused(Refusal(Stage.CONTENT, reply))
    return Delivery(accepted, turned_away, reply, interrupted)


def _check_offer(session: Session, parcel: Parcel) -> None:
    limit = session.offer.size_limit_bytes
    if limit is not None and parcel.size_bytes > limit:
        raise MailRefused(
            f"The message has {megabytes(parcel.size_bytes)} on the wire and {session.server} takes at most"
            f" {megabytes(limit)}; attachments grow by a third on the way. Nothing was sent."
        )
    if parcel.envelope.smtputf8 and "smtputf8" not in session.offer.extensions:
        raise MailRefused(
            f"An address of this message has letters outside ASCII before the @, and {session.server} does not take"
            " such addresses (SMTPUTF8). Nothing was sent."
        )


def megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1_000_000:.1f} MB" if size_bytes >= 100_000 else f"{size_bytes} bytes"


async def _announce(session: Session, parcel: Parcel) -> tuple[tuple[str, ...], tuple[Refusal, ...]]:
    """Sender and recipients, up to the server's leave to send. After a refusal the session is fit for the next."""
    dialogue, envelope = session.dialogue, parcel.envelope
    try:
        await dialogue.demand(Stage.MAIL, b"MAIL", *_mail_words(session, envelope, parcel.size_bytes))
        refusals: list[Refusal] = []
        for recipient in envelope.recipients:
            reply = await dialogue.ask(Stage.RCPT, b"RCPT", f"TO:<{recipient}>".encode())
            if reply.code >= 300:
                refusals.append(Refusal(Stage.RCPT, reply, recipient))
        if len(refusals) == len(envelope.recipients):
            raise _all_refused(refusals)
        reply = await dialogue.demand(Stage.DATA, b"DATA")
        if reply.code != 354:
            session.abort()  # it waits for another command and would take the message for commands
            raise MailRefused(f"{session.server} answered DATA with {reply}. Nothing was sent.")
    except MailProblem:
        if session.is_open:
            await _start_over(session)
        raise
    turned_away = {refusal.recipient for refusal in refusals}
    return tuple(address for address in envelope.recipients if address not in turned_away), tuple(refusals)


def _mail_words(session: Session, envelope: Envelope, size_bytes: int) -> list[bytes]:
    words = [f"FROM:<{envelope.sender}>".encode()]
    if "size" in session.offer.extensions:
        words.append(b"SIZE=%d" % size_bytes)
    if envelope.smtputf8:
        words += [b"BODY=8BITMIME"] * ("8bitmime" in session.offer.extensions) + [b"SMTPUTF8"]
    return words


def _all_refused(refusals: list[Refusal]) -> MailProblem:
    text = " ".join(str(refusal) for refusal in refusals[:5])
    more = f" And {len(refusals) - 5} more recipients." if len(refusals) > 5 else ""
    temporary = any(refusal.is_temporary for refusal in refusals)  # for those, trying again is worth it
    return (MailDeferred if temporary else MailRefused)(f"{text}{more} Nothing was sent.")


async def _start_over(session: Session) -> None:
    try:
        await session.dialogue.demand(Stage.EHLO, b"RSET")
    except MailProblem:
        session.abort()


class _Content:
    """The bytes after DATA's 354. The reply is listened for all along: a server may break off in the middle."""

    __slots__ = ("_accepted", "_reply", "_session", "_turned_away")

    def __init__(self, session: Session, accepted: tuple[str, ...], turned_away: tuple[Refusal, ...]) -> None:
        self._session = session
        self._accepted = accepted
        self._turned_away = turned_away
        self._reply: asyncio.Future[Any]

    async def send(self, chunks: Iterable[bytes], watch: Watch) -> tuple[Reply, bool]:
        protocol = self._session.dialogue.protocol
        if protocol is None:
            raise self._session.dialogue.broken(Stage.CONTENT, ConnectionResetError())
        self._reply = asyncio.ensure_future(protocol.read_response())
        try:
            await self._write(protocol, chunks, watch)
            return await self._decision()
        finally:
            if not self._reply.done():
                self._session.abort()  # in the middle of a message nothing else can be said
                self._reply.cancel()  # not awaited: an interruption here would cover up what has just been found out

    async def _write(self, protocol: SMTPProtocol, chunks: Iterable[bytes], watch: Watch) -> None:
        """One piece is held back, so that a short message and its dot leave in one write."""
        stuffing, held = Stuffing(), b""
        for chunk in chunks:
            if held:
                await self._drained(protocol, held)
            held = stuffing.feed(chunk)
            watch.progress(len(chunk))
        last = held + stuffing.finish()
        self._session.dialogue.transcript.client("(the message) .")
        watch.before_last_dot()
        try:
            protocol.write(last)
        except aiosmtplib.SMTPException as cause:
            raise self._session.dialogue.broken(Stage.CONTENT, cause) from cause

    async def _drained(self, protocol: SMTPProtocol, data: bytes) -> None:
        try:
            protocol.write(data)
        except aiosmtplib.SMTPException as cause:
            raise self._session.dialogue.broken(Stage.CONTENT, cause) from cause
        # The library's own copy of StreamWriter.drain(); it sends whole messages only, and so never calls it.
        drain: asyncio.Future[Any] = asyncio.ensure_future(protocol._drain_helper())  # noqa: SLF001
        await asyncio.wait(
            [drain, self._reply], timeout=self._session.patience.reply_s, return_when=asyncio.FIRST_COMPLETED
        )
        if self._reply.done():
            await settled(drain)
            raise self._too_early()
        if not drain.done():
            await settled(drain)
            raise self._session.dialogue.broken(Stage.CONTENT, TimeoutError())
        if drain.exception() is not None:
            raise self._session.dialogue.broken(Stage.CONTENT, ConnectionResetError())

    def _too_early(self) -> MailProblem:
        """An answer to a message that is not complete: at best a refusal."""
        self._session.abort()
        try:
            response = self._session.dialogue.recorded(self._reply.result())
        except (aiosmtplib.SMTPException, OSError, ValueError) as cause:
            return self._session.dialogue.broken(Stage.CONTENT, cause)
        refusal = Refusal(Stage.CONTENT, Reply(response.code, response.message))
        if response.code >= 400:
            return refused(refusal)
        return MailRefused(
            f"{self._session.server} said {refusal.reply} before the message was complete. It was not sent."
        )

    async def _decision(self) -> tuple[Reply, bool]:
        """The reply, and whether it was waited for against the person's wish."""
        interrupted = False
        try:
            await asyncio.wait([self._reply], timeout=self._session.patience.last_reply_s)
        except asyncio.CancelledError:
            interrupted = True
            await self._last_moment()
        if not self._reply.done():
            raise self._uncertain("you interrupted it" if interrupted else "no answer came in time")
        try:
            response = self._session.dialogue.recorded(self._reply.result())
        except (aiosmtplib.SMTPResponseException, ValueError) as cause:
            self._session.abort()
            raise self._uncertain("the answer was none that SMTP knows") from cause
        except (aiosmtplib.SMTPException, OSError) as cause:
            raise self._uncertain("the connection broke") from cause
        if 300 <= response.code < 400:
            self._session.abort()
            raise self._uncertain(f"the answer was {response.code}, which says neither yes nor no")
        return Reply(response.code, response.message), interrupted

    async def _last_moment(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([self._reply], timeout=_INTERRUPTED_WAIT_S)

    def _uncertain(self, why: str) -> DeliveryUncertain:
        return DeliveryUncertain(
            f"Nobody can know whether the message was sent: {self._session.server} had all of it, and {why}.",
            self._accepted,
            self._turned_away,
        )
