"""Tells the person, once, what a restored server has lost and this device still has."""

from __future__ import annotations

from collections.abc import Sequence

from lanline.client.chat.events import ServerRestored
from lanline.client.chat.setaside import SetAside

_MOST_TITLES = 3


class RestoreNews:
    def __init__(self, aside: SetAside) -> None:
        self._aside = aside
        self._has_noticed = False
        self.is_due = False
        """There may be something to tell, once everything followed has caught up."""

    def note_epoch(self) -> None:
        """Seen from before to after by this process: it tells of all, whichever process of the home did the work."""
        self._has_noticed = self.is_due = True

    def note_parted(self) -> None:
        self.is_due = True

    def take(self) -> ServerRestored | None:
        count, titles = self._aside.take_untold(also_told=self._has_noticed)
        self._has_noticed = self.is_due = False
        return ServerRestored(_sentence(count, titles), count) if count else None


def _sentence(count: int, titles: Sequence[str]) -> str:
    are, them = ("is", "it") if count == 1 else ("are", "them")
    what = "1 message" if count == 1 else f"{count} messages"
    shown = list(titles[:_MOST_TITLES])
    where = f"{', '.join(shown)} and elsewhere" if len(titles) > _MOST_TITLES else " and ".join(shown)
    return (
        f"The server was restored from an older backup: {what} in {where} {are} not there any more. This device has "
        f"set {them} aside; lanline log '{shown[0]}' --set-aside shows {them}."
    )
