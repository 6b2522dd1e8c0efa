"""Owns the texts that the other side has not shown yet, over however many links. Not how they are sent."""

from __future__ import annotations

from collections import deque

from lanline.errors import InvalidInput
from lanline.model.text import MAX_TEXT_BYTES
from lanline.wire.peer import Text

MAX_TEXTS = 10_000
WINDOW_BYTES = 1024 * 1024
"""What may be with the other side and not shown yet. Part of the protocol: a receiver need not keep more."""


class Backlog:
    def __init__(self) -> None:
        self._last_number = 0
        self._unsent: deque[Text] = deque()
        self._on_link: deque[Text] = deque()
        self._on_link_bytes = 0

    def __len__(self) -> int:
        return len(self._unsent) + len(self._on_link)

    @property
    def texts(self) -> list[str]:
        return [text.text for text in (*self._on_link, *self._unsent)]

    def add(self, text: str) -> int:
        data = text.encode("utf-8", "replace")
        if len(data) > MAX_TEXT_BYTES:
            raise InvalidInput(f"Not sent: the text has {len(data):,} bytes, and one message holds {MAX_TEXT_BYTES:,}.")
        if len(self) >= MAX_TEXTS:
            raise InvalidInput(f"Not sent: {MAX_TEXTS:,} messages wait to be delivered already.")
        self._last_number += 1
        self._unsent.append(Text(self._last_number, data.decode()))
        return self._last_number

    def has_sendable(self) -> bool:
        return bool(self._unsent) and (
            not self._on_link or self._on_link_bytes + _size_bytes(self._unsent[0]) <= WINDOW_BYTES
        )

    def take_sendable(self) -> Text:
        text = self._unsent.popleft()
        self._on_link.append(text)
        self._on_link_bytes += _size_bytes(text)
        return text

    def begin_link(self) -> None:
        """Whatever is not known to be shown goes out again."""
        self._unsent.extendleft(reversed(self._on_link))
        self._on_link.clear()
        self._on_link_bytes = 0

    def settle(self, through: int) -> list[Text]:
        settled: list[Text] = []
        while self._on_link and self._on_link[0].number <= through:
            text = self._on_link.popleft()
            self._on_link_bytes -= _size_bytes(text)
            settled.append(text)
        return settled


def _size_bytes(text: Text) -> int:
    return len(text.text.encode())
