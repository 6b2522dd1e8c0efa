"""Owns who there is, who of them is online, and who this home is. On the disk too, so that names are known offline."""

from __future__ import annotations

from collections.abc import Iterable

from lanline.client.chat.context import NodeContext
from lanline.client.chat.history import History
from lanline.client.chat.preferences import Ignoring
from lanline.client.view.events import PeopleChanged
from lanline.client.view.values import ENDED_MARK, Person
from lanline.model.names import folded_name
from lanline.model.text import display_name, safe_line
from lanline.wire.chat import directory
from lanline.wire.chat.signin import SignedIn, Welcome

_LATEST_MS = 2**62
"""What a server may say is larger than what a database holds."""


class OwnFacts:
    """Who this home is on its server, as the last sign-in said. Also offline, from the disk."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._facts = history.facts()
        self.is_admin = False

    @property
    def account(self) -> int:
        """0 before the first sign-in ever."""
        return int(self._facts.get("account", 0))

    @property
    def device(self) -> int:
        return int(self._facts.get("device", 0))

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
        self.is_admin = signed_in.is_admin
        facts: dict[str, str | int] = {
            "account": signed_in.account,
            "name": safe_line(signed_in.name),
            "device": signed_in.device,
            "server_name": safe_line(welcome.server_name),
        }
        if {**self._facts, **facts} != self._facts:
            self._history.put_facts(**facts)
            self._facts = facts

    @property
    def last_way(self) -> str:
        """Over which the last sign-in worked: `udp`, `websocket`, or empty."""
        return str(self._facts.get("way", ""))

    def remember_way(self, way: str) -> None:
        if way != self.last_way:
            self._history.put_facts(way=way)
            self._facts = {**self._facts, "way": way}


class Directory:
    def __init__(self, context: NodeContext) -> None:
        self._history = history = context.history
        self._tell = context.tell
        self.own = OwnFacts(history)
        self.ignoring = Ignoring(history)
        self._people = {person.account: person for person in history.people()}
        self._by_name = {folded_name(person.name): person.account for person in self._people.values()}
        self._arriving: list[Person] = []
        self._unwritten: dict[int, Person] = {}

    @property
    def people(self) -> tuple[Person, ...]:
        """By name."""
        return tuple(sorted(self._people.values(), key=lambda person: (person.name.casefold(), person.account)))

    def person(self, account: int) -> Person | None:
        return self._people.get(account)

    def named(self, name: str) -> Person | None:
        """Capitals do not count."""
        account = self._by_name.get(folded_name(name))
        return None if account is None else self._people[account]

    def ended_names(self) -> list[str]:
        """Of accounts that were deleted, where nobody else has the name now."""
        ended = (each.name for each in self._people.values() if each.name.endswith(ENDED_MARK))
        return [name for name in (each.removesuffix(ENDED_MARK) for each in ended) if self.named(name) is None]

    def name_of(self, account: int) -> str:
        person = self._people.get(account)
        return person.name if person is not None else "somebody"

    # What the server says.

    def begin_link(self) -> None:
        self._arriving = []

    def on_table(self, table: directory.People) -> None:
        """Told once the last piece is here. Who is not in it is not online."""
        self._arriving += map(_person, table.people)
        if not table.is_last:
            return
        arrived, self._arriving = self._arriving, []
        present = {person.account for person in arrived}
        self._put(arrived)
        self._put(_offline(person) for person in self._people.values() if person.account not in present)
        self._write()
        self._tell(PeopleChanged(self.people, is_whole=True))

    def on_changed(self, changed: directory.PeopleChanged) -> None:
        people = tuple(map(_person, changed.people))
        online = {person.account for person in people if self._is_online(person.account)}
        self._put(people)
        came = tuple(person for person in people if person.is_online and person.account not in online)
        went = tuple(person for person in people if not person.is_online and person.account in online)
        self._tell(PeopleChanged(people, came, went))

    def on_link_lost(self) -> None:
        self._put([_offline(person) for person in self._people.values() if person.is_online])
        self._write()

    def _is_online(self, account: int) -> bool:
        person = self._people.get(account)
        return person is not None and person.is_online

    def _put(self, people: Iterable[Person]) -> None:
        for person in list(people):
            known = self._people.get(person.account)
            if known is not None and self._by_name.get(folded_name(known.name)) == person.account:
                del self._by_name[folded_name(known.name)]  # else somebody else has it by now
            if known is None or _offline(known) != _offline(person):
                self._unwritten[person.account] = person
            self._people[person.account] = person
            if person.account == self.own.account:
                self.own.is_admin = person.is_admin
            self.ignoring.note_name(person.account, person.name.removesuffix(ENDED_MARK))
            self._by_name[folded_name(person.name)] = person.account

    def _write(self) -> None:
        """Comings and goings are written seldom: they are no loss, and each would cost a sync of the disk."""
        if self._unwritten:
            self._history.put_people(self._unwritten.values())
            self._unwritten = {}


def _person(person: directory.Person) -> Person:
    return Person(
        person.account,
        display_name(person.name) + ENDED_MARK * person.is_ended,
        person.is_online,
        safe_line(person.address),
        min(max(person.seen_ms, 0), _LATEST_MS),
        person.is_admin,
        person.is_banned,
    )


def _offline(person: Person) -> Person:
    return Person(person.account, person.name, False, person.address, person.seen_ms, person.is_admin, person.is_banned)
