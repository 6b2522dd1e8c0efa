"""Owns `lanline smtp flush`: sends what waits in the outbox, by hand or from cron, and settles what is uncertain."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lanline.cli.smtp.options import Way, option, outbox, passage
from lanline.cli.smtp.screen import Telling, complain, dialogue_sink, preparing, progress, say, stopping
from lanline.errors import InvalidInput, LanlineError

if TYPE_CHECKING:
    from lanline.client.smtp.outbox import Outbox, Record, Route
    from lanline.client.smtp.sending import Passage

FLUSH_HELP = """Send what waits in the outbox.

What is uncertain or refused is only sent again when --resend names it.
"""


@dataclass(frozen=True, kw_only=True)
class FlushOptions:
    smtp_host: str | None = option("--smtp-host", "Only what waits for this server.", "HOST")
    password_command: str | None = option(
        "--password-command", "A command whose first line of output is the password.", "COMMAND"
    )
    outbox: str | None = option("--outbox", "The folder of waiting mail. Default: LANLINE_OUTBOX.", "FOLDER")
    list_: bool = option("--list", "Show what is in the outbox, and send nothing.")
    resend: tuple[str, ...] = option(
        "--resend", "Send this uncertain or refused one again; repeatable.", "MESSAGE-ID", ()
    )
    discard: tuple[str, ...] = option("--discard", "Drop this one without sending it; repeatable.", "MESSAGE-ID", ())
    timeout: float | None = option(
        "--timeout", "Seconds without progress to wait for. Default: 60, at the end 600.", "SECONDS", type_=float
    )
    verbose: bool = option("--verbose -v", "Show the dialogue, secrets masked.")
    json: bool = option("--json", "One JSON object a recipient on stdout.")
    log_file: str | None = option("--log-file", "Add a line for each recipient to this file.", "FILE")


def flush(options: FlushOptions) -> None:
    from lanline.client.smtp.flush import Flush, by_route, entries, settle_interrupted
    from lanline.client.smtp.sending import worst

    box = outbox(options.outbox)
    box.sweep()
    telling = Telling(as_json=options.json, log_file=options.log_file)
    settle_interrupted(box, telling.show)
    _settle(box, options.resend, options.discard)
    listed = list(entries(box, telling.show))
    if options.list_:
        _list([record for _, record in listed])
    elif not options.discard or options.resend:
        host = options.smtp_host
        waiting = by_route(entry for entry in listed if host in {None, entry[1].route.server.host})
        with preparing():
            lookup = _Lookup(list(waiting), options.password_command, options.timeout)
        bar = partial(progress, wanted=not options.verbose)
        with stopping() as interrupt:
            work = Flush(box, lookup.passage, telling.show, bar, interrupt, dialogue_sink(options.verbose))
            work.run(waiting)
        _remind(box)
    sys.exit(worst(telling.statuses))


class _Lookup:
    """Finds the password of a route again. One that belongs to one server never goes to another."""

    def __init__(self, routes: list[Route], password_command: str | None, timeout_s: float | None) -> None:
        self._sign_ins = {
            (route.server.host, route.username) for route in routes if route.username and not route.config
        }
        self._password_command = password_command
        self._timeout_s = timeout_s
        self._found = {route: self._try(route) for route in routes}  # now: a prompt cannot be interrupted later

    def passage(self, route: Route) -> Passage:
        found = self._found[route]
        if isinstance(found, LanlineError):
            raise found
        return found

    def _try(self, route: Route) -> Passage | LanlineError:
        try:
            return passage(self._way(route), self._timeout_s)
        except LanlineError as error:
            return error

    def _way(self, route: Route) -> Way:
        from lanline.client.smtp.accounts import Settings, read_account

        typed = Settings(smtp_host=route.server.host, auth=route.auth, netrc=route.netrc)
        if route.config is not None:
            settings = msgspec.structs.replace(read_account(Path(route.config), route.account), auth=route.auth)
            if settings != settings.without_password():
                return Way(route, settings)
        if route.username is not None and not route.netrc and len(self._sign_ins) > 1:
            raise InvalidInput(
                "The outbox holds mail for several sign-ins, and one password cannot be for all: flush them one by one"
                " with --smtp-host, or send with --config."
            )
        if not route.netrc:
            typed = msgspec.structs.replace(typed, password_command=self._password_command)
        return Way(route, typed)


def _settle(box: Outbox, resend: tuple[str, ...], discard: tuple[str, ...]) -> None:
    from lanline.client.smtp.flush import chosen
    from lanline.client.smtp.outbox import State

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
    from lanline.client.smtp.flush import entries, uncertain_sentence
    from lanline.client.smtp.outbox import State

    records = [record for _, record in entries(box, lambda _: None)]
    for record in records:
        if record.state is State.UNCERTAIN:
            complain(uncertain_sentence(box, record))
    refused = sum(record.state is State.REFUSED for record in records)
    if refused:
        complain(f"{refused} refused in the outbox: see `{box.command} --list`, then --resend or --discard.")
