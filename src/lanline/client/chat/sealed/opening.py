"""Owns which words of a log are shown, and as what: opened in this group or an earlier one, doubted where they do not
hold, struck out where an older page shows them wrong. Nothing is sealed here.

Those of an earlier group are judged by that group's own chain, with the same rules; and count only below the first
words of the present one in their log, or whoever has a key of the old group could speak on with the server's help.

Of two words with the same ids the one at the lower place stands; and above what names the end of a device, nothing
stands that it says. So a log that is read from its end comes to the same as one that is read from its beginning.

Of unsealed words those are shown that were said before anything was sealed in their log, and no others: an honest
server takes none once a group is founded (docs/protocol/sealing.md, 7), so one above is the server's own, or was moved
there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from lanline.chain.reasons import Reason
from lanline.client.chat.database import Database
from lanline.client.chat.history import History
from lanline.client.chat.sealed.content import (
    DOUBTED,
    EARLIER,
    KNOWN,
    OPENED,
    PLAIN,
    SUITES_OF_KEYS,
    TOPIC,
    TOPIC_BEGINS,
    all_opened,
    doubted,
    earlier,
    opened,
    said_by,
    topic_body,
    topic_of,
)
from lanline.client.chat.sealed.watch import ServerWatch
from lanline.client.sealing.ahead import Ahead, Stretch
from lanline.client.sealing.context import GroupContext
from lanline.client.sealing.pastgroups import PastGroup
from lanline.client.sealing.pasttables import past_groups
from lanline.client.sealing.reports import REPORT, judged, report_of
from lanline.client.sealing.scopes import Pair, Place, PrivateRoom
from lanline.client.sealing.tables import GroupTables
from lanline.client.sealing.words import Body, GroupWords, Lacks, Outcome, Said
from lanline.client.view.values import Conversation
from lanline.model.content import Topic
from lanline.wire.chat.entries import LogEntry
from lanline.wire.sealing.entries import RoomRole
from lanline.wire.sealing.said import SAID_SUITE, SEALED_SUITES, TOPIC_SUITE

_SEALED = {OPENED, EARLIER, *SUITES_OF_KEYS}


class _From:
    """The first places in a log, as far as this device has it, of what was sealed: at all, and in the present group."""

    def __init__(self, sealed: int | None, opened: int | None) -> None:
        """With what says under which keys, which may be of an earlier group; and without."""
        self.sealed = sealed
        self.opened = opened


class PlainWords:
    def __init__(self, history: History) -> None:
        self._history = history
        self._from: dict[int, _From] = {}

    def judged(self, log: int, entries: Sequence[LogEntry]) -> list[LogEntry]:
        """In the order of their places, opened."""
        if log not in self._from:
            self._from[log] = _From(self._history.first_sealed(log), self._history.first_opened(log))
        begins = self._from[log]
        if begins.sealed is None and {each.suite for each in entries} == {PLAIN}:  # as on a server without a group
            return list(entries)
        return [_judged(begins, each) for each in entries]

    def note_opened(self, log: int, place: int) -> None:
        """From there on came, in the order of their places, nothing but words that are believed."""
        self.judged(log, [])
        begins = self._from[log]
        begins.sealed = place if begins.sealed is None else min(place, begins.sealed)
        begins.opened = place if begins.opened is None else min(place, begins.opened)

    def forget(self, log: int) -> None:
        """The copy of this log is another now."""
        self._from.pop(log, None)

    def forget_all(self) -> None:
        """The group is another now."""
        self._from.clear()


def _judged(begins: _From, entry: LogEntry) -> LogEntry:
    place, suite = entry.sequence, entry.suite
    if suite == EARLIER and begins.opened is not None and place > begins.opened:
        return doubted(entry, Reason.EARLIER)
    if suite == PLAIN and begins.sealed is not None and place > begins.sealed:
        return doubted(entry, Reason.UNSEALED)
    if suite in _SEALED:
        begins.sealed = place if begins.sealed is None else min(place, begins.sealed)
    if suite == OPENED:
        begins.opened = place if begins.opened is None else min(place, begins.opened)
    return entry


_REPEATS = (
    "SELECT later.sequence FROM entries AS first JOIN entries AS later ON later.log = first.log "
    "AND later.entry_id = first.entry_id AND later.account = first.account AND later.sequence > first.sequence "
    "WHERE first.log = ? AND first.sequence BETWEEN ? AND ? AND first.suite IN ('opened', 'earlier') "
    "AND later.suite IN ('opened', 'earlier', 'doubted')"
)
_ENTRY = (
    "SELECT sequence, entry_id, account, device, time_ms, suite, content FROM entries WHERE log = ? AND sequence = ?"
)


_MOST_RECENT = 20_000


class StruckWords:
    def __init__(self, database: Database, tables: GroupTables, words: GroupWords) -> None:
        self._database = database
        self._tables = tables
        self._words = words
        self._recent: dict[int, dict[tuple[int, bytes], int]] = {}
        """By log, the places of those by account and id that may not be on the disk yet."""

    def repeats(self, log: int, entries: Sequence[LogEntry]) -> set[int]:
        """The places of those that stand at another place before, also from before this program began."""
        first = self._tables.first_places(log, [each.entry_id for each in entries])
        recent, found = self._recent.setdefault(log, {}), set[int]()
        for each in entries:
            key, place = (each.account, each.entry_id), each.sequence
            stands = recent.setdefault(key, place)
            if stands < place or first.get(key, place) < place:
                found.add(place)
            elif stands > place:
                recent[key] = place
        return found

    def are_new(self, log: int, entries: Sequence[LogEntry]) -> bool:
        """Whether none of these stands at another place; then they are noted."""
        new = {(each.account, each.entry_id): each.sequence for each in entries}
        recent = self._recent.setdefault(log, {})
        if len(new) < len(entries) or not recent.keys().isdisjoint(new):
            return False
        if self._tables.first_places(log, [each.entry_id for each in entries]):
            return False
        recent.update(new)
        return True

    def note_kept(self, log: int, through: int) -> None:
        """It is on the disk up to there. While much is on its way, what is remembered is seldom tidied up."""
        recent = self._recent.get(log)
        if recent and len(recent) < _MOST_RECENT and recent[next(reversed(recent))] > through:
            return
        left = {key: place for key, place in self._recent.pop(log, {}).items() if place > through}
        if left:
            self._recent[log] = left

    def note(self, log: int, place: int, body: Body) -> None:
        """Words that are believed, as long as nothing that stands below them and is not here says otherwise."""
        if self._words.has_ended(body.device_id):
            with self._database.write() as writer:
                row = log, place, body.device_id
                writer.execute("INSERT OR REPLACE INTO words_of_ended VALUES (?, ?, ?)", row)

    def struck_by(self, where: Place, page: tuple[LogEntry, ...]) -> list[LogEntry]:
        """What stands above this page, which is on the disk, and is not believed any more: as it is to be kept."""
        if not page:
            return []
        log = where.log
        struck = dict.fromkeys(self._words.take_overtaken(where), Reason.TURNED_AROUND)
        repeats = self._database.read(_REPEATS, (log, page[0].sequence, page[-1].sequence))
        struck |= {int(place): Reason.KNOWN_ID for (place,) in repeats}
        kept = self._database.read("SELECT place, device_id FROM words_of_ended WHERE log = ?", (log,))
        for place, device_id in kept:
            if self._words.is_above_end(where, int(place), device_id):
                struck[int(place)] = Reason.ENDED
        found = [LogEntry(*row) for place in sorted(struck) for row in self._database.read(_ENTRY, (log, place))]
        self._forget(log, struck)
        return [doubted(each, struck[each.sequence]) for each in found if each.suite in {OPENED, EARLIER, DOUBTED}]

    def forget_unkept(self) -> None:
        """The server's history is another: what has come and is not on the disk has other places now."""
        self._recent.clear()

    def forget(self, log: int) -> None:
        """The copy of this log is another now."""
        self._recent.pop(log, None)
        self._database.run("DELETE FROM words_of_ended WHERE log = ?", (log,))

    def _forget(self, log: int, places: dict[int, Reason]) -> None:
        self._database.run_many(
            "DELETE FROM words_of_ended WHERE log = ? AND place = ?", [(log, place) for place in places]
        )


class PastGroupWords:
    def __init__(self, context: GroupContext, on_change: Callable[[], None]) -> None:
        """`on_change`: what could not be opened before may be possible now."""
        self._context = context
        self._on_change = on_change
        self._groups: list[PastGroup] | None = None
        """None: not read yet, for most never meet such words."""
        self._ids: list[bytes] | None = None
        self._unread: list[tuple[int, int, str, bytes]] = []
        """Keys that have come, with the logs, as long as the groups are not read."""

    def forget(self) -> None:
        """There is one more, or what was read of a log is another now."""
        self._groups = self._ids = None
        self._unread.clear()

    def open(self, place: Place, said: Sequence[Said]) -> dict[int, Body]:
        """Those that hold by one of these groups, by their places. For the others, what may open them is asked for."""
        found: dict[int, Body] = {}
        groups = self._read() if said else []
        for group in groups:
            left = [each for each in said if each.place not in found]
            outcomes = zip(left, group.words.open(place, left), strict=True)
            found |= {each.place: outcome for each, outcome in outcomes if isinstance(outcome, Body)}
        if len(found) < len(said):
            for group in groups:
                group.want(place)
        return found

    def note_keys(self, log: int, of_keys: Sequence[tuple[int, str, bytes]]) -> None:
        """Statements and entries of rooms that have come: theirs, too, in what is read backwards."""
        if of_keys and self._past_ids():
            self._unread += [(log, *each) for each in of_keys]
            self._hand_on()

    def _hand_on(self) -> None:
        if self._groups is not None:
            for group in self._groups:
                for each in self._unread:
                    group.words.scopes.add(*each)
            self._unread.clear()

    def _past_ids(self) -> list[bytes]:
        if self._ids is None:
            self._ids = past_groups(self._context.tables.database)
        return self._ids

    def _read(self) -> list[PastGroup]:
        if self._groups is None:
            self._groups = [PastGroup(self._context, each, self._on_change) for each in self._past_ids()]
            self._hand_on()
        return self._groups


def _bodies(first: int, count: int, stretches: Sequence[Stretch]) -> list[bytes]:
    """In the order of their places, from this one on."""
    bodies = [b""] * count
    for each in stretches:
        for at, body in zip(each.places, each.bodies, strict=True):
            bodies[at - first] = body
    return bodies


def _is_for_programs(bodies: Sequence[bytes]) -> bool:
    """Whether they may hold notes, topics or reports, which are kept in other bytes than they were said in."""
    together = b"".join(bodies)
    if KNOWN in together or (REPORT in together and any(map(report_of, bodies))):
        return True
    return TOPIC in together and any(each.startswith(TOPIC_BEGINS) or topic_of(each) for each in bodies)


def may_be_earlier(outcomes: Sequence[Outcome], said: Sequence[Said]) -> list[Said]:
    """Words under an epoch that the present group does not know."""
    if Lacks.EPOCH not in outcomes:
        return []
    return [each for each, outcome in zip(said, outcomes, strict=True) if outcome is Lacks.EPOCH]


class Opening:
    def __init__(
        self,
        words: GroupWords,
        earlier_words: PastGroupWords,
        struck: StruckWords,
        watch: ServerWatch,
        name_of: Callable[[int], str],
    ) -> None:
        self._words = words
        self._earlier = earlier_words
        self._struck = struck
        self._watch = watch
        self._name_of = name_of

    def said(self, entries: Sequence[LogEntry]) -> tuple[list[Said], dict[int, str]]:
        """What is sealed of these; and who speaks there, by the numbers of their accounts."""
        sealed = [each for each in entries if each.suite in SEALED_SUITES]
        authors = self.authors(sealed)
        return [Said(each.sequence, each.entry_id, authors[each.account], each.content) for each in sealed], authors

    def authors(self, entries: Sequence[LogEntry]) -> dict[int, str]:
        return {account: self._name_of(account) for account in {each.account for each in entries}}

    def open_whole(
        self, shown: Conversation, place: Place, entries: Sequence[LogEntry], ahead: Ahead
    ) -> list[LogEntry] | None:
        """All of these as they are kept, if all is as it should be; None: they are to be judged word by word."""
        first, last = entries[0].sequence, entries[-1].sequence
        stretches = ahead.stretches(first, last)
        are_others = any(self._name_of(account) != name for account, name in ahead.authors.items())
        if not stretches or are_others or any(each.suite != SAID_SUITE for each in entries):
            return None
        believed = self._words.believed(place, stretches)
        if (
            believed is None
            or any(_is_for_programs(each.bodies) for each in stretches)
            or not self._watch.has_nothing_to_tell(shown, believed)
            or not self._struck.are_new(shown.log, entries)
        ):
            return None
        self._words.note_believed(shown.log, believed)
        self._watch.note_believed(shown, believed)
        return all_opened(entries, _bodies(first, len(entries), stretches))

    def open(
        self, shown: Conversation, place: Place, entries: Sequence[LogEntry], ahead: Ahead | None
    ) -> tuple[list[LogEntry], list[Outcome | None]]:
        """As they are kept; and what was found of each, None where it is not sealed, or not in the present group."""
        said, authors = self.said(entries)
        of_sealed = self._words.open(place, said, ahead)
        of_earlier = self._earlier.open(place, may_be_earlier(of_sealed, said))
        outcomes = self._outcomes(shown.log, entries, of_sealed, of_earlier)
        self._watch.look(shown, place, entries, outcomes, authors)
        kept, is_noted, chain = [], bool(shown.first), self._words.chain
        for each, outcome in zip(entries, outcomes, strict=True):
            if isinstance(outcome, Body):
                if is_noted:
                    self._struck.note(shown.log, each.sequence, outcome)
                body = judged(chain, outcome.body, authors[each.account])
                kept.append(self._kept(place, each, outcome, said_by(body, outcome.device_id)))
            elif isinstance(outcome, Reason):
                kept.append(doubted(each, outcome))
            elif each.sequence in of_earlier:
                kept.append(self._kept(place, each, of_earlier[each.sequence]))
            else:
                kept.append(each)
        return kept, outcomes

    def topic(self, place: Place, entry: LogEntry) -> Topic | Lacks | None:
        """What an entry sets that the server shows by itself. None: nothing that is believed."""
        [said], _ = self.said([entry])
        found = self._words.open_alone(place, said)
        if not isinstance(found, Body):
            return found if isinstance(found, Lacks) else None
        topic = topic_of(found.body)
        return None if self._misfit(place, entry, found, topic) else topic

    def _kept(self, place: Place, entry: LogEntry, said: Body, body: bytes | None = None) -> LogEntry:
        """With this body, if it was said in the present group."""
        topic = topic_of(said.body)
        if topic is None and said.body.startswith(TOPIC_BEGINS):
            return doubted(entry, Reason.KIND)  # it would be taken for one that is empty
        if (topic is not None or entry.suite == TOPIC_SUITE) and (why := self._misfit(place, entry, said, topic)):
            return doubted(entry, why)
        kept = said.body if topic is None else topic_body(topic)
        if body is None:
            return earlier(entry, kept)
        return opened(entry, body if topic is None else kept)

    def _misfit(self, place: Place, entry: LogEntry, body: Body, topic: Topic | None) -> Reason | None:
        """A topic is one in a room, under the suite for it: the server cannot make words of one, nor one of words.

        In a private room its author may set it by the entries of the room; in an open one that is the server's word.
        """
        if (topic is not None) is not (entry.suite == TOPIC_SUITE) or isinstance(place, Pair):
            return Reason.KIND
        room = self._words.scopes.room(place) if isinstance(place, PrivateRoom) else None
        if room is None or body.scope_id != room.id:
            return None
        account_id = self._words.chain.devices[body.device_id].account
        role = room.role_at(account_id, entry.sequence, body.words.height)
        return None if role is not None and role >= RoomRole.MODERATOR else Reason.RIGHTS

    def _outcomes(
        self, log: int, entries: Sequence[LogEntry], of_sealed: Sequence[Outcome], of_earlier: Mapping[int, Body]
    ) -> list[Outcome | None]:
        following = iter(of_sealed)
        outcomes = [next(following) if each.suite in SEALED_SUITES else None for each in entries]
        again = self._struck.repeats(log, entries)
        if not again and not of_earlier:
            return outcomes
        return [
            Reason.KNOWN_ID
            if at in again and (isinstance(outcome, Body) or at in of_earlier)
            else None
            if at in of_earlier
            else outcome
            for at, outcome in zip([each.sequence for each in entries], outcomes, strict=True)
        ]
