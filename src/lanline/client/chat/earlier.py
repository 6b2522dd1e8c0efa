"""Fetches from the server what was said before this device's copy of a log begins, on demand."""

from __future__ import annotations

from collections.abc import Callable

from lanline.client.chat import events
from lanline.client.chat.conversations import Conversations
from lanline.client.chat.messages import message_of_entry
from lanline.client.chat.requests import Answer, OnAnswer
from lanline.wire.chat.entries import EarlierEntries, ReadBefore
from lanline.wire.chat.messages import ClientMessage


class EarlierReader:
    def __init__(
        self,
        conversations: Conversations,
        request: Callable[[ClientMessage, OnAnswer], None],
        tell: Callable[[events.NodeEvent], None],
    ) -> None:
        self._conversations = conversations
        self._request = request
        self._tell = tell
        self._under_way: set[int] = set()

    def read(self, log: int, limit: int) -> None:
        """`EarlierReceived` follows, once for all who ask meanwhile."""
        if log in self._under_way:
            return
        track = self._conversations.get(log)
        if track is None or not track.shown.first or not track.is_proven:
            self._tell(events.EarlierReceived(log, ()))
            return
        self._under_way.add(log)
        self._request(ReadBefore(0, log, track.shown.first + 1, limit), lambda answer: self._on_answer(log, answer))

    def _on_answer(self, log: int, answer: Answer) -> None:
        self._under_way.discard(log)
        found = answer.entries if isinstance(answer, EarlierEntries) else ()
        if isinstance(answer, EarlierEntries):
            self._conversations.on_earlier(log, found)
        track = self._conversations.get(log)
        assert track is not None, "a log that was asked for stays known"
        messages = tuple(message_of_entry(track.shown, entry, self._conversations.own) for entry in found)
        self._tell(events.EarlierReceived(log, messages))
