"""Owns many messages from a file, one JSON object a line, and their way over one connection, with a word about each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from lanline.client.smtp.draft import Draft, compose
from lanline.client.smtp.files import Source
from lanline.client.smtp.outbox import Outbox, Route, State
from lanline.client.smtp.sending import Courier, Dispatch, Outcome, Verdict, the_same, worst
from lanline.errors import InvalidInput, MailDeferred, MailInterrupted, MailProblem
from lanline.model.mail.message import Parcel
from lanline.model.mail.refusal import one_line

_MAX_LINE_BYTES = 64_000_000
_LONGEST_WAIT_S = 600.0
_MAX_WAITS = 5


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said here takes the place of what the draft of the same name says."""

    sender: str | None = msgspec.field(default=None, name="from")
    to: str | list[str] | None = None
    cc: str | list[str] | None = None
    bcc: str | list[str] | None = None
    subject: str | None = None
    text: str | None = msgspec.field(default=None, name="body")
    html: str | None = None
    attachments: str | list[str] | None = msgspec.field(default=None, name="attach")
    inline: str | list[str] | None = None
    headers: dict[str, str] = {}
    message_id: str | None = None
    date: str | None = None


_SEVERAL = ("to", "cc", "bcc", "attachments", "inline")
_DECODER = msgspec.json.Decoder(_Line)


def messages(found: Source, defaults: Draft, start_line: int = 1) -> Iterator[tuple[int, Parcel]]:
    """With their lines; empty ones are passed over. Raises InvalidInput that names the line."""
    for number, raw in enumerate(_lines(found), 1):
        if number < start_line or not raw.strip():
            continue
        try:
            yield number, compose(_draft(raw, defaults))
        except InvalidInput as cause:
            raise InvalidInput(f"Line {number} of {_inside(found.what)}: {cause}") from cause


def checked_count(found: Source, defaults: Draft, start_line: int) -> int:
    """How many there are, each of them checked: a slip in the last line is better found before the first is sent."""
    count = sum(1 for _ in messages(found, defaults, start_line))
    if count == 0 and start_line > 1:
        raise InvalidInput(f"{found.what} has no message at line {start_line} or after it; see --start-line.")
    return count


def _inside(what: str) -> str:
    """A sentence that does not begin with it."""
    return what[:1].lower() + what[1:]


def _lines(found: Source) -> Iterator[bytes]:
    rest = b""
    for chunk in found.chunks():
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
        if len(rest) > _MAX_LINE_BYTES:
            raise InvalidInput(f"A line of {_inside(found.what)} is too long.")
    if rest:
        yield rest


def _draft(raw: bytes, defaults: Draft) -> Draft:
    try:
        line = _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise InvalidInput(f"it is not a message in JSON: {one_line(str(cause))}.") from cause
    said = {name: value for name, value in msgspec.structs.asdict(line).items() if value is not None}
    fields = (*defaults.fields, *said.pop("headers").items())
    for name in said.keys() & _SEVERAL:
        said[name] = (said[name],) if isinstance(said[name], str) else tuple(said[name])
    return msgspec.structs.replace(defaults, **said, fields=fields)


class Mailing:
    """A refused message does not stop the others; a server that is gone, or that wants less, does."""

    def __init__(
        self, courier: Courier, outbox: Outbox, route: Route, report: Callable[[Outcome, int], None], *, queue: bool
    ) -> None:
        self._courier, self._outbox, self._route, self._report, self._queue = courier, outbox, route, report, queue
        self._away: MailProblem | None = None
        self._statuses = set[int]()
        self.sent_count = 0
        self.stopped_at: int | None = None
        """The line to go on with; None when every line was dealt with."""

    @property
    def exit_status(self) -> int:
        return worst(self._statuses)

    def send_all(self, found: Source, defaults: Draft, start_line: int) -> None:
        try:
            for line, parcel in messages(found, defaults, start_line):
                self.stopped_at = line
                if self._courier.interrupt.is_set:
                    self._statuses.add(MailInterrupted.exit_status)
                    return
                outcome = self._send(line, parcel)
                self.sent_count += outcome.verdict in {Verdict.SENT, Verdict.PARTLY_SENT}
                self._statuses.add(outcome.exit_status)
                self._report(outcome, line)
                is_kept = outcome.verdict in {Verdict.QUEUED, Verdict.UNCERTAIN} or self._queue
                if outcome.verdict is Verdict.INTERRUPTED or (outcome.is_server_away and not self._queue):
                    self.stopped_at += is_kept  # what is in the outbox must not be begun with again
                    return
                self.stopped_at = None
        finally:
            self._courier.close()

    def _send(self, line: int, parcel: Parcel) -> Outcome:
        """Raises MailProblem when the server is gone and nothing can be queued: the rest is not even tried."""
        waits = 0
        while self._away is None:
            try:
                self._courier.connect()
            except MailInterrupted:
                raise MailInterrupted("Interrupted between two messages.") from None
            except MailProblem as problem:
                self._away = problem
                break
            outcome = Dispatch(self._courier, self._outbox).send(parcel, self._route, queue=self._queue)
            if outcome.is_server_away and self._queue:
                self._away = MailDeferred(outcome.text)
            wait_s, waits = outcome.wait_s, waits + 1
            if not outcome.is_server_away or self._queue or wait_s is None or waits > _MAX_WAITS:
                return outcome
            if wait_s > _LONGEST_WAIT_S or not self._waited(line, outcome, wait_s):
                return outcome
        if not self._queue:
            raise self._away
        self._outbox.put(parcel, self._route, State.QUEUED, str(self._away)).release()
        status = 0 if isinstance(self._away, MailDeferred) else self._away.exit_status
        text, results = f"{parcel.message_id} is kept in the outbox.", the_same(parcel, Verdict.QUEUED, str(self._away))
        return Outcome(Verdict.QUEUED, f"{text} {self._away}", status, results)

    def _waited(self, line: int, outcome: Outcome, wait_s: float) -> bool:
        self._courier.close()
        text = f"{outcome.text} It is tried again in {wait_s:.0f} s."
        self._report(msgspec.structs.replace(outcome, text=text), line)
        self._courier.interrupt.wait({}, wait_s)
        return not self._courier.interrupt.is_set
