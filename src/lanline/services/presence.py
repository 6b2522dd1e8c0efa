"""Who is online, where they are, and when they were seen last. What changed is told; the table is told once."""

from __future__ import annotations

import msgspec

from lanline.model.accounts import AccountId
from lanline.storage.api import Transaction, View

_SETTING = "whereabouts"


class Whereabouts(msgspec.Struct, array_like=True):
    """Of one account."""

    address: str = ""
    seen_ms: int = 0
    links: int = 0

    @property
    def is_online(self) -> bool:
        return self.links > 0


_Kept = dict[int, tuple[str, int]]
_decoder = msgspec.msgpack.Decoder(_Kept)


class Presence:
    def __init__(self) -> None:
        self._people: dict[AccountId, Whereabouts] = {}
        self._changed: dict[AccountId, None] = {}
        self._is_kept = True

    def load(self, view: View) -> None:
        """A table that cannot be read is no reason not to start: it is about the past."""
        try:
            kept = _decoder.decode(view.settings.get(_SETTING) or msgspec.msgpack.encode({}))
        except msgspec.DecodeError:
            return
        for account, (address, seen_ms) in kept.items():
            self._people[AccountId(account)] = Whereabouts(address, seen_ms)

    def of(self, account: AccountId) -> Whereabouts:
        found = self._people.get(account)
        return Whereabouts() if found is None else found

    @property
    def online(self) -> int:
        return sum(person.is_online for person in self._people.values())

    def come(self, account: AccountId, address: str, now_ms: int) -> None:
        """One more link of theirs."""
        person = self._people.setdefault(account, Whereabouts())
        person.links += 1
        if person.links == 1 or person.address != address:
            self.note_change(account)
        person.address = address
        person.seen_ms = now_ms
        self._is_kept = False

    def move(self, account: AccountId, address: str) -> None:
        person = self._people.get(account)
        if person is not None and person.is_online and person.address != address:
            person.address = address
            self.note_change(account)

    def go(self, account: AccountId, now_ms: int) -> None:
        """One link of theirs less; who has none left is offline."""
        person = self._people[account]
        person.links -= 1
        person.seen_ms = now_ms
        self._is_kept = False
        if not person.is_online:
            self.note_change(account)

    def note_change(self, account: AccountId) -> None:
        self._changed[account] = None

    @property
    def changed(self) -> list[AccountId]:
        """Those whose change nobody has been told yet."""
        return list(self._changed)

    def take_changed(self) -> list[AccountId]:
        changed, self._changed = self._changed, {}
        return list(changed)

    def take_record(self, now_ms: int) -> bytes | None:
        """What a later start is to know, when there is news. Who is online is seen now."""
        if self._is_kept and not self.online:
            return None
        self._is_kept = True
        kept = {
            int(account): (person.address, now_ms if person.is_online else person.seen_ms)
            for account, person in self._people.items()
        }
        return msgspec.msgpack.encode(kept)


def keep_record(transaction: Transaction, record: bytes) -> None:
    transaction.settings.put(_SETTING, record)
