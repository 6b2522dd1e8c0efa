"""Owns how many accounts may be made without an invite, where the server is open: by where they come from, and in all.

Each costs its maker nothing. Who has an invite has the other half of the places, and waits for nobody here.
"""

from __future__ import annotations

from lanline.core.limits import Buckets
from lanline.errors import RefusalCode, RequestRefused
from lanline.model.addresses import is_this_machine, network_of
from lanline.model.settings import ServerSettings

_OF_NETWORK_EVERY_S = 60.0
_OF_ALL_EVERY_S = 10.0
_NETWORKS = 10
"""So many may use up at once what one may."""
_SHARE = 0.5
"""Of all accounts that there may be."""


class OpenJoins:
    def __init__(self, settings: ServerSettings) -> None:
        at_once = settings.open_accounts_per_address
        self._of_network: Buckets[str] = Buckets(1.0 / _OF_NETWORK_EVERY_S, at_once)
        self._of_all: Buckets[None] = Buckets(1.0 / _OF_ALL_EVERY_S, _NETWORKS * at_once)
        self._most_accounts = int(settings.most_accounts * _SHARE)

    def take(self, host: str, accounts: int, now: float) -> None:
        """Before one more is made. Raises RequestRefused."""
        if accounts >= max(1, self._most_accounts):
            text = "This server takes nobody more without an invite. Ask its admin for one."
            raise RequestRefused(RefusalCode.QUOTA_EXCEEDED, text)
        wait_s = self._of_all.take(None, now)
        if not wait_s and not is_this_machine(host):  # everybody behind a relay calls from there
            wait_s = self._of_network.take(network_of(host), now)
            if wait_s:
                self._of_all.give_back(None)
        if wait_s:
            text = f"Many have joined without an invite. Try again in {max(1, round(wait_s))} s, or with an invite."
            raise RequestRefused(RefusalCode.SLOW_DOWN, text, wait_s)
