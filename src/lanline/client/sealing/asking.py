"""Owns which questions are asked to open messages, of this process or of the second one, and how the answers are used.

Under which keys they are is looked up here, and what is believed of them is judged here: `words`. How they are opened:
`opener`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import msgspec

from lanline.client.sealing.ahead import Ahead, RunWords
from lanline.client.sealing.opener import AskedRun, FoundRun, decode_found, encode_asked, open_in_steps
from lanline.crypto.groups.said import Opened
from lanline.wire.chat.entries import LogEntry
from lanline.wire.sealing.said import COMMON_BYTES, SEALED_SUITES


class Asked(Protocol):
    """What the other program was asked, and answers later."""

    @property
    def is_over(self) -> bool: ...

    def when_over(self, callback: Callable[[], object]) -> None: ...

    def found(self) -> bytes | None:
        """Waits a moment for the answer. None: do without it."""


Ask = Callable[[bytes], Asked]


class Asking:
    """Some entries of one conversation, by their runs; what is of no known run is left out."""

    def __init__(
        self, entries: Sequence[LogEntry], ahead: Ahead, run_words_of: Callable[[bytes], RunWords | None]
    ) -> None:
        """`run_words_of`: what the run of an entry has in common, by its content; None: it is not known."""
        self._ahead = ahead
        self._run_words: list[RunWords] = []
        self._runs: list[AskedRun] = []
        by_beginning: defaultdict[bytes, list[LogEntry]] = defaultdict(list)
        for each in entries:
            if each.suite in SEALED_SUITES:
                by_beginning[each.content[:COMMON_BYTES]].append(each)
        for of_run in by_beginning.values():
            run_words = run_words_of(of_run[0].content)
            if run_words is not None:
                run, sign_key = run_words.run, run_words.sign_key
                accounts = [number for number, name in ahead.authors.items() if name == run_words.author]
                self._run_words.append(run_words)
                self._runs.append(AskedRun(run.key, run.said_as, sign_key, accounts, of_run))

    def open(self, ask: Ask | None) -> Iterator[Asked | None]:
        """By another program, if there is one that answers: what this yields has to be over before the next step."""
        if ask is not None:
            asked = ask(encode_asked(self._runs))
            yield asked
            if self._take_answer(asked.found()):
                return
        for number, (found, opened) in enumerate((yield from open_in_steps(self._runs))):
            self._take(number, found, opened)

    def _take_answer(self, answer: bytes | None) -> bool:
        """False: it is none, and nothing is taken."""
        try:
            all_found = [] if answer is None else decode_found(answer)
        except msgspec.MsgspecError:
            return False
        if len(all_found) != len(self._runs) or not all(map(FoundRun.answers, all_found, self._runs)):
            return False
        for number, found in enumerate(all_found):
            self._take(number, found, ())
        return True

    def _take(self, number: int, found: FoundRun, opened: Sequence[Opened]) -> None:
        run_words, places = self._run_words[number], [each.sequence for each in self._runs[number].entries]
        self._ahead.links.update(zip(places, found.links, strict=True))
        run_words.places = places if len(found.opened) == len(places) else [places[at] for at in found.opened]
        self._ahead.take(run_words, found, opened)
