"""Owns how the chat is left: some time for what is not sent yet, and then what stays queued."""

from __future__ import annotations

from collections.abc import Iterable

from lanline.client.node.face import Face
from lanline.client.view.rendering import shorten, words_of
from lanline.client.view.values import Message, MessageState
from lanline.client.view.view import View
from lanline.errors import StillQueued

_SHOWN = 3


def queued(view: View) -> list[Message]:
    return [message for message in view.outbox if message.state is MessageState.QUEUED]


async def wait_sent(face: Face, ids: Iterable[bytes] | None = None, *, below: int = 1, limit_s: float) -> None:
    """Until fewer of these, or of all, are queued; or until the time is over."""
    wanted = None if ids is None else set(ids)

    def is_sent() -> bool:
        return sum(wanted is None or each.entry_id in wanted for each in queued(face.view)) < below

    await face.wait_until(is_sent, limit_s)


def still_queued(messages: list[Message]) -> str:
    """Empty when there are none."""
    if not messages:
        return ""
    texts = [shorten(words_of(each)) for each in messages[:_SHOWN] if words_of(each)]
    more = f" and {len(messages) - _SHOWN:,} more" if len(messages) > _SHOWN else ""
    count = "1 message stays" if len(messages) == 1 else f"{len(messages):,} messages stay"
    return f"{count} queued, and will be sent when you are connected again: {'; '.join(texts)}{more}"


def check_sent(messages: list[Message]) -> None:
    if waiting := still_queued(messages):
        raise StillQueued(waiting)
