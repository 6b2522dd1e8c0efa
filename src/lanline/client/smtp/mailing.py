"""A batch on its way: message after message over one connection, and at the end a word about every line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from lanline.client.smtp.batch import messages
from lanline.client.smtp.courier import Courier
from lanline.client.smtp.dispatch import Dispatch, Outcome, Verdict
from lanline.client.smtp.draft import Draft
from lanline.client.smtp.outbox import Outbox, Route, State
from lanline.errors import MailDeferred, MailInterrupted, MailProblem
from lanline.model.mail.message import Parcel

_WORST_FIRST = (130, 64, 1, 75, 0)


class Mailing:
    """`report` gets each line's outcome. A refused message does not stop the others; a server that is gone does."""

    def __init__(
        self, courier: Courier, outbox: Outbox, route: Route, report: Callable[[int, Outcome], None], *, queue: bool
    ) -> None:
        self._courier = courier
        self._outbox = outbox
        self._route = route
        self._report = report
        self._queue = queue
        self._dispatch = Dispatch(courier, outbox)
        self._away: MailProblem | None = None
        self._statuses = {0}
        self.sent_count = 0
        self.stopped_at: int | None = None
        """The line to go on with; None when every line was dealt with."""

    @property
    def exit_status(self) -> int:
        return next(status for status in _WORST_FIRST if status in self._statuses)

    async def send_all(self, path: Path, defaults: Draft, start_line: int) -> None:
        try:
            for numbered in messages(path, defaults, start_line):
                self.stopped_at = numbered.line
                outcome = await self._send(numbered.message.parcel())
                self._note(numbered.line, outcome)
                if outcome.verdict is Verdict.INTERRUPTED:
                    self.stopped_at += self._queue  # what is in the outbox must not be begun with again
                    return
                self.stopped_at = None
        finally:
            await self._courier.close()

    def _note(self, line: int, outcome: Outcome) -> None:
        self.sent_count += outcome.verdict in {Verdict.SENT, Verdict.PARTLY_SENT}
        self._statuses.add(outcome.exit_status)
        self._report(line, outcome)

    async def _send(self, parcel: Parcel) -> Outcome:
        """Raises MailProblem when the server is gone and nothing can be queued: the rest is not even tried."""
        if self._away is None:
            try:
                await self._courier.connect()
            except MailProblem as problem:
                self._away = problem
            except asyncio.CancelledError:
                raise MailInterrupted("Interrupted between two messages.") from None
        if self._away is None:
            return await self._dispatch.send(parcel, self._route, queue=self._queue)
        if not (self._queue and isinstance(self._away, MailDeferred)):
            raise self._away
        self._outbox.put(parcel, self._route, State.QUEUED, str(self._away)).release()
        return Outcome(Verdict.QUEUED, f"{parcel.message_id} is kept in the outbox. {self._away}")
