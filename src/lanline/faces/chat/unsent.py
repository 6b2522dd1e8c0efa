"""Owns how the chat is left: it waits a moment for what is not sent yet, and then tells what stays queued."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Container, Iterator

from lanline.client.node.face import Face
from lanline.client.view.rendering import shorten, words_of
from lanline.client.view.values import Message, MessageState
from lanline.client.view.view import View
from lanline.errors import LanlineError, RefusalCode, RequestRefused, StillQueued

_SHOWN = 3


def queued(view: View) -> list[Message]:
    return [message for message in view.outbox if message.state is MessageState.QUEUED]


async def wait_sent(face: Face, ids: Container[bytes] | None = None, *, limit_s: float) -> None:
    """Until none of these, or none at all, is queued; or until the time is over."""
    await face.wait_until(lambda: not any(ids is None or each.entry_id in ids for each in queued(face.view)), limit_s)


def still_queued(messages: list[Message], why: str = "and will be sent when you are connected again") -> str:
    """Empty when there are none."""
    if not messages:
        return ""
    texts = [shorten(words_of(each)) for each in messages[:_SHOWN] if words_of(each)]
    more = f" and {len(messages) - _SHOWN:,} more" if len(messages) > _SHOWN else ""
    count = "1 message stays" if len(messages) == 1 else f"{len(messages):,} messages stay"
    return f"{count} queued, {why}: {'; '.join(texts)}{more}"


@contextlib.contextmanager
def telling_queued(own: Callable[[], list[Message]]) -> Iterator[None]:
    """Whatever ends the chat, what stays queued is told with it, by StillQueued."""
    try:
        yield
    except asyncio.CancelledError:
        check_sent(own())
        raise
    except LanlineError as problem:
        is_shut_out = isinstance(problem, RequestRefused) and problem.code is RefusalCode.UNKNOWN_DEVICE
        waiting = still_queued(own(), "and cannot be sent from here any more") if is_shut_out else still_queued(own())
        if waiting:
            raise StillQueued(f"{problem} {waiting}") from problem
        raise


def check_sent(messages: list[Message]) -> None:
    if waiting := still_queued(messages):
        raise StillQueued(waiting)
