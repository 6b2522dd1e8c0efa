"""Owns `lanline smtp flush`: sends what waits in the outbox, by hand or from cron, and settles what is uncertain."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import msgspec

from lanline.cli.smtp.options import (
    CertificateOptions,
    DialogueOptions,
    KeepingOptions,
    Way,
    option,
    outbox,
    parsed,
    passage,
)
from lanline.cli.smtp.screen import Telling, complain, dialogue_sink, preparing, progress, say, stopping
from lanline.client.smtp.accounts import Settings, read_account
from lanline.client.smtp.flush import Flush, by_route, chosen, entries, settle_interrupted, uncertain_sentence
from lanline.client.smtp.outbox import Outbox, Record, Route, State
from lanline.client.smtp.sending import worst
from lanline.errors import InvalidInput, LanlineError
from lanline.model.mail.server import Server
from lanline.transport.smtp.connecting import Interrupt
from lanline.transport.smtp.session import Passage

_HELP = """Send what waits in the outbox.

What is uncertain or refused is only sent again when --resend names it.
"""


class FlushOptions(CertificateOptions, KeepingOptions, DialogueOptions):
    smtp_host: str | None = option("HOST", "Only what waits for this server.")
    list_: bool = option("", "Show what is in the outbox, and send nothing.")
    resend: tuple[str, ...] = option("MESSAGE-ID", "Send this uncertain or refused one again; repeatable.", ())
    discard: tuple[str, ...] = option("MESSAGE-ID", "Drop this one without sending it; repeatable.", ())


def flush(words: list[str]) -> None:
    options = parsed(FlushOptions, "flush", _HELP, words)
    box, telling = outbox(options.outbox), Telling(as_json=options.json, log_file=options.log_file)
    box.sweep()
    settle_interrupted(box, telling.show)
    _settle(box, options.resend, options.discard)
    listed = list(entries(box, telling.show))
    if options.list_:
        _list([record for _, record in listed])
    elif not options.discard or options.resend:
        host = options.smtp_host
        waiting = by_route(entry for entry in listed if host in {None, entry[1].route.server.host})
        with preparing():
            found = _passages(waiting, options)
        bar = partial(progress, wanted=not options.verbose)
        with stopping(Interrupt()) as interrupt:
            Flush(box, found, telling.show, bar, interrupt, dialogue_sink(options.verbose)).run(waiting)
        _remind(box)
    sys.exit(worst(telling.statuses))


def _passages(routes: Iterable[Route], options: FlushOptions) -> dict[Route, Passage | LanlineError]:
    """Asks for every password now, as a prompt cannot be interrupted later."""
    sign_ins = {(route.server.host, route.username) for route in routes if route.username and not route.config}
    found = dict[Route, Passage | LanlineError]()
    for route in routes:
        try:
            chosen = _way(route, options.password_command, is_one=len(sign_ins) == 1)
            server = _server(route.server, options)
            found[route] = passage(
                chosen._replace(route=msgspec.structs.replace(route, server=server)), options.timeout
            )
        except LanlineError as error:
            found[route] = error
    return found


def _way(route: Route, password_command: str | None, *, is_one: bool) -> Way:
    """Where to find the password again. One that belongs to one server never goes to another."""
    if route.config is not None:
        settings = msgspec.structs.replace(read_account(Path(route.config), route.account), auth=route.auth)
        if settings != settings.without_password():
            return Way(route, settings)
    if route.username is not None and not route.netrc and not is_one:
        raise InvalidInput(
            "The outbox holds mail for several sign-ins, and one password cannot be for all: flush them one by one"
            " with --smtp-host, or send with --config."
        )
    command = None if route.netrc else password_command
    typed = Settings(smtp_host=route.server.host, auth=route.auth, netrc=route.netrc, password_command=command)
    return Way(route, typed)


def _server(server: Server, options: FlushOptions) -> Server:
    """With the certificates that are typed now, in place of those with which the mail was put into the outbox."""
    typed = options.certificates()
    now = Settings(smtp_host=server.host, **typed).server()
    if now.client_cert is not None:
        server = msgspec.structs.replace(server, client_cert=now.client_cert, client_key=now.client_key)
    if now.ca_file is not None or now.fingerprint is not None:
        server = msgspec.structs.replace(server, ca_file=now.ca_file, fingerprint=now.fingerprint)
    return server


def _settle(box: Outbox, resend: tuple[str, ...], discard: tuple[str, ...]) -> None:
    for message_id in discard:
        entry = chosen(box, message_id)
        entry.remove()
        entry.release()
        say(f"Discarded {entry.record.message_id}", sys.stdout)
    for message_id in resend:
        entry = chosen(box, message_id)
        entry.mark(State.QUEUED, "to be sent again")
        entry.release()


def _list(records: list[Record]) -> None:
    if not records:
        say("The outbox is empty.", sys.stdout)
    for record in records:
        recipients = ", ".join(record.envelope.recipients[:3]) + ", …" * (len(record.envelope.recipients) > 3)
        written = f"{record.written_at.astimezone():%Y-%m-%d %H:%M}"
        say(f"{record.state.value:<9}  {written}  {record.message_id}  to {recipients}", sys.stdout)
        if record.reason:
            say(f"           {record.reason}", sys.stdout)


def _remind(box: Outbox) -> None:
    records = [record for _, record in entries(box)]
    for record in records:
        if record.state is State.UNCERTAIN:
            complain(uncertain_sentence(box, record))
    if refused := sum(record.state is State.REFUSED for record in records):
        complain(f"{refused} refused in the outbox: see `{box.command} --list`, then --resend or --discard.")
