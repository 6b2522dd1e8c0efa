"""A home: one device of one person, its folder, the programs that run on it, and what its person does with them."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable

from lanline.client.chat.history import History
from lanline.client.chat.node import ChatNode
from lanline.client.chat.session import Answer, AsDevice, AsNewcomer
from lanline.errors import HistoryProblem, InvalidInput, LinkNotOpen, RequestRefused
from lanline.model.content import Text
from lanline.wire.chat.messages import ClientMessage
from sim.system.auditor import Truth
from sim.system.connector import SimConnector
from sim.system.disk import Database
from sim.system.ledger import PromiseBroken
from sim.system.process import Computer, Crash, Death, SimProcess
from sim.system.program import Place, Program
from sim.system.witness import Witness

FILE_NAME = "chat.db"


class Home:
    def __init__(self, place: Place, person: str, computer: Computer, token: bytes | None) -> None:
        self.place = place
        self.person = person
        self.computer = computer
        self.token = token
        self.programs: list[Program] = []
        self.witness = Witness(place, person, computer.name)
        self._folder = place.disk.new_folder()
        self._database = Database(self._folder / FILE_NAME)
        self.starts = 0

    # ---- programs ----

    def start(self) -> Program:
        self.starts += 1
        place, port = self.place, 40_000 + self.starts
        process = SimProcess(place.world, self.computer, port, place.rng)
        history = History.open(self._database.path)
        node = self._node(process, history)
        server = place.server
        connector = SimConnector(process, node, server.address, server.fingerprint, place.rng)
        program = Program(process, history, node, connector)
        self.programs.append(program)
        self.witness.meet(program)
        history.crash_point = lambda moment: self._crash_point(program, moment)
        process.on_death.append(lambda death: self._on_death(program, death))
        process.at(0.0, connector.call)
        return program

    def _node(self, process: SimProcess, history: History) -> ChatNode:
        node = ChatNode(process.clock, history, AsDevice())
        if node.own.account:
            return node
        way = AsNewcomer(self.person, f"password of {self.person}", self.token)
        return ChatNode(process.clock, history, way)

    def start_again(self) -> None:
        """One program at a time owns a home."""
        if not self.programs:
            self.start()

    def end(self, program: Program) -> None:
        """As a program does that was asked to."""
        program.process.at(0.0, lambda: program.node.disconnect("bye"))
        program.process.at(self.place.rng.uniform(0.0, 0.2), program.process.die)

    def _crash_point(self, program: Program, moment: str) -> None:
        """The file is written between "commit" and "committed": who dies there may leave any part of it."""
        is_due = program.process.is_due
        if program.is_disk_full and moment == "begin":
            raise sqlite3.OperationalError("database or disk is full")
        if moment == "commit":
            if is_due(Death.BEFORE_COMMIT):
                raise Crash(Death.BEFORE_COMMIT)
            self._database.note_synced()
        elif moment == "committed":
            for death in (Death.WHILE_WRITING, Death.AFTER_COMMIT):
                if is_due(death):
                    raise Crash(death)

    def _on_death(self, program: Program, death: Death) -> None:
        """The machine itself may have lost its power."""
        self.programs.remove(program)
        folder = self.place.disk.new_folder()
        self._database.survive(folder, self.place.rng if death is Death.WHILE_WRITING else None)
        old, self._folder = self._folder, folder
        self._database = Database(folder / FILE_NAME)
        shutil.rmtree(old)
        program.history.close()

    # ---- what a person does ----

    def say(self, program: Program, target: int | str, where: str, text: str) -> None:
        typed = self.place.ledger.type(self.person, self.computer.name, where, text)
        try:
            message = program.node.outbox.say(target, Text(text), self.place.rng.randbytes(16))
        except (InvalidInput, HistoryProblem):
            typed.was_refused = True
        except Crash:
            typed.may_vanish = True
            raise
        else:
            self.witness.texts[message.entry_id] = text

    def ask(self, program: Program, message: ClientMessage, on_answer: Callable[[Answer], None] | None = None) -> None:
        """Exactly one answer has to come, unless the program dies first."""
        answers: list[Answer] = []
        program.unanswered += 1

        def take(answer: Answer) -> None:
            answers.append(answer)
            if len(answers) > 1:
                raise PromiseBroken(f"{self.computer.name} was answered twice: {answers}")
            program.unanswered -= 1
            if on_answer is not None and not isinstance(answer, RequestRefused | LinkNotOpen):
                on_answer(answer)

        program.node.line.request(message, take)

    # ---- at the end ----

    def is_admitted(self, truth: Truth) -> bool:
        return self.person not in truth.barred and self.computer.fingerprint not in truth.revoked
