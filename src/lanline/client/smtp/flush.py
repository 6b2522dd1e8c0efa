"""Owns the way of what waits in the outbox: one connection for each route, the oldest message first."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager

import msgspec

from lanline.client.smtp.outbox import Entry, Outbox, Record, Route, State
from lanline.client.smtp.sending import Courier, Dispatch, Outcome, Verdict, the_same
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
from lanline.transport.smtp.session import Passage


class Flush(msgspec.Struct, frozen=True):
    """`report` gets each outcome, `progress` the bytes of each message. Of some routes the password was not found."""

    outbox: Outbox
    passages: dict[Route, Passage | LanlineError]
    report: Callable[[Outcome], None]
    progress: Callable[[int], AbstractContextManager[Callable[[int], None]]]
    interrupt: Interrupt
    sink: Callable[[str], None] = lambda _: None

    def run(self, waiting: dict[Route, list[str]]) -> None:
        for route, tokens in waiting.items():
            try:
                if isinstance(passage := self.passages[route], LanlineError):
                    raise passage
                courier = Courier(passage, self.interrupt, self.sink)
            except LanlineError as error:
                self._put_off(error, tokens, route)
                continue
            with contextlib.closing(courier):
                self._carry_all(courier, route, tokens)
            if self.interrupt.is_set:
                return

    def _put_off(self, error: LanlineError, tokens: list[str], route: Route) -> None:
        count = "1 message stays" if len(tokens) == 1 else f"{len(tokens)} messages stay"
        verdict = Verdict.INTERRUPTED if isinstance(error, MailInterrupted) else Verdict.DEFERRED
        staying = [record for token, record in entries(self.outbox) if token in tokens]
        results = tuple(one for record in staying for one in the_same(record, Verdict.QUEUED, str(error)))
        text = f"{error} {count} in the outbox for {route.server}."
        self.report(Outcome(verdict, text, error.exit_status, results))

    def _carry_all(self, courier: Courier, route: Route, tokens: list[str]) -> None:
        for place, token in enumerate(tokens):
            left = tokens[place + 1 :]
            try:
                if self.interrupt.is_set:
                    raise MailInterrupted("Interrupted.")
                courier.connect()
                outcome = self._carry(courier, token)
            except LanlineError as problem:
                if isinstance(problem, OutboxFull) or not isinstance(problem, OutboxProblem):
                    return self._put_off(problem, [token, *left], route)
                outcome = Outcome(Verdict.DEFERRED, str(problem), problem.exit_status)  # the next may be well
            if outcome is None:
                continue
            self.report(outcome)
            if outcome.is_server_away and left:
                self._put_off(MailDeferred("The server wants no more for now."), left, route)
            if outcome.is_server_away or outcome.verdict is Verdict.INTERRUPTED:
                return None
        return None

    def _carry(self, courier: Courier, token: str) -> Outcome | None:
        """None where another process has taken it meanwhile."""
        entry = self.outbox.claim(token)
        if entry is None:
            return None
        try:
            if entry.record.state is not State.QUEUED:
                return None
            with self.progress(entry.record.size_bytes) as step:
                outcome = Dispatch(courier, self.outbox, step).resend(entry)
        except OutboxFull as problem:
            if entry.record.state is State.QUEUED:
                raise
            # The dot was out, and what came of it cannot be noted.
            raise OutboxProblem(f"{problem} {uncertain_sentence(self.outbox, entry.record)}") from problem
        finally:
            entry.release()
        if outcome.verdict is Verdict.QUEUED or (outcome.verdict is Verdict.PARTLY_SENT and outcome.exit_status == 0):
            return msgspec.structs.replace(outcome, exit_status=outcome.exit_status or MailDeferred.exit_status)
        return outcome


def settle_interrupted(outbox: Outbox, report: Callable[[Outcome], None]) -> None:
    """Messages whose sender died after the final dot become uncertain, and are told of."""
    for token, record in entries(outbox, report):
        try:
            entry = outbox.claim(token) if record.state is State.SENDING else None
        except OutboxProblem as problem:
            report(Outcome(Verdict.DEFERRED, str(problem), OutboxProblem.exit_status))
            continue
        if entry is not None:
            text = uncertain_sentence(outbox, entry.record)
            results = the_same(entry.record, Verdict.UNCERTAIN, text)
            report(Outcome(Verdict.UNCERTAIN, text, MailUncertain.exit_status, results))
            entry.release()


def entries(outbox: Outbox, report: Callable[[Outcome], None] = lambda _: None) -> Iterator[tuple[str, Record]]:
    """All that can be read; what cannot is reported."""
    for token in outbox.tokens():
        try:
            if (record := outbox.peek(token)) is not None:
                yield token, record
        except OutboxProblem as problem:
            report(Outcome(Verdict.DEFERRED, str(problem), problem.exit_status))


def uncertain_sentence(outbox: Outbox, record: Record) -> str:
    return (
        f"Uncertain: {record.message_id} to {', '.join(record.envelope.recipients[:3])} may have been sent. Ask a"
        f" recipient, then `{outbox.command} --resend '{record.message_id}'` or `--discard '{record.message_id}'`."
    )


def chosen(outbox: Outbox, message_id: str) -> Entry:
    """By its Message-ID, with or without the angle brackets, or its token."""
    wanted = message_id.strip().removeprefix("<").removesuffix(">")
    for token, record in entries(outbox):
        if wanted in {token, record.message_id.strip("<>")} and (entry := outbox.claim(token)) is not None:
            return entry
    raise InvalidInput(f"There is no message {shown(message_id)} in the outbox, or it is being sent now; see --list.")


def by_route(listed: Iterable[tuple[str, Record]]) -> dict[Route, list[str]]:
    """Of these, the tokens of what waits to be sent."""
    waiting: dict[Route, list[str]] = {}
    for token, record in listed:
        if record.state is State.QUEUED:
            waiting.setdefault(record.route, []).append(token)
    return waiting
