"""What was typed, what became of it as its author was told, what stands where, and whether that is what was promised.

Plain data, so that the simulation and the kill harness are judged by the same words. A key names for ever what was
typed once: the entry's id, or a text that is never the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Key = bytes | str


class PromiseBroken(AssertionError):
    pass


class Stands(NamedTuple):
    """An entry where somebody has it."""

    sequence: int
    author: str
    key: Key


@dataclass(slots=True)
class Typed:
    number: int
    """In the order of typing, of all authors together."""
    author: str
    device: str
    """What keeps an order: a program of the author's."""
    log: str
    key: Key
    was_sent: bool = False
    """Acknowledged, once at least."""
    was_refused: bool = False
    may_vanish: bool = False
    """Its program was killed, perhaps before it had heard of it."""


@dataclass(slots=True)
class Ledger:
    typed: dict[Key, Typed] = field(default_factory=dict)
    count: int = 0
    logs: dict[str, list[Stands]] = field(default_factory=lambda: defaultdict(list))
    """The server's, as committed."""
    present: set[Key] = field(default_factory=set)
    histories: dict[tuple[str, str], list[Stands]] = field(default_factory=dict)
    """By reader and log. One of who may read the log to its head at the end stands in `current`."""
    current: set[tuple[str, str]] = field(default_factory=set)
    queued: set[Key] = field(default_factory=set)
    """At the end still in the hands of who typed it."""
    blocked: set[str] = field(default_factory=set)
    """Devices that cannot reach the server for good: banned, say. Theirs may stay queued."""

    def type(self, author: str, device: str, log: str, key: Key) -> Typed:
        if key in self.typed:
            raise PromiseBroken(f"{author} was given the id {show(key)} twice")
        self.count += 1
        typed = self.typed[key] = Typed(self.count, author, device, log, key)
        return typed

    def type_again(self, key: Key) -> None:
        """What was refused is said anew, after all that was said meanwhile."""
        self.count += 1
        self.typed[key].number = self.count
        self.typed[key].was_refused = False

    def commit(self, log: str, entries: Iterable[Stands]) -> None:
        """The server's log as it is on the disk, from somewhere on: what is known of it must still be there."""
        known = self.logs[log]
        for entry in entries:
            if entry.sequence <= len(known):
                if known[entry.sequence - 1] != entry:
                    raise PromiseBroken(f"{log} {entry.sequence} was {known[entry.sequence - 1]}, and now is {entry}")
            elif entry.sequence == len(known) + 1:
                known.append(entry)
                self.present.add(entry.key)
            else:
                raise PromiseBroken(f"{log} goes from {len(known)} to {entry.sequence}")

    def expect_kept(self, log: str, head: int) -> None:
        if head < len(self.logs[log]):
            raise PromiseBroken(f"{log} had {len(self.logs[log])} entries on the disk, and after a crash has {head}")


def show(key: Key) -> str:
    return key.hex()[-12:] if isinstance(key, bytes) else repr(key[:30])


def check(ledger: Ledger) -> None:
    """Raises PromiseBroken with the first few sentences of what does not hold."""
    problems = list(problems_of(ledger))
    if problems:
        more = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""
        raise PromiseBroken("; ".join(problems[:5]) + more)


def problems_of(ledger: Ledger) -> Iterator[str]:
    for log, entries in ledger.logs.items():
        yield from _problems_of_log(ledger, log, entries)
    yield from _problems_of_typed(ledger)
    for (reader, log), entries in ledger.histories.items():
        yield from _problems_of_history(ledger, reader, log, entries)


def _problems_of_log(ledger: Ledger, log: str, entries: Sequence[Stands]) -> Iterator[str]:
    seen: set[Key] = set()
    last_of: dict[str, Typed] = {}
    for place, entry in enumerate(entries, 1):
        if entry.sequence != place:
            yield f"{log} has {entry.sequence} in place {place}"
        if entry.key in seen:
            yield f"{log} has {show(entry.key)} twice"
        seen.add(entry.key)
        typed = ledger.typed.get(entry.key)
        if typed is None or typed.author != entry.author or typed.log != log:
            yield f"{log} {place} is {show(entry.key)} of {entry.author}, which nobody typed there"
            continue
        last = last_of.get(typed.device)
        if last is not None and last.number > typed.number:
            yield f"{log} has {show(last.key)} of {typed.device} before {show(typed.key)}, which was typed earlier"
        last_of[typed.device] = typed


def _problems_of_typed(ledger: Ledger) -> Iterator[str]:
    present = ledger.present
    for key, typed in ledger.typed.items():
        words = f"{show(key)} of {typed.device} in {typed.log}"
        if typed.was_sent and key not in present:
            yield f"{words} was acknowledged and is lost"
        if typed.was_refused and key in present:
            yield f"{words} was refused and stands there all the same"
        is_known = typed.was_refused or typed.may_vanish or key in ledger.queued
        if key not in present and not is_known:
            yield f"{words} has vanished: neither in the log, nor refused, nor queued"
        if key in ledger.queued and typed.device not in ledger.blocked:
            yield f"{words} is still queued, although nothing stands in the way"


def _problems_of_history(ledger: Ledger, reader: str, log: str, entries: Sequence[Stands]) -> Iterator[str]:
    kept = ledger.logs[log]
    for before, entry in zip([None, *entries], entries, strict=False):
        if before is not None and entry.sequence != before.sequence + 1:
            yield f"{reader} has {log} {entry.sequence} after {before.sequence}"
        if not 0 < entry.sequence <= len(kept):
            yield f"{reader} has {log} {entry.sequence}, which the server does not"
        elif kept[entry.sequence - 1] != entry:
            yield f"{reader} has {entry} where {log} has {kept[entry.sequence - 1]}"
    last = entries[-1].sequence if entries else 0
    if (reader, log) in ledger.current and last != len(kept):
        yield f"{reader} has {log} up to {last}, and it goes to {len(kept)}"


class Marks:
    """Numbers that may only grow, whoever shows them."""

    def __init__(self) -> None:
        self._marks: dict[object, int] = {}

    def of(self, what: object) -> int:
        return self._marks.get(what, 0)

    def see(self, what: object, value: int) -> None:
        before = self._marks.get(what, 0)
        if value < before:
            raise PromiseBroken(f"{what} went back from {before} to {value}")
        self._marks[what] = value
