"""`lanline smtp flush`: sends what waits in the outbox, by hand or from cron, and settles what is uncertain."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.smtp import options
from lanline.cli.smtp.screen import complain, dialogue_sink, preparing, progress, run, say, show
from lanline.errors import InvalidInput, LanlineError

if TYPE_CHECKING:
    from lanline.client.smtp.courier import Passage
    from lanline.client.smtp.dispatch import Outcome
    from lanline.client.smtp.outbox import Outbox, Record, Route


def flush(
    smtp_host: Annotated[
        str | None, typer.Option("--smtp-host", metavar="HOST", help="Only what waits for this server.")
    ] = None,
    password_command: options.PasswordCommand = None,
    outbox: options.OutboxFolder = None,
    list_: Annotated[bool, typer.Option("--list", help="Show what is in the outbox, and send nothing.")] = False,
    resend: Annotated[
        list[str] | None,
        typer.Option("--resend", metavar="MESSAGE-ID", help="Send this uncertain or refused one again."),
    ] = None,
    discard: Annotated[
        list[str] | None, typer.Option("--discard", metavar="MESSAGE-ID", help="Drop this one without sending it.")
    ] = None,
    timeout: options.Timeout = None,
    verbose: options.Verbose = False,
) -> None:
    """Send what waits in the outbox. What is uncertain or refused is only sent again when --resend names it."""
    from lanline.client.smtp.flush import Flush, entries, settle_interrupted

    box = options.outbox(outbox)
    box.sweep()
    worst = _Worst()
    settle_interrupted(box, worst.show)
    _settle(box, resend or [], discard or [])
    listed = list(entries(box, worst.show))
    if list_:
        _list([record for _, record in listed])
    elif not discard or resend:
        waiting = [(token, record) for token, record in listed if _is_for(record, smtp_host)]
        with preparing():
            lookup = _Lookup(_queued_routes(record for _, record in waiting), password_command, timeout)
        bar = partial(progress, wanted=not verbose)
        work = Flush(box, lookup.passage, worst.show, bar, dialogue_sink(verbose))
        run(work.run([token for token, _ in waiting]))
        _remind(box)
    raise typer.Exit(worst.exit_status)


class _Worst:
    """Shows outcomes and remembers the one that matters to a script: refused before put off."""

    exit_status = 0

    def show(self, outcome: Outcome) -> None:
        show(outcome)
        statuses = {self.exit_status, outcome.exit_status}
        self.exit_status = next((status for status in (130, 64, 1, 75) if status in statuses), 0)


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
        found = self._found.get(route) or self._try(route)  # queued since, by another flush that gave up on it
        if isinstance(found, LanlineError):
            raise found
        return found

    def _try(self, route: Route) -> Passage | LanlineError:
        try:
            return options.passage(self._way(route), self._timeout_s)
        except LanlineError as error:
            return error

    def _way(self, route: Route) -> options.Way:
        from lanline.client.smtp.account import read_account, split_command
        from lanline.client.smtp.credentials import PasswordSource, account_source

        if route.config is not None:
            from pathlib import Path

            source = account_source(read_account(Path(route.config), route.account))
            if not source.is_empty:
                return options.Way(route, source, None)
        if route.username is not None and len(self._sign_ins) > 1:
            raise InvalidInput(
                "The outbox holds mail for several sign-ins, and one password cannot be for all: flush them one by one"
                " with --smtp-host, or send with --config."
            )
        command = (
            split_command(self._password_command, "--password-command") if self._password_command is not None else ()
        )
        return options.Way(route, PasswordSource(command=command), None)


def _queued_routes(records: Iterable[Record]) -> list[Route]:
    from lanline.client.smtp.outbox import State

    return list(dict.fromkeys(record.route for record in records if record.state is State.QUEUED))


def _is_for(record: Record, host: str | None) -> bool:
    return host is None or record.route.server.host == host


def _settle(box: Outbox, resend: list[str], discard: list[str]) -> None:
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
            complain(uncertain_sentence(record))
    refused = sum(record.state is State.REFUSED for record in records)
    if refused:
        complain(f"{refused} refused in the outbox: see --list, then --resend or --discard.")
