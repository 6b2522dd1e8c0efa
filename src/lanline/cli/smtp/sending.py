"""One message or a batch, made ready and then sent: what `lanline smtp send` does once it knows what is wanted.

Made ready is all that can fail or be interrupted with nothing sent: checks, the password, the count of a batch.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lanline.cli.smtp import options
from lanline.cli.smtp.screen import complain, dialogue_sink, progress, run, say, show
from lanline.errors import LanlineError

if TYPE_CHECKING:
    from lanline.client.smtp.dispatch import Outcome
    from lanline.client.smtp.draft import Draft
    from lanline.client.smtp.mailing import Mailing
    from lanline.client.smtp.outbox import Outbox


class Sending:
    """Both methods return the work itself, which returns the exit status."""

    def __init__(
        self, way: options.Way, outbox: Outbox, *, queue: bool, timeout_s: float | None, verbose: bool
    ) -> None:
        self._way = way
        self._outbox = outbox
        self._queue = queue
        self._timeout_s = timeout_s
        self._verbose = verbose

    def one(self, draft: Draft) -> Callable[[], int]:
        from lanline.client.smtp.courier import Courier
        from lanline.client.smtp.dispatch import Dispatch
        from lanline.client.smtp.draft import compose

        parcel = compose(draft).parcel()
        courier = Courier(options.passage(self._way, self._timeout_s), dialogue_sink(self._verbose))

        async def send() -> Outcome:
            with progress(parcel.size_bytes, wanted=not self._verbose) as step:
                try:
                    dispatch = Dispatch(courier, self._outbox)
                    return await dispatch.send(parcel, self._way.route, queue=self._queue, progress=step)
                finally:
                    await courier.close()

        def work() -> int:
            outcome = run(send())
            show(outcome)
            return outcome.exit_status

        return work

    def batch(self, draft: Draft, path: Path, start_line: int) -> Callable[[], int]:
        from lanline.client.smtp.batch import checked_count
        from lanline.client.smtp.courier import Courier
        from lanline.client.smtp.mailing import Mailing

        count = checked_count(path, draft, start_line)
        courier = Courier(options.passage(self._way, self._timeout_s), dialogue_sink(self._verbose))
        mailing = Mailing(courier, self._outbox, self._way.route, _show_line, queue=self._queue)

        def work() -> int:
            status = 0
            try:
                run(mailing.send_all(path, draft, start_line))
            except LanlineError as error:
                status = error.exit_status
                complain(str(error))
            status = status or mailing.exit_status
            say(_summary(mailing, count), sys.stderr if status else sys.stdout)
            return status

        return work


def _show_line(line: int, outcome: Outcome) -> None:
    show(outcome, f"Line {line}: ")


def _summary(mailing: Mailing, count: int) -> str:
    text = f"{mailing.sent_count} of {count} sent."
    if mailing.stopped_at is None:
        return text
    line = mailing.stopped_at
    return f"{text} From line {line} on nothing was; go on with --start-line {line}."
