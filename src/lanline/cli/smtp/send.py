"""Owns `lanline smtp send` and `check`: one message, a batch of them, a whole one from stdin; or what a server offers.

Made ready is all that can fail or be interrupted with nothing sent: checks, the password, the count of a batch.
"""

from __future__ import annotations

import datetime as dt
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lanline.cli.smtp.options import (
    Way,
    WayOptions,
    option,
    outbox,
    passage,
    settings_of,
    way,
)
from lanline.cli.smtp.screen import Telling, complain, dialogue_sink, preparing, progress, say, stopping
from lanline.errors import InvalidInput, LanlineError, MailRefused

if TYPE_CHECKING:
    from lanline.client.smtp.draft import Draft
    from lanline.client.smtp.files import Source
    from lanline.client.smtp.sending import Courier, Outcome
    from lanline.model.mail.message import LongText, Parcel

SEND_HELP = """Send a message, over verified TLS or not at all.

Exit status: 0 sent (or kept by --queue), 1 refused, partly sent or uncertain, 75 try later, 64 wrong usage, 130
interrupted and not sent.
"""
CHECK_HELP = """Tell what a server offers, and send nothing.

TLS versions, each certificate and its expiry, ways to sign in, limits, and whether mail would be sent there.
"""


def _line_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise InvalidInput("--start-line takes the number of a line; the first is 1.")
    return int(text)


@dataclass(frozen=True, kw_only=True, repr=False)
class SendOptions(WayOptions):
    from_addr: str | None = option("--from-addr", "Default: the account's, or the user name.", "ADDRESS")
    to_addr: tuple[str, ...] = option("--to-addr", "A recipient; repeatable.", "ADDRESS", ())
    cc: tuple[str, ...] = option("--cc", "Gets a copy, and all see it; repeatable.", "ADDRESS", ())
    bcc: tuple[str, ...] = option("--bcc", "Gets a copy, and nobody sees it; repeatable.", "ADDRESS", ())
    subject: str = option("--subject", "Any letters, one line.", "TEXT", "")
    body: str | None = option("--body", "The text. Without any, it is read from stdin.", "TEXT")
    body_file: str | None = option("--body-file", "The text from a UTF-8 file; - is stdin.", "FILE")
    html: str | None = option("--html", "The same in HTML.", "TEXT")
    html_file: str | None = option("--html-file", "HTML from a UTF-8 file.", "FILE")
    attach: tuple[str, ...] = option("--attach", "A file or a pipe to go along; repeatable.", "FILE", ())
    inline: tuple[str, ...] = option("--inline", "A picture where the HTML says cid:NAME; repeatable.", "FILE", ())
    header: tuple[str, ...] = option("--header", "Another header field; repeatable.", "'NAME: VALUE'", ())
    message_id: str | None = option("--message-id", "A Message-ID of your own.", "ID")
    date: str | None = option("--date", "A date of your own.", "DATE")
    raw: bool = option("--raw", "A whole message from stdin; without --to-addr, to those in its header.")
    dsn_notify: str | None = option("--dsn-notify", "Be told by mail: never, or success,failure,delay.", "WHEN")
    dsn_return: str | None = option("--dsn-return", "What such a report brings back: full or hdrs.", "WHAT")
    dsn_id: str | None = option("--dsn-id", "What such a report calls the message.", "NAME")
    batch: str | None = option("--batch", "Many messages, one JSON object a line; - is stdin.", "FILE.jsonl")
    start_line: int | None = option("--start-line", "Where in the batch to begin.", "NUMBER", type_=_line_number)
    queue: bool = option("--queue", "Keep it on this machine when it cannot go now.")
    outbox: str | None = option("--outbox", "The folder of waiting mail. Default: LANLINE_OUTBOX.", "FOLDER")
    dry_run: bool = option("--dry-run", "Show the message, and send nothing.")
    json: bool = option("--json", "One JSON object a recipient on stdout.")
    log_file: str | None = option("--log-file", "Add a line for each recipient to this file.", "FILE")


def send(options: SendOptions) -> None:
    with preparing():
        _refuse_contradictions(options)
        work = _dry(options) if options.dry_run else _whole(options) if options.raw else _ready(options)
    sys.exit(work())


def _refuse_contradictions(options: SendOptions) -> None:
    if options.start_line is not None and options.batch is None:
        raise InvalidInput("--start-line is a line of --batch, and there is none.")
    if options.body is not None and options.body_file is not None:
        raise InvalidInput("--body and --body-file both give the text; leave one out.")
    if options.html is not None and options.html_file is not None:
        raise InvalidInput("--html and --html-file both give the HTML; leave one out.")
    own_words = (options.body, options.body_file, options.html, options.html_file, options.subject, options.batch)
    if options.raw and (any(own_words) or options.attach or options.inline or options.header or options.cc):
        raise InvalidInput("--raw takes the whole message from stdin: nothing else can be put into it.")
    if options.batch == "-" and options.body_file == "-":
        raise InvalidInput("--batch and --body-file cannot both be read from stdin.")


def _dry(options: SendOptions) -> Callable[[], int]:
    """The message to stdout, byte for byte as a server would get it; who gets it to stderr."""

    def work() -> int:
        for parcel in [raw(options)] if options.raw else _parcels(options):
            envelope = parcel.envelope
            complain(
                f"From {envelope.sender} to {', '.join(envelope.recipients)}, {parcel.size_bytes} bytes", prefix=""
            )
            _write(parcel.chunks())
        return 0

    return work


def _parcels(options: SendOptions) -> Iterator[Parcel]:
    from lanline.client.smtp.batch import messages
    from lanline.client.smtp.draft import compose

    draft = _draft(options, _text(options))
    if options.batch is None:
        yield compose(draft, complain).parcel()
    else:
        for numbered in messages(_batch(options.batch), draft, options.start_line or 1):
            yield numbered.message.parcel()


def _whole(options: SendOptions) -> Callable[[], int]:
    chosen, telling, parcel = way(options), _telling(options), raw(options)
    return send_one(parcel, options, chosen, telling)


def raw(options: SendOptions, *, are_in_header: bool = False, dot_ends: bool = False, sender_name: str = "") -> Parcel:
    from lanline.client.smtp.draft import RawDraft, checked_dsn, raw_parcel, raw_source

    stdin = sys.stdin.buffer if sys.stdin is not None else io.BytesIO()
    chunks = iter(stdin.readline if dot_ends else lambda: stdin.read(65_536), b"")
    recipients = (*options.to_addr, *options.bcc)
    draft = RawDraft(
        content=raw_source(chunks, dot_ends=dot_ends),
        sender=settings_of(options)[0].sender,
        sender_name=sender_name,
        to=recipients,
        are_in_header=are_in_header or not recipients,
        dsn=checked_dsn(options.dsn_notify, options.dsn_return, options.dsn_id),
    )
    return raw_parcel(draft)


def _ready(options: SendOptions) -> Callable[[], int]:
    chosen, telling = way(options), _telling(options)
    if options.batch is not None:
        return _send_batch(options, chosen, telling)
    from lanline.client.smtp.draft import compose

    is_typed = _is_from_stdin(options) and sys.stdin is not None and sys.stdin.isatty()
    if not is_typed:
        return send_one(compose(_draft(options, _text(options)), complain).parcel(), options, chosen, telling)
    compose(_draft(options, ""), complain)  # what is wrong with the rest is better known before one types
    return _send_typed(options, chosen, telling)


def _send_typed(options: SendOptions, chosen: Way, telling: Telling) -> Callable[[], int]:
    """The server is tried before the text is asked for, and a text that could not go is kept."""
    from lanline.client.smtp.draft import compose

    courier = _courier(options, chosen)

    def work() -> int:
        with stopping() as interrupt:
            first = courier(interrupt)
            first.connect()
            first.close()
        with preparing():
            parcel = compose(_draft(options, _text(options))).parcel()
        return send_one(parcel, options, chosen, telling, courier, keep_typed=True)()

    return work


def _courier(options: WayOptions, chosen: Way) -> Callable[..., Courier]:
    from lanline.client.smtp.sending import Courier

    found = passage(chosen, options.timeout)
    return lambda interrupt: Courier(found, interrupt, dialogue_sink(options.verbose))


def send_one(
    parcel: Parcel,
    options: SendOptions,
    chosen: Way,
    telling: Telling,
    courier: Callable[..., Courier] | None = None,
    *,
    keep_typed: bool = False,
) -> Callable[[], int]:
    from lanline.client.smtp.sending import Dispatch

    box, make = outbox(options.outbox), courier or _courier(options, chosen)

    def work() -> int:
        with stopping() as interrupt, progress(parcel.size_bytes, wanted=not options.verbose) as step:
            carrier = make(interrupt)
            try:
                outcome: Outcome = Dispatch(carrier, box).send(
                    parcel, chosen.route, queue=options.queue, keep_typed=keep_typed, progress=step
                )
            finally:
                carrier.close()
        telling.show(outcome)
        return outcome.exit_status

    return work


def _send_batch(options: SendOptions, chosen: Way, telling: Telling) -> Callable[[], int]:
    from lanline.client.smtp.batch import Mailing, checked_count

    found, draft, start = _batch(options.batch or ""), _draft(options, _text(options)), options.start_line or 1
    count = checked_count(found, draft, start)
    courier, box = _courier(options, chosen), outbox(options.outbox)

    def work() -> int:
        status = 0
        with stopping() as interrupt:
            mailing = Mailing(
                courier(interrupt), box, chosen.route, lambda line, outcome: telling.show(outcome, line),
                queue=options.queue,
            )  # fmt: skip
            try:
                mailing.send_all(found, draft, start)
            except LanlineError as error:
                status = error.exit_status
                complain(str(error))
        status = status or mailing.exit_status
        text = f"{mailing.sent_count} of {count} sent."
        if (line := mailing.stopped_at) is not None:
            text += f" From line {line} on nothing was; go on with --start-line {line}."
        say(text, sys.stderr if status or options.json else sys.stdout)
        return status

    return work


def _telling(options: SendOptions) -> Telling:
    return Telling(as_json=options.json, log_file=options.log_file)


def _batch(path: str) -> Source:
    from lanline.client.smtp.files import copied, source

    if path != "-":
        return source(path, "The batch")
    if sys.stdin is None:
        raise InvalidInput("There is no stdin to read the batch from.")
    return copied(iter(sys.stdin.buffer.readline, b""), "The batch from stdin", 4_000_000_000)


def _draft(options: SendOptions, text: str | LongText | None) -> Draft:
    from lanline.client.smtp.draft import Draft, checked_dsn

    html = options.html if options.html_file is None else _text_file(options.html_file, "The HTML file")
    sender = settings_of(options)[0].sender
    if sender is None and options.batch is None:
        raise InvalidInput("There is no sender; give one with --from-addr.")
    return Draft(
        sender=sender or "",
        to=options.to_addr,
        cc=options.cc,
        bcc=options.bcc,
        subject=options.subject,
        text=text,
        html=html,
        attachments=options.attach,
        inline=options.inline,
        fields=tuple(_field(text) for text in options.header),
        message_id=options.message_id,
        date=options.date,
        dsn=checked_dsn(options.dsn_notify, options.dsn_return, options.dsn_id),
    )


def _is_from_stdin(options: SendOptions) -> bool:
    said = (options.body, options.body_file, options.html, options.html_file, options.batch)
    return options.body_file == "-" or all(one is None for one in said)


def _text(options: SendOptions) -> str | LongText | None:
    from lanline.client.smtp.files import MAX_TEXT_BYTES, copied, text_of

    if _is_from_stdin(options):
        if sys.stdin is None:  # closed by who started this
            return ""
        if sys.stdin.isatty():
            complain("Type the text of the message; Ctrl+D on a line of its own ends it.", prefix="")
        try:
            return text_of(copied(iter(sys.stdin.buffer.readline, b""), "The text from stdin", MAX_TEXT_BYTES))
        except OSError as cause:
            raise InvalidInput(f"The text cannot be read from stdin: {cause.strerror}.") from cause
    return options.body if options.body_file is None else _text_file(options.body_file, "The text file")


def _text_file(path: str, what: str) -> str | LongText:
    from lanline.client.smtp.files import MAX_TEXT_BYTES, source, text_of

    return text_of(source(path, what, MAX_TEXT_BYTES))


def _field(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise InvalidInput("--header takes a name, a colon and a value, as in --header 'Reply-To: ann@example.org'.")
    return name.strip(), value


def _write(chunks: Iterable[bytes]) -> None:
    """Past the text layer and its buffer: nothing is changed on the way, and nothing is left to fail at the end."""
    if sys.stdout is None:
        return
    descriptor = sys.stdout.fileno()
    try:
        for chunk in chunks:
            view = memoryview(chunk)
            while view:
                view = view[os.write(descriptor, view) :]
    except BrokenPipeError:  # who reads has seen enough
        return
    except OSError as cause:
        raise InvalidInput(f"The message cannot be shown: {cause.strerror}.") from cause


def check(options: WayOptions) -> None:
    from lanline.client.smtp.survey import in_words, survey
    from lanline.proto.smtp.transcript import Transcript

    with preparing():
        found = passage(way(options), options.timeout)
    sink = dialogue_sink(options.verbose)
    with stopping() as interrupt:
        seen = survey(found, Transcript(sink) if sink else Transcript(), interrupt)
    for line in in_words(seen, dt.datetime.now(dt.UTC)):
        say(line, sys.stdout)
    if seen.objection:
        sys.exit(MailRefused.exit_status)
