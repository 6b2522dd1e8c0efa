"""Keeps a hash over each log as this device has it, and tells when the author of a message was shown another log.

And what pages that are read backwards are held to: words in them name the hash over the log at places of them.

Of what lies before a page nothing is known, so the lowest hash that is named is taken, and the others are held to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from lanline.client.chat.database import Database
from lanline.client.chat.restored.lost import hash_at_or_below
from lanline.client.sealing.ahead import Stretch
from lanline.client.sealing.context import GroupContext
from lanline.client.sealing.logchain import NOTHING, LogChain, Seen
from lanline.client.sealing.scopes import Place
from lanline.client.view.values import Conversation
from lanline.crypto.groups.ids import log_hash_of, log_link_of
from lanline.model.alarms import Alarm, AlarmKind, alarm, own_logs_differ
from lanline.wire.chat.entries import LogEntry
from lanline.wire.sealing.said import Words

_MOST_LINKS = 10_000


class Named(NamedTuple):
    author: str
    words: Words


class _Above(NamedTuple):
    """Between the last page and the lowest hash that is known above it."""

    after: int
    links: tuple[bytes, ...]
    named: Named


class SeenPages:
    """Of one log."""

    def __init__(self) -> None:
        self._above: _Above | None = None

    def add(self, page: Sequence[LogEntry], named: Sequence[Named]) -> Named | None:
        """The next page below; the words of whoever was shown another log than the others."""
        before, through = page[0].sequence - 1, page[-1].sequence
        links = [log_link_of(each.sequence, each.entry_id, each.time_ms, each.suite, each.content) for each in page]
        known = [each for each in named if before <= each.words.seen <= through and each.words.seen]
        if self._above is not None and self._above.after == through:
            links += self._above.links
            known.append(self._above.named)
        if not known:
            self._above = None
            return None
        lowest = min(known, key=lambda each: each.words.seen)
        rest = links[: lowest.words.seen - before]
        self._above = _Above(before, tuple(rest), lowest) if len(rest) <= _MOST_LINKS else None
        return _first_other(lowest, links[lowest.words.seen - before :], known)


def _first_other(lowest: Named, links: Sequence[bytes], known: Sequence[Named]) -> Named | None:
    hashes = {lowest.words.seen: lowest.words.seen_hash}
    for place, link in enumerate(links, lowest.words.seen + 1):
        hashes[place] = log_hash_of(hashes[place - 1], link)
    return next(
        (
            each
            for each in known
            if each.words.history == lowest.words.history and hashes[each.words.seen] != each.words.seen_hash
        ),
        None,
    )


Naming = tuple[int, str, Words]
"""The place of words, who says them, and what stands in them."""


class SeenLogs:
    def __init__(self, context: GroupContext, database: Database, ring: Callable[[Alarm], None]) -> None:
        self._context = context
        self._database = database
        self._ring = ring
        self._chains: dict[int, LogChain] = {}
        self._ahead: dict[int, dict[int, Naming]] = {}
        """By log and place, words that name a place which is here, and not taken in yet: of the same page."""
        self._uncompared: dict[int, list[Stretch]] = {}
        """By log, words whose hashes are compared when all that came with them is taken in."""
        self._pages: dict[int, SeenPages] = {}
        self._warned: set[tuple[int, str]] = set()
        """Of which difference was told: by log, and by who has another one."""

    def note_taken(
        self, shown: Conversation, place: Place, came: Sequence[LogEntry], links: Mapping[int, bytes]
    ) -> Seen | None:
        """What this device has from now on; None: no hash over it is known. `links`: see `LogChain.add`."""
        chain = self._chain(shown, place)
        chain.add(came, links)
        self.compare(shown, place, self._ahead.pop(shown.log, {}).values())
        for stretch in self._uncompared.pop(shown.log, []):
            if not chain.holds_all(stretch.seens, stretch.seen_hashes):
                author = stretch.run_words.author
                self.compare(shown, place, [(at, author, words) for at, words in stretch.named()])
        chain.forget_old()
        return None if chain.seen == NOTHING else chain.seen

    @property
    def has_warned(self) -> bool:
        return bool(self._warned)

    def note_believed(self, log: int, stretches: Sequence[Stretch]) -> None:
        """What they name is compared as soon as they are taken in."""
        self._uncompared.setdefault(log, []).extend(stretches)

    def seen(self, shown: Conversation, place: Place) -> Seen:
        return self._chain(shown, place).seen

    def compare(self, shown: Conversation, place: Place, namings: Iterable[Naming]) -> None:
        """With what the authors of these words had seen of the log."""
        chain, history = self._chain(shown, place), self._context.history
        ahead = self._ahead.setdefault(shown.log, {})
        for each in namings:
            at, author, words = each
            seen = words.seen
            if words.history != history or (shown.log, author) in self._warned:
                continue
            if chain.at < seen < at:
                ahead[at] = each
            elif seen >= at or (not chain.holds(seen, words.seen_hash) and chain.differs((seen, words.seen_hash))):
                self._tell(shown, author)

    def _tell(self, shown: Conversation, author: str) -> None:
        self._warned.add((shown.log, author))
        copy = self._context.copy
        is_own = copy.is_member and copy.chain.accounts[copy.account_id].name == author.encode()
        self._ring(
            own_logs_differ(author, shown.title) if is_own else alarm(AlarmKind.LOGS_DIFFER, author, shown.title)
        )

    def compare_page(self, shown: Conversation, page: Sequence[LogEntry], named: Sequence[Named]) -> None:
        """Of what was said before this device's copy begins."""
        other = self._pages.setdefault(shown.log, SeenPages()).add(page, named)
        if other is not None and (shown.log, other.author) not in self._warned:
            self._tell(shown, other.author)

    def forget(self, log: int) -> None:
        """The copy of this log is another now."""
        self._pages.pop(log, None)
        self._chains.pop(log, None)
        self._ahead.pop(log, None)
        self._uncompared.pop(log, None)

    def forget_all(self) -> None:
        self._chains.clear()
        self._ahead.clear()
        self._uncompared.clear()
        self._pages.clear()

    def start_of(self, place: Place) -> bytes | None:
        """What the hash over this log begins with."""
        return self._context.scopes.start_of(place)

    def _chain(self, shown: Conversation, place: Place) -> LogChain:
        if shown.log not in self._chains:
            self._chains[shown.log] = self._kept(shown, place)
        return self._chains[shown.log]

    def _kept(self, shown: Conversation, place: Place) -> LogChain:
        kept = hash_at_or_below(self._database, shown.log, shown.delivered)
        if kept is not None and kept[0] == shown.delivered:
            return LogChain(*kept)
        return LogChain(shown.delivered, None if shown.delivered else self.start_of(place))
