"""Owns how many links there may be on which nobody has signed in yet. Not who may sign in.

Anybody who reaches the port can open one, so strangers have so many places in all and so many for each network. A
known device has shown its key before its link is handed in: it takes no stranger's place, and no crowd keeps it out.
A client that is refused calls again by itself, later each time.
"""

from __future__ import annotations

from collections import Counter

from lanline.errors import CloseCode
from lanline.gateways.lanline.session import Session
from lanline.model.accounts import AccountId
from lanline.model.addresses import is_this_machine
from lanline.model.networks import NetworkShares
from lanline.model.settings import ServerSettings


class Admission:
    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._strangers: NetworkShares[Session] = NetworkShares()
        self._known: dict[Session, AccountId] = {}
        self._known_links_of: Counter[AccountId] = Counter()

    def has_room_for(self, account: AccountId) -> bool:
        """For one more link of a known device."""
        return self._known_links_of[account] < self._settings.most_links_of_account

    def add_known(self, session: Session, account: AccountId) -> None:
        self._known[session] = account
        self._known_links_of[account] += 1

    def has_room_near(self, host: str) -> bool:
        """For one more stranger, perhaps in the place of one from a network that has taken more of them."""
        held = self._strangers.held_near(host)
        if not is_this_machine(host) and held >= self._settings.most_strangers_of_network:
            return False
        return len(self._strangers) < self._settings.most_strangers or held + 1 < self._strangers.held_by_fullest

    def add_stranger(self, session: Session) -> None:
        if len(self._strangers) >= self._settings.most_strangers:
            oldest = self._strangers.oldest_of_fullest()
            self._strangers.drop(oldest)
            oldest.close(CloseCode.BUSY, "The server needs this place for somebody else. Try again later.")
        self._strangers.add(session, session.address[0])

    def drop(self, session: Session) -> None:
        """Somebody has signed in on it, or it is gone."""
        self._strangers.drop(session)
        account = self._known.pop(session, None)
        if account is None:
            return
        self._known_links_of[account] -= 1
        if not self._known_links_of[account]:
            del self._known_links_of[account]
