"""Who this home is on its server, as the last sign-in said; kept on the disk, so that it is known offline too."""

from __future__ import annotations

from lanline.client.chat.history import History
from lanline.model.names import folded_name
from lanline.model.text import safe_line
from lanline.wire.chat.signin import SignedIn, Welcome


class OwnFacts:
    def __init__(self, history: History) -> None:
        self._history = history
        self._facts = history.facts()

    @property
    def account(self) -> int:
        """0 before the first sign-in ever."""
        return int(self._facts.get("account", 0))

    @property
    def name(self) -> str:
        return str(self._facts.get("name", ""))

    @property
    def server_name(self) -> str:
        return str(self._facts.get("server_name", ""))

    def is_somebody_else(self, signed_in: SignedIn, *, is_restored: bool) -> bool:
        """On a restored server the same person may have come back under another number."""
        if not self.account or signed_in.account == self.account:
            return False
        return not (is_restored and folded_name(signed_in.name) == folded_name(self.name))

    def remember(self, welcome: Welcome, signed_in: SignedIn) -> None:
        facts: dict[str, str | int] = {
            "account": signed_in.account,
            "name": safe_line(signed_in.name),
            "device": signed_in.device,
            "server_name": safe_line(welcome.server_name),
        }
        if {**self._facts, **facts} != self._facts:
            self._history.put_facts(**facts)
            self._facts = facts
