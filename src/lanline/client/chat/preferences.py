"""Owns what a person has set on this device for all programs of the home: what they want to be called for."""

from __future__ import annotations

import msgspec

from lanline.client.chat.history import History
from lanline.client.view.values import Notifying

_NAME = "notifying"


class Preferences:
    def __init__(self, history: History) -> None:
        self._history = history
        self.notifying = _decoded(history.facts().get(_NAME, ""))

    def put_notifying(self, notifying: Notifying) -> None:
        self._history.put_facts(**{_NAME: msgspec.json.encode(notifying).decode()})
        self.notifying = notifying


def _decoded(kept: str | int) -> Notifying:
    """As it is at first where nothing is kept, or what a newer program has kept."""
    try:
        return msgspec.json.decode(str(kept), type=Notifying)
    except msgspec.DecodeError:
        return Notifying()
