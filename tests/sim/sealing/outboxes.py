"""The outbox of one home: rows that are sealed, kept, sent, refused and sealed anew. The program that sends crashes,
loses answers, and finds the home put back to an older copy.

Of sealed bytes only this is kept: which run, which number, which entry before. At the end every row is in the log once
or was refused for good, no run has sealed two rows under one number, and every entry names one that stands before it.

One program of a home sends at a time: with two, each its own link, one in a hundred worlds has an entry that names one
which never came (`two_senders`), and each rule that mended a case left another.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import NamedTuple

from sim.sealing.group import PromiseBroken

FAULTS = ("no_hold", "keep_seals", "old_run", "two_senders")
Mark = tuple[int, int]
"""A run, and the number of an entry in it: it stands for the digest."""


class Sealed(NamedTuple):
    row: int
    mark: Mark
    prev: Mark | None
    epoch: int


@dataclass
class Row:
    id: int
    sealed: Sealed | None = None


class Server:
    def __init__(self, fault: str) -> None:
        self.log: list[Sealed] = []
        self.taken: set[int] = set()
        self.never: set[int] = set()
        self.epoch = 0
        self.muted = False
        self.fault = fault

    def take(self, program: Program, sealed: Sealed) -> str:
        """A repeat is looked for before anything else; after a refusal nothing else of this link is taken."""
        if sealed.row in self.taken:
            if program.held == sealed.row:
                program.held = None
            return "taken"
        if program.held not in {None, sealed.row} and self.fault != "no_hold":
            return "held"
        program.held = None
        if self.muted or sealed.row in self.never:
            program.held = sealed.row
            return "never"
        if sealed.epoch != self.epoch:
            program.held = sealed.row
            return "stale"
        self.taken.add(sealed.row)
        self.log.append(sealed)
        return "taken"


class Program:
    """What one of them has in memory: its run, what it sent, and which answers are on their way."""

    def __init__(self, run: int, epoch: int) -> None:
        self.run, self.n, self.epoch = run, 0, epoch
        self.prev: Mark | None = None
        self.relink()

    def relink(self) -> None:
        self.held: int | None = None
        self.sent: set[int] = set()
        self.answers: list[tuple[Sealed, str]] = []
        self.waits_for: int | None = None


@dataclass
class World:
    seed: int
    fault: str = ""
    rows: list[Row] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.server = Server(self.fault)
        self.programs = [self._started() for _ in range(2 if self.fault == "two_senders" else 1)]
        self.made = 0
        self.refused: set[int] = set()
        self.sealed_under: dict[Mark, int] = {}
        self.backup: list[Row] | None = None
        self.is_restored = False

    def _started(self) -> Program:
        return Program(self.random.getrandbits(60), self.server.epoch)

    # -- a program

    def seal(self, program: Program, row: Row) -> None:
        if program.prev is not None and not self._stands(program.prev, row) and self.fault != "old_run":
            program.run, program.n, program.prev = self.random.getrandbits(60), 0, None
        newest = self.server.log[-1].mark if self.server.log else None
        prev = newest if program.prev is None else program.prev
        mark = (program.run, program.n)
        if self.sealed_under.setdefault(mark, row.id) != row.id:
            raise PromiseBroken("a run seals two rows under one number")
        row.sealed = Sealed(row.id, mark, prev, program.epoch)
        program.prev, program.n = mark, program.n + 1

    def _stands(self, mark: Mark, row: Row) -> bool:
        """In the log, or sealed in a row before this one: what stands behind it may be refused after it was taken."""
        before = self.rows[: self.rows.index(row)]
        return mark in {each.sealed.mark for each in before if each.sealed} or mark in {
            each.mark for each in self.server.log
        }

    def send(self, program: Program, most: int) -> None:
        for row in list(self.rows):
            if most <= 0 or (program.waits_for not in {None, row.id} and row.id not in program.sent):
                return
            if row.id in program.sent:
                continue
            if row.sealed is None:
                self.seal(program, row)
            assert row.sealed is not None
            program.waits_for = None
            program.sent.add(row.id)
            most -= 1
            program.answers.append((row.sealed, self.server.take(program, row.sealed)))

    def hear(self, program: Program, most: int) -> None:
        for _ in range(most):
            if not program.answers:
                return
            sealed, answer = program.answers.pop(0)
            row = next((each for each in self.rows if each.id == sealed.row), None)
            if answer == "taken":
                self.rows = [each for each in self.rows if each is not row]
            elif answer == "held":
                program.sent.discard(sealed.row)
            else:
                self._refused(program, sealed, row, answer)

    def _refused(self, program: Program, sealed: Sealed, row: Row | None, answer: str) -> None:
        program.answers = [each for each in program.answers if each[1] == "taken"]
        program.sent = {each.row for each, _ in program.answers}
        program.epoch = self.server.epoch
        if row is None or (row.sealed is not None and row.sealed.mark != sealed.mark):
            self.figures["dealt with by another program"] += 1
            if row is None:
                program.held = None
            else:
                program.waits_for = sealed.row
            return
        self._unseal_from(row)
        if answer == "never":
            self.rows.remove(row)
            self.refused.add(row.id)
            program.held = None
        else:
            program.waits_for = sealed.row

    def _unseal_from(self, row: Row) -> None:
        """In one write: this row, and all of this log behind it."""
        behind = self.rows[self.rows.index(row) :]
        for each in behind[:1] if self.fault == "keep_seals" else behind:
            each.sealed = None

    # -- the whole

    def run(self) -> World:
        for _ in range(self.random.randint(20, 150)):
            self._step()
        self.server.muted = False
        for _ in range(2):
            for _ in range(60):
                for program in self.programs:
                    program.epoch = self.server.epoch
                    self.send(program, 999)
                    self.hear(program, 999)
            for program in self.programs:
                program.relink()
        self._check()
        return self

    def _step(self) -> None:
        program = self.random.choice(self.programs)
        does = [
            (self._write, 35),
            (lambda: self.send(program, self.random.randint(1, 6)), 25),
            (lambda: self.hear(program, self.random.randint(1, 4)), 20),
            (self._begin_epoch, 5),
            (self._mute, 6),
            (program.relink, 5),
            (lambda: self._crash(program), 4),
            (self._back_up, 1.5),
            (self._put_back, 2.5),
        ]
        [act] = self.random.choices([each for each, _ in does], [weight for _, weight in does])
        act()

    def _write(self) -> None:
        self.made += 1
        self.rows.append(Row(self.made))
        if self.random.random() < 0.04:
            self.server.never.add(self.made)

    def _begin_epoch(self) -> None:
        self.server.epoch += 1
        if self.random.random() < 0.5:
            for each in self.programs:
                each.epoch = self.server.epoch

    def _mute(self) -> None:
        self.server.muted = not self.server.muted

    def _crash(self, program: Program) -> None:
        self.programs[self.programs.index(program)] = self._started()

    def _back_up(self) -> None:
        self.backup = deepcopy(self.rows)

    def _put_back(self) -> None:
        if self.backup is not None:
            self.rows, self.is_restored = deepcopy(self.backup), True
            self.programs = [self._started() for _ in range(2 if self.fault == "two_senders" else 1)]

    def _check(self) -> None:
        self.figures["messages"] += len(self.server.log)
        self.figures["restored"] += self.is_restored
        if self.rows:
            raise PromiseBroken("a row never gets through")
        if self.is_restored:
            return
        lost = set(range(1, self.made + 1)) - self.server.taken - self.refused
        if lost:
            raise PromiseBroken("a row is neither in the log nor refused")
        if next(self._holes(), None) is not None:
            raise PromiseBroken("an entry names one that stands nowhere before it")

    def _holes(self) -> Iterator[Sealed]:
        seen: set[Mark | None] = {None}
        for each in self.server.log:
            if each.prev not in seen:
                yield each
            seen.add(each.mark)
