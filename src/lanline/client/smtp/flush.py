"""Owns the way of what waits in the outbox: one connection for each route, the oldest message first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager

import msgspec

from lanline.client.smtp.outbox import Entry, Outbox, Record, Route, State
from lanline.client.smtp.sending import Courier, Dispatch, Outcome, Passage, Verdict
from lanline.errors import (
    InvalidInput,
    LanlineError,
    MailDeferred,
    MailInterrupted,
    MailUncertain,
    OutboxFull,
    OutboxProblem,
)
from lanline.model.mail.text import shown
from lanline.transport.smtp.connecting import Interrupt


class Flush:
    """`passage_for` finds a password again; `report` gets each outcome, `progress` the bytes of each message."""

    def __init__(
        self,
        outbox: Outbox,
        passage_for: Callable[[Route], Passage],
        report: Callable[[Outcome], None],
        progress: Callable[[int], AbstractContextManager[Callable[[int], None]]],
        interrupt: Interrupt,
        sink: Callable[[str], None] | None = None,
    ) -> None:
        self._outbox = outbox
        self._passage_for = passage_for
        self._report = report
        self._progress = progress
        self._interrupt = interrupt
        self._sink = sink

    def run(self, waiting: dict[Route, list[str]]) -> None:
        for route, tokens in waiting.items():
            try:
                courier = Courier(self._passage_for(route), self._interrupt, self._sink)
            except LanlineError as error:
                self._put_off(error, tokens, route)
                continue
            try:
                self._carry_all(courier, route, tokens)
            finally:
                courier.close()
            if self._interrupt.is_set:
                return

    def _put_off(self, error: LanlineError, tokens: list[str], route: Route) -> None:
        count = "1 message stays" if len(tokens) == 1 else f"{len(tokens)} messages stay"
        verdict = Verdict.INTERRUPTED if isinstance(error, MailInterrupted) else Verdict.DEFERRED
        self._report(Outcome(verdict, f"{error} {count} in the outbox for {route.server}.", error.exit_status))

    def _carry_all(self, courier: Courier, route: Route, tokens: list[str]) -> None:
        dispatch = Dispatch(courier, self._outbox)
        for place, token in enumerate(tokens):
            left = tokens[place:]
            if self._interrupt.is_set:
                self._put_off(MailInterrupted("Interrupted."), left, route)
                return
            try:
                courier.connect()
                outcome = self._carry(dispatch, token)
            except OutboxFull as problem:  # nor could the next be noted
                self._put_off(problem, left, route)
                return
            except OutboxProblem as problem:  # of this message; the next may be well
                outcome = Outcome(Verdict.DEFERRED, str(problem), OutboxProblem.exit_status)
            except LanlineError as error:
                self._put_off(error, left, route)
                return
            if outcome is not None:
                self._report(outcome)
            if outcome is not None and (outcome.is_server_away or outcome.verdict is Verdict.INTERRUPTED):
                if left[1:] and outcome.is_server_away:
                    self._put_off(MailDeferred("The server wants no more for now."), left[1:], route)
                return

    def _carry(self, dispatch: Dispatch, token: str) -> Outcome | None:
        entry = self._outbox.claim(token)
        if entry is None:
            return None
        try:
            if entry.record.state is not State.QUEUED:  # it was, before another process took it
                return None
            with self._progress(entry.record.size_bytes) as step:
                outcome = dispatch.resend(entry, step)
        except OutboxFull as problem:
            if entry.record.state is State.QUEUED:
                raise
            # The dot was out, and what came of it cannot be noted.
            raise OutboxProblem(f"{problem} {uncertain_sentence(self._outbox, entry.record)}") from problem
        finally:
            entry.release()
        if outcome.verdict is Verdict.QUEUED or (outcome.verdict is Verdict.PARTLY_SENT and outcome.exit_status == 0):
            return msgspec.structs.replace(outcome, exit_status=outcome.exit_status or MailDeferred.exit_status)
        return outcome


def settle_interrupted(outbox: Outbox, report: Callable[[Outcome], None]) -> None:
    """Messages whose sender died after the final dot become uncertain, and are told of."""
    for token, record in entries(outbox, report):
        if record.state is State.SENDING:
            try:
                entry = outbox.claim(token)
            except OutboxProblem as problem:
                report(Outcome(Verdict.DEFERRED, str(problem), OutboxProblem.exit_status))
                continue
            if entry is not None:
                text = uncertain_sentence(outbox, entry.record)
                report(Outcome(Verdict.UNCERTAIN, text, MailUncertain.exit_status, entry.record.message_id))
                entry.release()


def entries(outbox: Outbox, report: Callable[[Outcome], None]) -> Iterator[tuple[str, Record]]:
    """All that can be read; what cannot is reported."""
    for token in outbox.tokens():
        try:
            record = outbox.peek(token)
        except LanlineError as error:
            report(Outcome(Verdict.DEFERRED, str(error), error.exit_status))
            continue
        if record is not None:
            yield token, record


def uncertain_sentence(outbox: Outbox, record: Record) -> str:
    return (
        f"Uncertain: {record.message_id} to {', '.join(record.envelope.recipients[:3])} may have been sent. Ask a"
        f" recipient, then `{outbox.command} --resend '{record.message_id}'` or `--discard '{record.message_id}'`."
    )


def chosen(outbox: Outbox, message_id: str) -> Entry:
    """By its Message-ID, with or without the angle brackets, or its token."""
    wanted = message_id.strip().removeprefix("<").removesuffix(">")
    for token, record in entries(outbox, lambda _: None):
        if wanted in {token, record.message_id.strip("<>")}:
            entry = outbox.claim(token)
            if entry is not None:
                return entry
    raise InvalidInput(f"There is no message {shown(message_id)} in the outbox, or it is being sent now; see --list.")


def by_route(listed: Iterable[tuple[str, Record]]) -> dict[Route, list[str]]:
    """Of these, the tokens of what waits to be sent."""
    waiting: dict[Route, list[str]] = {}
    for token, record in listed:
        if record.state is State.QUEUED:
            waiting.setdefault(record.route, []).append(token)
    return waiting
