"""How the chat is left: some time for what is not sent yet, and then what stays queued."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

from lanline.client.chat.client import ChatClient
from lanline.client.chat.events import MessageStateChanged, NodeEvent
from lanline.client.chat.node import ChatNode
from lanline.client.chat.session import NodeState
from lanline.client.chat.values import Message, MessageState
from lanline.errors import StillQueued
from lanline.faces.chat.rendering import shorten
from lanline.faces.chat.utterances import words_of

_SHOWN = 3
_LOOK_AGAIN_S = 1.0
"""Another program of this home may have sent it, which is no event here."""


class Unsent:
    """What was said and is not on the server's disk yet, by events: the outbox is not read for each of thousands."""

    def __init__(self, client: ChatClient, messages: Iterable[Message] = ()) -> None:
        self._node = client.node
        self._ids = {message.entry_id for message in messages}
        self._changed = asyncio.Event()
        self._unsubscribe = client.subscribe(self._on_event)

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, message: Message) -> None:
        self._ids.add(message.entry_id)

    def _on_event(self, event: NodeEvent) -> None:
        if isinstance(event, MessageStateChanged) and event.state is not MessageState.QUEUED:
            self._ids.discard(event.entry_id)
        self._changed.set()

    async def wait_below(self, count: int, limit_s: float, *, only_connected: bool = False) -> None:
        """Or until the time is over; or, on demand, until there is no connection that they could leave by."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while len(self._ids) >= count and (is_connected(self._node) or not only_connected):
                    self._changed.clear()
                    try:
                        await asyncio.wait_for(self._changed.wait(), _LOOK_AGAIN_S)
                    except TimeoutError:
                        self._look_again()
        self._look_again()

    def _look_again(self) -> None:
        self._ids &= {message.entry_id for message in queued(self._node)}

    def messages(self) -> list[Message]:
        return [message for message in queued(self._node) if message.entry_id in self._ids]

    def close(self) -> None:
        self._unsubscribe()


def queued(node: ChatNode) -> list[Message]:
    return [message for message in node.outbox if message.state is MessageState.QUEUED]


def is_connected(node: ChatNode) -> bool:
    return node.state in {NodeState.SIGNED_IN, NodeState.SYNCHRONIZED}


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
