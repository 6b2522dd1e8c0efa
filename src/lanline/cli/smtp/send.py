"""`lanline smtp send`: one message, or a batch of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.smtp import options
from lanline.cli.smtp.screen import complain, preparing
from lanline.cli.smtp.sending import Sending
from lanline.errors import InvalidInput
from lanline.model.mail.server import SignIn

if TYPE_CHECKING:
    from lanline.client.smtp.draft import Draft

Batch = Annotated[
    str | None, typer.Option("--batch", metavar="FILE.jsonl", help="Many messages, one JSON object a line.")
]


def send(
    smtp_host: options.Host = None,
    smtp_port: options.Port = None,
    smtps: options.Smtps = False,
    no_tls: options.NoTls = False,
    ca_file: options.CaFile = None,
    username: options.Username = None,
    password: options.Password = None,
    password_command: options.PasswordCommand = None,
    auth: options.Auth = SignIn.AUTO,
    config: options.Config = None,
    account: options.AccountName = None,
    from_addr: Annotated[
        str | None, typer.Option("--from-addr", metavar="ADDRESS", help="Default: the account's, or the user name.")
    ] = None,
    to_addr: Annotated[
        list[str] | None, typer.Option("--to-addr", metavar="ADDRESS", help="A recipient; repeatable.")
    ] = None,
    cc: Annotated[
        list[str] | None, typer.Option("--cc", metavar="ADDRESS", help="Gets a copy, and all see it; repeatable.")
    ] = None,
    bcc: Annotated[
        list[str] | None, typer.Option("--bcc", metavar="ADDRESS", help="Gets a copy, and nobody sees it; repeatable.")
    ] = None,
    subject: Annotated[str, typer.Option("--subject", metavar="TEXT", help="Any letters, one line.")] = "",
    body: Annotated[
        str | None, typer.Option("--body", metavar="TEXT", help="The text. Without any, it is read from stdin.")
    ] = None,
    body_file: Annotated[
        str | None, typer.Option("--body-file", metavar="FILE", help="The text from a UTF-8 file; - is stdin.")
    ] = None,
    html: Annotated[str | None, typer.Option("--html", metavar="TEXT", help="The same in HTML.")] = None,
    html_file: Annotated[
        str | None, typer.Option("--html-file", metavar="FILE", help="HTML from a UTF-8 file.")
    ] = None,
    attach: Annotated[
        list[str] | None, typer.Option("--attach", metavar="FILE", help="A file to go along; repeatable.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option("--header", metavar="'NAME: VALUE'", help="Another header field; repeatable.")
    ] = None,
    batch: Batch = None,
    start_line: Annotated[
        int, typer.Option("--start-line", metavar="NUMBER", min=1, help="Where in the batch to begin.")
    ] = 1,
    queue: Annotated[bool, typer.Option("--queue", help="Keep it on this machine when it cannot go now.")] = False,
    outbox: options.OutboxFolder = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the message, and send nothing.")] = False,
    timeout: options.Timeout = None,
    verbose: options.Verbose = False,
) -> None:
    """Send a message, over verified TLS or not at all.

    Exit status: 0 sent (or kept by --queue), 1 refused or uncertain, 75 try later, 64 wrong usage, 130 interrupted and
    not sent.
    """
    from lanline.client.smtp.draft import Draft

    with preparing():
        server_options = options.ServerOptions(
            host=smtp_host,
            port=smtp_port,
            smtps=smtps,
            no_tls=no_tls,
            ca_file=ca_file,
            username=username,
            password=password,
            password_command=password_command,
            auth=auth,
            config=config,
            account=account,
        )
        needs_server = not dry_run or smtp_host is not None or config is not None
        way = options.way(server_options) if needs_server else None
        draft = Draft(
            sender=_sender(from_addr, way, in_batch=batch is not None),
            to=tuple(to_addr or ()),
            cc=tuple(cc or ()),
            bcc=tuple(bcc or ()),
            subject=subject,
            text=_text(body, body_file, wanted=batch is None and html is None and html_file is None),
            html=_html(html, html_file),
            attachments=tuple(attach or ()),
            fields=tuple(_field(text) for text in header or ()),
        )
        if dry_run or way is None:
            _show(draft, batch, start_line)
            return
        box = options.outbox(outbox)
        sending = Sending(way, box, queue=queue, timeout_s=timeout, verbose=verbose)
        work = sending.one(draft) if batch is None else sending.batch(draft, _path(batch, "--batch"), start_line)
    raise typer.Exit(work())


def _sender(from_addr: str | None, way: options.Way | None, *, in_batch: bool) -> str:
    if from_addr is not None:
        return from_addr
    if way is not None and way.from_addr is not None:
        return way.from_addr
    if way is not None and way.route.username is not None and "@" in way.route.username:
        return way.route.username
    if in_batch:
        return ""  # each line may say its own
    raise InvalidInput("There is no sender; give one with --from-addr.")


def _text(body: str | None, body_file: str | None, *, wanted: bool) -> str | None:
    from lanline.client.smtp.draft import read_text

    if body is not None and body_file is not None:
        raise InvalidInput("--body and --body-file both give the text; leave one out.")
    if body is not None:
        return body
    if body_file is not None and body_file != "-":
        return read_text(_path(body_file, "--body-file"), "The text file")
    return _from_stdin() if wanted or body_file == "-" else None


def _from_stdin() -> str:
    from lanline.client.smtp.draft import MAX_TEXT_BYTES, decoded

    if sys.stdin is None:  # closed by who started this
        return ""
    if sys.stdin.isatty():
        complain("Type the text of the message; Ctrl+D on a line of its own ends it.", prefix="")
    try:
        return decoded(sys.stdin.buffer.read(MAX_TEXT_BYTES + 1), "The text from stdin")
    except OSError as cause:
        raise InvalidInput(f"The text cannot be read from stdin: {cause.strerror}.") from cause


def _html(html: str | None, html_file: str | None) -> str | None:
    from lanline.client.smtp.draft import read_text

    if html is not None and html_file is not None:
        raise InvalidInput("--html and --html-file both give the HTML; leave one out.")
    return html if html_file is None else read_text(_path(html_file, "--html-file"), "The HTML file")


def _field(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise InvalidInput("--header takes a name, a colon and a value, as in --header 'Reply-To: ann@example.org'.")
    return name.strip(), value


def _path(text: str, option: str) -> Path:
    if not text or "\0" in text:
        raise InvalidInput(f"The path of {option} is empty.")
    return Path(text)


def _show(draft: Draft, batch: str | None, start_line: int) -> None:
    """The message to stdout, byte for byte as a server would get it; who gets it to stderr."""
    from lanline.client.smtp.batch import messages
    from lanline.client.smtp.draft import compose

    batched = messages(_path(batch, "--batch"), draft, start_line) if batch is not None else ()
    for message in [compose(draft)] if batch is None else (numbered.message for numbered in batched):
        parcel = message.parcel()
        envelope = parcel.envelope
        complain(f"From {envelope.sender} to {', '.join(envelope.recipients)}, {parcel.size_bytes} bytes", prefix="")
        _write(parcel.chunks())


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
