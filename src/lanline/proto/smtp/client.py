"""Owns the client's side of a dialogue with one mail server, from its greeting to QUIT (RFC 5321). Not the connection.

Each part of the dialogue is a generator that says a line and waits for the reply, so it reads as the RFC does. Until
the final dot is handed out a failure is certain: nothing was sent. After it, only a reply makes anything certain.
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable, Generator
from typing import TypeAlias

from lanline.errors import LanlineError, MailDeferred, MailInterrupted, MailProblem, MailRefused, ProtocolViolation
from lanline.model.mail.message import Envelope
from lanline.model.mail.refusal import DialogueStep, Refusal, Reply, one_line, refused
from lanline.model.mail.server import Credentials, Security, Server, SignIn
from lanline.proto.smtp import events
from lanline.proto.smtp.events import ConnectionBroke, DeliveryUncertain, Event, Offer, State, Timeouts, offer_of
from lanline.proto.smtp.sasl import answers, chosen_way, decoded
from lanline.proto.smtp.wire import MASK, ReplyParser, SmtpTranscript, Stuffing

_GOODBYE_S = 5.0
_INTERRUPTED_S = 3.0
"""After Ctrl+C past the final dot: a moment for the reply, which turns 'nobody knows' into an answer."""

_Steps: TypeAlias = Generator[None, Reply | None, None]
_Asked: TypeAlias = Generator[None, Reply | None, Reply]


class SmtpClient:
    def __init__(
        self, server: Server, timeouts: Timeouts, transcript: SmtpTranscript, entropy: Callable[[int], bytes]
    ) -> None:
        self._server, self._timeouts, self._transcript, self._entropy = server, timeouts, transcript, entropy
        self._parser = ReplyParser()
        self._stuffing = Stuffing()
        self._out = bytearray()
        self._events: deque[Event] = deque()
        self._steps: _Steps | None = None
        self._step = DialogueStep.GREETING
        self._deadline: float | None = None
        self._is_reset = True
        self._is_complete = self._interrupted = False
        self._accepted: tuple[str, ...] = ()
        self._refusals: tuple[Refusal, ...] = ()
        self.offer = Offer({}, ())
        self.state = State.READY

    @property
    def is_open(self) -> bool:
        return self.state is not State.CLOSED

    # What the driver is told to do, one part of the dialogue after the other; each ends with an event.

    def open(self, own_name: str, now: float) -> None:
        self._begin(self._opening(own_name), now)

    def confirm_tls(self, version: str, now: float) -> None:
        self._transcript.note(f"from here on protected by {version}")
        self._move(State.WAITING)
        self._advance(None, now)

    def sign_in(self, credentials: Credentials, wanted: SignIn, now: float) -> None:
        self._begin(self._signing_in(credentials, wanted), now)

    def send_message(self, envelope: Envelope, size_bytes: int, now: float) -> None:
        self._begin(self._delivering(envelope, size_bytes), now)

    def send_content(self, chunk: bytes, now: float) -> None:
        """Raises InvalidInput for bytes that no server may be sent."""
        if self.state is State.CONTENT:
            self._out += self._stuffing.feed(chunk)
            self._deadline = now + self._timeouts.reply_s

    def finish_content(self, now: float) -> None:
        """From here on only a reply makes anything certain."""
        if self.state is State.CONTENT:
            self._out += self._stuffing.finish()
            self._transcript.client("(the message) .")
            self._is_complete = True
            self._move(State.WAITING)
            self._advance(None, now)

    def quit(self, now: float) -> None:
        self._begin(self._quitting(), now)

    def interrupt(self, now: float) -> None:
        if self._is_complete:
            self._interrupted = True
            self._deadline = min(now + _INTERRUPTED_S, self._deadline or now)
        elif self.is_open:
            self._fail(MailInterrupted("Interrupted before the message was complete: it was not sent."))

    def abandon(self) -> None:
        """The connection is gone, and nobody wants to hear of it."""
        self._move(State.CLOSED)

    # What comes in

    def receive_bytes(self, data: bytes, now: float) -> None:
        self._parser.feed(data)
        self._read_on(now)

    def receive_eof(self, now: float, problem: MailProblem | None = None) -> None:
        """Because of `problem`, where somebody knows."""
        self._read_on(now)
        if self._steps is not None and self.is_open:
            self._break_off(problem)
        else:
            self.abandon()

    def note_progress(self, now: float) -> None:
        """Bytes were acknowledged: whoever takes them, however slowly, is there."""
        if self._deadline is not None and not self._interrupted:
            self._deadline = now + self._limit_s()

    def handle_timer(self, now: float) -> None:
        if self._deadline is None or now < self._deadline or not self.is_open:
            return
        if self._is_complete:
            self._fail(self._uncertain("you interrupted it" if self._interrupted else "no answer came in time"))
            return
        why = f"did not answer in time at {self._step.value}."
        if self._step is DialogueStep.GREETING:
            why = "does not answer; it may be down, or a firewall is in the way."
        self._fail(MailDeferred(f"{self._server} {why} Nothing was sent; try again later."))

    # What goes out

    def bytes_to_send(self) -> bytes:
        data = bytes(self._out)
        self._out.clear()
        return data

    def next_event(self) -> Event | None:
        return self._events.popleft() if self._events else None

    def next_deadline(self) -> float | None:
        return self._deadline

    # The dialogue

    def _opening(self, own_name: str) -> _Steps:
        self._demand((yield from self._reply(DialogueStep.GREETING)), 220)
        yield from self._hello(own_name)
        if self._server.security is Security.STARTTLS:
            if "starttls" not in self.offer.extensions:
                raise MailRefused(
                    f"{self._server} does not offer STARTTLS, or something on the way took the offer out. Nothing was"
                    " sent, because it would have gone in clear. Try --smtps (port 465), or another network."
                )
            self._demand((yield from self._ask(DialogueStep.STARTTLS, "STARTTLS")), 220)
            self._parser = ReplyParser()  # RFC 3207, 4.2: what came in clear counts for nothing
            self._move(State.TLS)
            self._events.append(events.TlsRequested())
            yield
            yield from self._hello(own_name)
        self._end(events.Opened(self.offer))

    def _hello(self, own_name: str) -> _Steps:
        reply = yield from self._ask(DialogueStep.EHLO, f"EHLO {own_name}")
        if reply.code in {500, 502, 504, 550} and self._server.security is Security.NONE:
            self._demand((yield from self._ask(DialogueStep.EHLO, f"HELO {own_name}")), 250)
            return
        self._demand(reply, 250)
        self.offer = offer_of(reply)

    def _signing_in(self, who: Credentials, wanted: SignIn) -> _Steps:
        if self._server.security is Security.NONE:
            raise MailRefused("A password is not sent without TLS: leave out --no-tls, or the user name.")
        way = chosen_way(self.offer.sign_ins, wanted, self._server)
        self._transcript.hide(who.password)
        steps, said_count = answers(way, who, self._server, self._entropy), 1
        command, first = f"AUTH {way.value.upper()}", next(steps)
        secret = "" if first is None else self._encoded(first) or "="
        shown = f"{command} {MASK if secret else ''}".strip()
        reply = yield from self._ask(DialogueStep.AUTH, f"{command} {secret}".strip(), shown)
        while reply.code == 334:
            try:
                said = steps.send(decoded(reply.text.encode()))
            except StopIteration:
                reply = yield from self._ask(DialogueStep.AUTH, "*")  # RFC 4954, 4: it asks for more than there is
                break
            reply = yield from self._ask(DialogueStep.AUTH, self._encoded(said or b""), MASK)
            said_count += 1
        if way in {SignIn.XOAUTH2, SignIn.OAUTHBEARER} and 500 <= reply.code < 600:
            raise MailRefused(
                f"The server refused the access token ({self._shown(reply)}): it has expired, or was made for another"
                " user or purpose; get a new one."
            )
        self._demand(reply, 235)
        if way is SignIn.SCRAM_SHA_256 and said_count < 3:
            raise MailRefused("The server did not prove that it knows the password; nothing was sent. See --auth.")
        self._end(events.SignedIn(way))

    def _encoded(self, secret: bytes) -> str:
        text = base64.b64encode(secret).decode()
        self._transcript.hide(text)
        return text

    def _delivering(self, envelope: Envelope, size_bytes: int) -> _Steps:
        self.offer.check(envelope, size_bytes, self._server)
        self._stuffing, self._accepted, self._refusals = Stuffing(), (), ()
        if not self._is_reset:  # after a refusal; asked now, so that nobody waits for it to hear of the refusal
            self._demand((yield from self._ask(DialogueStep.MAIL, "RSET")), 250)
        self._is_reset = False
        first, *others = yield from self._envelope_replies(envelope, size_bytes)
        self._step = DialogueStep.MAIL
        self._demand(first, 250)
        self._step = DialogueStep.RCPT
        for recipient, reply in zip(envelope.recipients, others, strict=False):
            if reply.code in {250, 251, 252}:
                self._accepted += (recipient,)
            else:
                self._refusals += (self._refusal(reply, recipient),)
        if not self._accepted:
            raise refused(*self._refusals)
        self._demand((yield from self._ask(DialogueStep.DATA, "DATA")), 354)
        if not self._parser.is_empty:
            raise self._unasked()
        self._move(State.CONTENT)
        self._events.append(events.ContentRequested(self._accepted))
        yield
        reply = yield from self._reply(DialogueStep.CONTENT)
        if reply.code != 250 and reply.code < 400:
            self._move(State.CLOSED)
            raise self._uncertain(f"the answer was {reply.code}, which says neither yes nor no")
        self._is_complete, self._is_reset = False, True
        self._demand(reply, 250)
        self._end(events.Delivered(self._accepted, self._refusals, self._shown(reply), self._interrupted))

    def _envelope_replies(self, envelope: Envelope, size_bytes: int) -> Generator[None, Reply | None, list[Reply]]:
        """To MAIL and each RCPT: in one go where the server can (RFC 2920); else not past a MAIL that was refused."""
        notify = f" NOTIFY={envelope.dsn_notify.upper()}" if envelope.dsn_notify else ""
        lines = [self.offer.mail_command(envelope, size_bytes)]
        lines += [f"RCPT TO:<{recipient}>{notify}" for recipient in envelope.recipients]
        is_together, replies = "pipelining" in self.offer.extensions, list[Reply]()
        for line in lines:
            if not is_together:
                self._say(line)
            elif not replies:
                self._say(*lines)
            replies.append((yield from self._reply(DialogueStep.RCPT if replies else DialogueStep.MAIL)))
            if replies[-1].code == 421 or (not is_together and replies[0].code != 250):
                break
        return replies

    def _quitting(self) -> _Steps:
        yield from self._ask(DialogueStep.QUIT, "QUIT")
        self.abandon()
        self._end(events.Closed())

    # Saying, hearing, and what either may lead to

    def _ask(self, step: DialogueStep, line: str, shown: str | None = None) -> _Asked:
        self._say(line, shown=shown)
        return (yield from self._reply(step))

    def _say(self, *lines: str, shown: str | None = None) -> None:
        if not self._parser.is_empty:
            raise self._unasked()
        for line in lines:
            self._transcript.client(shown or line)
            self._out += line.encode() + b"\r\n"

    def _reply(self, step: DialogueStep) -> _Asked:
        self._step = step
        reply = yield
        assert reply is not None
        if reply.code == 421:  # RFC 5321, 3.8: it closes the connection now
            self._move(State.CLOSED)
        return reply

    def _demand(self, reply: Reply, code: int) -> None:
        if reply.code >= 400:
            raise refused(self._refusal(reply))
        if reply.code != code:
            raise self._nonsense(reply)

    def _refusal(self, reply: Reply, recipient: str = "") -> Refusal:
        if reply.code < 400:
            raise self._nonsense(reply)
        refusal = Refusal(self._step, self._shown(reply), recipient)
        if reply.code == 421 and recipient:
            raise refused(refusal)
        return refusal

    def _nonsense(self, heard: Reply) -> MailProblem:
        self._move(State.CLOSED)
        if self._is_complete:
            return self._uncertain("the answer was none that SMTP knows")
        shown = self._shown(heard)
        words = one_line(f"{shown.code or ''} {shown.text}")
        text = f"{self._server} does not speak SMTP: at {self._step.value} it said {words!r}."
        return MailRefused(f"{text} Nothing was sent.")

    def _unasked(self) -> MailProblem:
        """Something was said before it was asked for; 421 is how a server takes leave."""
        try:
            reply = self._parser.next_reply()
        except ProtocolViolation as cause:
            return self._nonsense(Reply(0, str(cause)))
        if reply is not None and reply.code == 421:
            self._move(State.CLOSED)
            self._transcript.server(reply)
            return ConnectionBroke(f"{self._server} took its leave ({reply}). Nothing was sent; try again later.")
        return self._nonsense(reply or Reply(0, "half a line"))

    def _shown(self, reply: Reply) -> Reply:
        return self._transcript.masked(reply, in_sign_in=self._step is DialogueStep.AUTH)

    def _uncertain(self, why: str) -> DeliveryUncertain:
        return DeliveryUncertain(
            f"Nobody can know whether the message was sent: {self._server} had all of it, and {why}.",
            self._accepted,
            self._refusals,
        )

    def _break_off(self, problem: MailProblem | None) -> None:
        if self._is_complete:
            self._fail(self._uncertain("the connection broke"))
        else:
            text = f"The connection to {self._server} broke at {self._step.value}. Nothing was sent; try again later."
            self._fail(problem or ConnectionBroke(text))

    # How the generators are turned over

    def _begin(self, steps: _Steps, now: float) -> None:
        assert self._steps is None
        if not self.is_open:
            self._break_off(None)
            return
        self._move(State.WAITING)
        self._steps = steps
        self._interrupted = False
        self._advance(None, now)
        self._read_on(now)

    def _read_on(self, now: float) -> None:
        try:
            while self.state in {State.WAITING, State.CONTENT} and (reply := self._parser.next_reply()) is not None:
                self._transcript.server(self._shown(reply))
                if self.state is State.WAITING:
                    self._advance(reply, now)
                    continue
                self._step = DialogueStep.CONTENT  # to a message that is not complete, which is at best a refusal
                early = f"{self._server} said {reply} before the message was complete. It was not sent."
                self._fail(refused(self._refusal(reply)) if reply.code >= 400 else MailRefused(early))
        except ProtocolViolation as cause:
            self._fail(self._nonsense(Reply(0, str(cause))))

    def _advance(self, reply: Reply | None, now: float) -> None:
        assert self._steps is not None
        try:
            self._steps.send(reply)
        except StopIteration:
            return
        except MailProblem as problem:
            self._end(events.Failed(problem))
            return
        self._deadline = now + self._limit_s()

    def _limit_s(self) -> float:
        if self._is_complete:
            return self._timeouts.last_reply_s
        return min(_GOODBYE_S, self._timeouts.reply_s) if self._step is DialogueStep.QUIT else self._timeouts.reply_s

    def _fail(self, problem: LanlineError) -> None:
        """In the middle of something nothing else can be said, so the dialogue is over."""
        self._move(State.CLOSED)
        self._end(events.Failed(problem))

    def _end(self, event: Event) -> None:
        self._steps, self._deadline, self._is_complete = None, None, False
        if self.is_open:
            self._move(State.READY)
        self._events.append(event)

    def _move(self, state: State) -> None:
        assert state is self.state or state in events.MOVES[self.state], (self.state, state)
        self.state = state
