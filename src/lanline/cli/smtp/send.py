"""Owns `lanline smtp send`: one message, a batch of them, or a whole one from stdin.

Made ready is all that can fail or be interrupted with nothing sent: checks, the password, the count of a batch.
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from typing import BinaryIO

from lanline.cli.smtp.options import KeepingOptions, Way, WayOptions, option, outbox, parsed, passage, settings_of, way
from lanline.cli.smtp.screen import Telling, complain, dialogue_sink, preparing, progress, say, stopping
from lanline.client.smtp.batch import Mailing, checked_count, messages
from lanline.client.smtp.draft import Draft, checked_dsn, compose, raw_parcel, raw_source
from lanline.client.smtp.files import MAX_TEXT_BYTES, Source, copied, source, text_of
from lanline.client.smtp.sending import Courier, Dispatch
from lanline.errors import InvalidInput, LanlineError
from lanline.model.mail.message import LongText, Parcel
from lanline.model.mail.text import explained
from lanline.transport.smtp.connecting import Interrupt

_HELP = """Send a message, over verified TLS or not at all.

Exit status: 0 sent (or kept by --queue), 1 refused, partly sent or uncertain, 75 try later, 64 wrong usage, 130
interrupted and not sent.
"""
_MAX_BATCH_BYTES = 4_000_000_000


class SendOptions(KeepingOptions, WayOptions):
    from_addr: str | None = option("ADDRESS", "Default: the account's, or the user name.")
    to_addr: tuple[str, ...] = option("ADDRESS", "A recipient; repeatable.", ())
    cc: tuple[str, ...] = option("ADDRESS", "Gets a copy, and all see it; repeatable.", ())
    bcc: tuple[str, ...] = option("ADDRESS", "Gets a copy, and nobody sees it; repeatable.", ())
    subject: str = option("TEXT", "Any letters, one line.", "")
    body: str | None = option("TEXT", "The text. Without any, it is read from stdin.")
    body_file: str | None = option("FILE", "The text from a UTF-8 file; - is stdin.")
    html: str | None = option("TEXT", "The same in HTML.")
    html_file: str | None = option("FILE", "HTML from a UTF-8 file.")
    attach: tuple[str, ...] = option("FILE", "A file or a pipe to go along; repeatable.", ())
    inline: tuple[str, ...] = option("FILE", "A picture where the HTML says cid:NAME; repeatable.", ())
    header: tuple[str, ...] = option("'NAME: VALUE'", "Another header field; repeatable.", ())
    message_id: str | None = option("ID", "A Message-ID of your own.")
    date: str | None = option("DATE", "A date of your own.")
    raw: bool = option("", "A whole message from stdin; without --to-addr, to those in its header.")
    dsn_notify: str | None = option("WHEN", "Be told by mail: never, or success,failure,delay.")
    dsn_return: str | None = option("WHAT", "What such a report brings back: full or hdrs.")
    dsn_id: str | None = option("NAME", "What such a report calls the message.")
    batch: str | None = option("FILE.jsonl", "Many messages, one JSON object a line; - is stdin.")
    start_line: int | None = option("NUMBER", "Where in the batch to begin; the first line is 1.", None, int)
    queue: bool = option("", "Keep it on this machine when it cannot go now.")
    dry_run: bool = option("", "Show the message, and send nothing.")

    @property
    def is_from_stdin(self) -> bool:
        said = (self.body, self.body_file, self.html, self.html_file, self.batch)
        return self.body_file == "-" or all(one is None for one in said)


def send(words: list[str]) -> None:
    with preparing():
        options = parsed(SendOptions, "send", _HELP, words)
        _refuse_contradictions(options)
        if options.dry_run:
            return _show(options)
        work = _ready(options)
    sys.exit(work())


def _refuse_contradictions(options: SendOptions) -> None:
    start = options.start_line
    own_words = (options.body, options.body_file, options.html, options.html_file, options.subject, options.batch)
    own_parts = (*own_words, *options.attach, *options.inline, *options.header, *options.cc)
    for is_wrong, text in (
        (start is not None and options.batch is None, "--start-line is a line of --batch, and there is none."),
        (start is not None and start < 1, "--start-line counts from 1."),
        (None not in own_words[:2], "--body and --body-file both give the text; leave one out."),
        (None not in own_words[2:4], "--html and --html-file both give the HTML; leave one out."),
        (options.raw and any(own_parts), "--raw takes the whole message from stdin: nothing else can be put into it."),
        (options.batch == options.body_file == "-", "--batch and --body-file cannot both be read from stdin."),
    ):  # fmt: skip
        if is_wrong:
            raise InvalidInput(text)


def _show(options: SendOptions) -> None:
    """The message to stdout, byte for byte as a server would get it; who gets it to stderr."""
    for parcel in [raw(options)] if options.raw else _parcels(options):
        sender, recipients = parcel.envelope.sender, ", ".join(parcel.envelope.recipients)
        complain(f"From {sender} to {recipients}, {parcel.size_bytes} bytes", prefix="")
        with (
            explained("The message cannot be shown"),
            contextlib.suppress(BrokenPipeError),  # who reads has seen enough
            open(sys.stdout.fileno(), "wb", closefd=False) as stream,  # past the text layer, which would change it
        ):
            stream.writelines(parcel.chunks())


def _parcels(options: SendOptions) -> Iterator[Parcel]:
    draft = _draft(options, _text(options))
    if options.batch is None:
        yield compose(draft, complain)
    else:
        yield from (parcel for _, parcel in messages(_batch(options.batch), draft, options.start_line or 1))


def raw(options: SendOptions, *, are_in_header: bool = False, dot_ends: bool = False, sender_name: str = "") -> Parcel:
    stream, recipients = _stdin(), (*options.to_addr, *options.bcc)
    chunks = iter(stream.readline if dot_ends else lambda: stream.read(65_536), b"")
    return raw_parcel(
        raw_source(chunks, dot_ends=dot_ends),
        sender=settings_of(options)[0].sender,
        sender_name=sender_name,
        to=recipients,
        are_in_header=are_in_header or not recipients,
        dsn=checked_dsn(options.dsn_notify, options.dsn_return, options.dsn_id),
    )


def _ready(options: SendOptions) -> Callable[[], int]:
    chosen, telling = way(options), Telling(as_json=options.json, log_file=options.log_file)
    if options.raw:
        return send_one(raw(options), options, chosen, telling)
    if options.batch is not None:
        return _send_batch(options, chosen, telling)
    if not (options.is_from_stdin and sys.stdin is not None and sys.stdin.isatty()):
        return send_one(compose(_draft(options, _text(options)), complain), options, chosen, telling)
    compose(_draft(options, ""), complain)  # what is wrong with the rest is better known before one types
    return _send_typed(options, chosen, telling)


def _send_typed(options: SendOptions, chosen: Way, telling: Telling) -> Callable[[], int]:
    """The server is tried before the text is asked for, and a text that could not go is kept."""
    courier = _courier(options, chosen)

    def work() -> int:
        with stopping(courier.interrupt):
            courier.connect()
            courier.close()
        with preparing():
            parcel = compose(_draft(options, _text(options)))
        return send_one(parcel, options, chosen, telling, courier)()

    return work


def _courier(options: WayOptions, chosen: Way) -> Courier:
    return Courier(passage(chosen, options.timeout), Interrupt(), dialogue_sink(options.verbose))


def send_one(
    parcel: Parcel, options: SendOptions, chosen: Way, telling: Telling, tried: Courier | None = None
) -> Callable[[], int]:
    """By a courier that was `tried`, the text was typed since, and cannot be had again elsewhere."""
    box, courier = outbox(options.outbox), tried or _courier(options, chosen)

    def work() -> int:
        bar = progress(parcel.size_bytes, wanted=not options.verbose)
        with stopping(courier.interrupt), contextlib.closing(courier), bar as step:
            dispatch = Dispatch(courier, box, step)
            outcome = dispatch.send(parcel, chosen.route, queue=options.queue, keep_typed=tried is not None)
        telling.show(outcome)
        return outcome.exit_status

    return work


def _send_batch(options: SendOptions, chosen: Way, telling: Telling) -> Callable[[], int]:
    found, draft, start = _batch(options.batch or ""), _draft(options, _text(options)), options.start_line or 1
    count = checked_count(found, draft, start)
    courier, box = _courier(options, chosen), outbox(options.outbox)

    def work() -> int:
        status, mailing = 0, Mailing(courier, box, chosen.route, telling.show, queue=options.queue)
        with stopping(courier.interrupt):
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


def _stdin() -> BinaryIO:
    """Empty where who started this has closed it."""
    return sys.stdin.buffer if sys.stdin is not None else io.BytesIO()


def _batch(path: str) -> Source:
    if path != "-":
        return source(path, "The batch")
    return copied(iter(_stdin().readline, b""), "The batch from stdin", _MAX_BATCH_BYTES)


def _draft(options: SendOptions, text: str | LongText | None) -> Draft:
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
        html=_said(options.html, options.html_file, "The HTML file"),
        attachments=options.attach,
        inline=options.inline,
        fields=tuple(_field(text) for text in options.header),
        message_id=options.message_id,
        date=options.date,
        dsn=checked_dsn(options.dsn_notify, options.dsn_return, options.dsn_id),
    )


def _text(options: SendOptions) -> str | LongText | None:
    if not options.is_from_stdin:
        return _said(options.body, options.body_file, "The text file")
    if sys.stdin is not None and sys.stdin.isatty():
        complain("Type the text of the message; Ctrl+D on a line of its own ends it.", prefix="")
    return text_of(copied(iter(_stdin().readline, b""), "The text from stdin", MAX_TEXT_BYTES))


def _said(text: str | None, path: str | None, what: str) -> str | LongText | None:
    return text if path is None else text_of(source(path, what, MAX_TEXT_BYTES))


def _field(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise InvalidInput("--header takes a name, a colon and a value, as in --header 'Reply-To: ann@example.org'.")
    return name.strip(), value
