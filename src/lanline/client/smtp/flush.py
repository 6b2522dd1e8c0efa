"""Sends what waits in the outbox: one connection for each way that the messages take, the oldest message first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import msgspec

from lanline.client.smtp.courier import Courier, Passage
from lanline.client.smtp.dispatch import Dispatch, Outcome, Verdict
from lanline.client.smtp.outbox import Entry, Outbox, Record, Route, State
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


class Flush:
    """`passage_for` finds a password again; `report` gets each outcome, `progress` the bytes of each message."""

    __slots__ = ("_outbox", "_passage_for", "_progress", "_report", "_sink")

    def __init__(
        self,
        outbox: Outbox,
        passage_for: Callable[[Route], Passage],
        report: Callable[[Outcome], None],
        progress: Callable[[int], AbstractContextManager[Callable[[int], None]]],
        sink: Callable[[str], None] | None = None,
    ) -> None:
        self._outbox = outbox
        self._passage_for = passage_for
        self._report = report
        self._progress = progress
        self._sink = sink

    async def run(self, tokens: list[str]) -> None:
        """Of `tokens`, what waits to be sent."""
        for route, waiting in _by_route(self._outbox, tokens).items():
            if not await self._send_all(route, waiting):
                return

    async def _send_all(self, route: Route, tokens: list[str]) -> bool:
        """False when the person wants it to end."""
        try:
            courier = Courier(self._passage_for(route), self._sink)
        except LanlineError as error:
            self._report(Outcome(Verdict.DEFERRED, f"{error} {_stay(tokens, route)}", error.exit_status))
            return True
        try:
            return await self._carry_all(courier, route, tokens)
        finally:
            await courier.close()

    async def _carry_all(self, courier: Courier, route: Route, tokens: list[str]) -> bool:
        dispatch = Dispatch(courier, self._outbox)
        for place, token in enumerate(tokens):
            try:
                await courier.connect()
            except LanlineError as error:
                status = error.exit_status
                self._report(Outcome(Verdict.DEFERRED, f"{error} {_stay(tokens[place:], route)}", status))
                return True
            except asyncio.CancelledError:
                text = f"Interrupted. {_stay(tokens[place:], route)}"
                self._report(Outcome(Verdict.INTERRUPTED, text, MailInterrupted.exit_status))
                return False
            try:
                outcome = await self._carry(dispatch, token)
            except OutboxFull as problem:  # nor could the next be noted
                self._report(
                    Outcome(Verdict.DEFERRED, f"{problem} {_stay(tokens[place:], route)}", problem.exit_status)
                )
                return True
            except OutboxProblem as problem:  # of this message; the next may be well
                outcome = Outcome(Verdict.DEFERRED, str(problem), OutboxProblem.exit_status)
            if outcome is not None:
                self._report(outcome)
            if outcome is not None and outcome.verdict is Verdict.INTERRUPTED:
                return False
        return True

    async def _carry(self, dispatch: Dispatch, token: str) -> Outcome | None:
        entry = self._outbox.claim(token)
        if entry is None:
            return None
        try:
            if entry.record.state is not State.QUEUED:  # it was, before another process took it
                return None
            with self._progress(entry.record.size_bytes) as step:
                outcome = await dispatch.resend(entry, step)
        except OutboxFull as problem:
            if entry.record.state is State.QUEUED:
                raise
            # The dot was out, and what came of it cannot be noted.
            raise OutboxProblem(f"{problem} {uncertain_sentence(entry.record)}") from problem
        finally:
            entry.release()
        if outcome.verdict is not Verdict.QUEUED:
            return outcome
        return msgspec.structs.replace(outcome, exit_status=MailDeferred.exit_status)


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
                report(Outcome(Verdict.UNCERTAIN, uncertain_sentence(entry.record), MailUncertain.exit_status))
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


def uncertain_sentence(record: Record) -> str:
    return (
        f"Uncertain: {record.message_id} to {', '.join(record.envelope.recipients[:3])} may have been sent. Ask a"
        f" recipient, then --resend '{record.message_id}' or --discard '{record.message_id}'."
    )


def chosen(outbox: Outbox, message_id: str) -> Entry:
    """By its Message-ID, with or without the angle brackets, or its token."""
    wanted = message_id.strip().removeprefix("<").removesuffix(">").partition("@")[0]
    entry = outbox.claim(wanted) if wanted in outbox.tokens() else None
    if entry is None:
        raise InvalidInput(
            f"There is no message {shown(message_id)} in the outbox, or it is being sent now; see --list."
        )
    return entry


def _by_route(outbox: Outbox, tokens: list[str]) -> dict[Route, list[str]]:
    waiting: dict[Route, list[str]] = {}
    for token in tokens:
        record = outbox.peek(token)
        if record is not None and record.state is State.QUEUED:
            waiting.setdefault(record.route, []).append(token)
    return waiting


def _stay(tokens: list[str], route: Route) -> str:
    count = "1 message stays" if len(tokens) == 1 else f"{len(tokens)} messages stay"
    return f"{count} in the outbox for {route.server}."
