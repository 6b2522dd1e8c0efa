"""Answers that come later."""

from __future__ import annotations

import gc
import weakref

from lanline.ticket import Steps, Ticket, follow


class _Answer:
    """A large one."""


def _handed_on(ticket: Ticket[_Answer]) -> Steps[_Answer]:
    answer = yield from ticket.wait()
    return answer


def test_an_answer_is_let_go_as_soon_as_nobody_holds_it() -> None:
    """A server that collects garbage seldom would hold all that was read of a log."""
    asked: Ticket[_Answer] = Ticket()
    followed = follow(_handed_on(asked))
    answer = _Answer()
    seen = weakref.ref(answer)
    gc.disable()
    try:
        asked.settle(answer)
        assert followed.result() is answer
        del answer, asked, followed
        assert seen() is None
    finally:
        gc.enable()


def test_no_step_is_taken_once_nobody_waits() -> None:
    asked: Ticket[_Answer] = Ticket()
    followed = follow(_handed_on(asked))
    followed.cancel()
    asked.settle(_Answer())
    assert followed.is_cancelled
