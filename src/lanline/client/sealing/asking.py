"""Owns what is asked of the program in which words are opened aside, and how what it finds is taken in here.

Which keys they are under is looked up here, and what is believed of them is judged here: `words`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from lanline.client.sealing.ahead import Ahead, OfRun
from lanline.client.sealing.opener import AskedRun, FoundRun, decode_found, encode_asked
from lanline.crypto.groups.said import Opened, Run
from lanline.wire.chat.entries import LogEntry
from lanline.wire.sealing.said import COMMON_BYTES, HEADER_BYTES, SAID_SUITE


class Asked(Protocol):
    """Of the other program."""

    @property
    def is_over(self) -> bool: ...

    def when_over(self, callback: Callable[[], object]) -> None: ...

    def found(self) -> bytes | None:
        """Waits for it. None: nothing will be found."""


Ask = Callable[[bytes], Asked]


class _Group(NamedTuple):
    run: Run
    of_run: OfRun
    entries: list[LogEntry]

    def asked(self) -> AskedRun:
        return AskedRun(
            self.run.key,
            self.run.said_as,
            self.of_run.sign_key,
            [(each.sequence, each.time_ms, each.entry_id, each.content) for each in self.entries],
        )

    def take(self, found: FoundRun, ahead: Ahead) -> None:
        header, said_as, of_run = self.run.header, self.run.said_as, self.of_run
        places = [each.sequence for each in self.entries]
        of_run.places += places if len(found.opened) == len(places) else [places[at] for at in found.opened]
        of_run.opened += [
            Opened(header, words, digest, signature, said_as)
            for words, digest, signature in zip(found.words, found.digests, found.signatures, strict=True)
        ]
        ahead.links.update(zip(places, found.links, strict=True))
        ahead.take(of_run, found.stretches, found.signed)


class Asking:
    """Of some entries of one conversation; those that are not asked are left."""

    def __init__(
        self,
        entries: Sequence[LogEntry],
        ahead: Ahead,
        run_of: Callable[[bytes, bytes], tuple[Run, OfRun] | None],
    ) -> None:
        """`run_of`: of what an entry begins with, and its content."""
        self._ahead = ahead
        self._groups: dict[bytes, _Group | None] = {}
        authors, groups = ahead.authors, self._groups
        for each in entries:
            content = each.content
            if each.suite != SAID_SUITE or len(content) < HEADER_BYTES:
                continue
            begins = content[:COMMON_BYTES]
            if begins not in groups:
                found = run_of(begins, content)
                groups[begins] = None if found is None else _Group(*found, [])
            group = groups[begins]
            if group is not None and authors[each.account] == group.of_run.author:
                group.entries.append(each)

    def asked(self) -> bytes:
        return encode_asked([each.asked() for each in self._asked_groups()])

    def take(self, found: bytes) -> None:
        for group, of_group in zip(self._asked_groups(), decode_found(found), strict=True):
            group.take(of_group, self._ahead)

    def _asked_groups(self) -> list[_Group]:
        return [each for each in self._groups.values() if each is not None and each.entries]
