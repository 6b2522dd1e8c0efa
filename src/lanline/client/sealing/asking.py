"""Owns what the program that opens words is asked, and how its answer is taken in here. Not that program: `opener`.

Under which keys they are is looked up here, and what is believed of them is judged here: `words`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from lanline.client.sealing.ahead import Ahead, RunWords
from lanline.client.sealing.opener import AskedRun, FoundRun, decode_found, encode_asked
from lanline.crypto.groups.said import Opened, Run
from lanline.wire.chat.entries import LogEntry
from lanline.wire.sealing.said import COMMON_BYTES, HEADER_BYTES, SAID_SUITE


class Asked(Protocol):
    """What the other program was asked, and answers later."""

    @property
    def is_over(self) -> bool: ...

    def when_over(self, callback: Callable[[], object]) -> None: ...

    def found(self) -> bytes | None:
        """Waits a moment for the answer. None: do without it."""


Ask = Callable[[bytes], Asked]


class _RunEntries(NamedTuple):
    run: Run
    run_words: RunWords
    entries: list[LogEntry]

    def asked(self) -> AskedRun:
        return AskedRun(
            self.run.key,
            self.run.said_as,
            self.run_words.sign_key,
            [(each.sequence, each.time_ms, each.entry_id, each.content) for each in self.entries],
        )

    def take(self, found: FoundRun, ahead: Ahead) -> None:
        header, said_as, run_words = self.run.header, self.run.said_as, self.run_words
        places = [each.sequence for each in self.entries]
        run_words.places += places if len(found.opened) == len(places) else [places[at] for at in found.opened]
        run_words.opened += [
            Opened(header, words, digest, signature, said_as)
            for words, digest, signature in zip(found.words, found.digests, found.signatures, strict=True)
        ]
        ahead.links.update(zip(places, found.links, strict=True))
        ahead.take(run_words, found.stretches, found.signed)


class Asking:
    """Some entries of one conversation, by their runs; what is of no known run is left out."""

    def __init__(
        self,
        entries: Sequence[LogEntry],
        ahead: Ahead,
        run_of: Callable[[bytes, bytes], tuple[Run, RunWords] | None],
    ) -> None:
        """`run_of`: the run of an entry, by what it begins with and by all of it; None: it is not known."""
        self._ahead = ahead
        self._runs: dict[bytes, _RunEntries | None] = {}
        authors, runs = ahead.authors, self._runs
        for each in entries:
            content = each.content
            if each.suite != SAID_SUITE or len(content) < HEADER_BYTES:
                continue
            begins = content[:COMMON_BYTES]
            if begins not in runs:
                found = run_of(begins, content)
                runs[begins] = None if found is None else _RunEntries(*found, [])
            of_run = runs[begins]
            if of_run is not None and authors[each.account] == of_run.run_words.author:
                of_run.entries.append(each)

    def asked(self) -> bytes:
        return encode_asked([each.asked() for each in self._asked_runs()])

    def take(self, answer: bytes) -> bool:
        """False: it cannot be read, and nothing is taken."""
        try:
            found = decode_found(answer)
        except msgspec.MsgspecError:
            return False
        for asked, of_run in zip(self._asked_runs(), found, strict=True):
            asked.take(of_run, self._ahead)
        return True

    def _asked_runs(self) -> list[_RunEntries]:
        return [each for each in self._runs.values() if each is not None and each.entries]
