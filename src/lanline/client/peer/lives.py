"""Counts, for each run of the other program, how many of its texts have come and were shown here, over all links."""

from __future__ import annotations

import msgspec

from lanline.client.peer.backlog import WINDOW_BYTES
from lanline.model.text import MAX_TEXT_BYTES

_MAX_UNSHOWN_CHARACTERS = WINDOW_BYTES + MAX_TEXT_BYTES
"""A sender counts bytes, which are never fewer."""
_MAX_LIVES = 64


class Life(msgspec.Struct):
    """One start: its texts are numbered from 1."""

    received: int = 0
    shown: int = 0
    unshown_characters: int = 0

    def has(self, number: int) -> bool:
        return number <= self.received

    def has_room(self, text: str) -> bool:
        return self.unshown_characters + len(text) <= _MAX_UNSHOWN_CHARACTERS

    def on_received(self, number: int, text: str) -> None:
        self.received = number
        self.unshown_characters += len(text)

    def on_shown(self, number: int, text: str) -> None:
        self.shown = number
        self.unshown_characters -= len(text)


class Lives:
    """The latest of them: a peer that comes back as the same one goes on where it was."""

    def __init__(self) -> None:
        self._lives: dict[tuple[bytes, bytes], Life] = {}

    def life_of(self, fingerprint: bytes, instance: bytes) -> Life:
        key = (fingerprint, instance)
        life = self._lives.pop(key, None) or Life()
        self._lives[key] = life
        if len(self._lives) > _MAX_LIVES:
            del self._lives[next(iter(self._lives))]
        return life
