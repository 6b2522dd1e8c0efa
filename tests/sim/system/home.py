"""A home: one device of one person, its folder, the programs that run on it, and what they were told.

Every event is looked at as it comes: what is acknowledged stands on the server's disk already; what is received is
dense and is what stands there; no mark goes back, over crashes too.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from lanline.client.chat import events
from lanline.client.chat.history import History
from lanline.client.chat.node import ChatNode
from lanline.client.chat.requests import Answer
from lanline.client.chat.session import AsDevice, AsNewcomer, NodeState
from lanline.client.chat.values import Conversation, Message, MessageState
from lanline.errors import HistoryProblem, InvalidInput, LinkNotOpen, RefusalCode, RequestRefused
from lanline.model.content import Text
from lanline.wire.chat.messages import ClientMessage
from sim.system.auditor import Truth, between
from sim.system.connector import SimConnector
from sim.system.disk import Database, Disk
from sim.system.ledger import Ledger, Marks, PromiseBroken, Stands
from sim.system.machine import ServerMachine
from sim.system.process import Computer, Crash, Death, SimProcess
from sim.world import SimWorld

FILE_NAME = "chat.db"
_IN_THE_LOG = (MessageState.SENT, MessageState.DELIVERED, MessageState.READ)


@dataclass(slots=True)
class Place:
    """What a home needs of the world around it."""

    world: SimWorld
    server: ServerMachine
    disk: Disk
    rng: random.Random

    @property
    def ledger(self) -> Ledger:
        return self.server.ledger


@dataclass(slots=True, eq=False)
class Program:
    process: SimProcess
    history: History
    node: ChatNode
    connector: SimConnector
    reported: dict[int, int] = field(default_factory=dict)
    """By log, the last sequence number that it was told of."""
    unanswered: int = 0
    is_disk_full: bool = False
    marks: Marks = field(default_factory=Marks)


class Home:
    def __init__(self, place: Place, person: str, computer: Computer, token: bytes | None) -> None:
        self.place = place
        self.person = person
        self.computer = computer
        self.token = token
        self.programs: list[Program] = []
        self.texts: dict[bytes, str] = {}
        """What was said, by the ids that the node gave."""
        self._folder = place.disk.new_folder()
        self._database = Database(self._folder / FILE_NAME)
        self._marks = Marks()
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
        self._check_kept(node)
        self.programs.append(program)
        self.texts |= {message.entry_id: _text_of(message) for message in node.outbox}
        node.subscribe(lambda event: self._on_event(program, event))
        history.crash_point = lambda moment: self._crash_point(program, moment)
        process.on_death.append(lambda death: self._on_death(program, death))
        process.at(0.0, connector.call)
        return program

    def _node(self, process: SimProcess, history: History) -> ChatNode:
        node = ChatNode(process.clock, self.place.rng.randbytes, history, AsDevice())
        if node.account:
            return node
        way = AsNewcomer(self.person, f"password of {self.person}", self.computer.name, self.token)
        return ChatNode(process.clock, self.place.rng.randbytes, history, way)

    def start_again(self) -> None:
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
        """With the last program the machine itself may have lost its power; one of two is only killed."""
        self.programs.remove(program)
        if not self.programs:
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
            message = program.node.say(target, Text(text))
        except (InvalidInput, HistoryProblem):
            typed.was_refused = True
        except Crash:
            typed.may_vanish = True
            raise
        else:
            self.texts[message.entry_id] = text

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

        program.node.request(message, take)

    # ---- what it is told ----

    def _on_event(self, program: Program, event: events.NodeEvent) -> None:
        match event:
            case events.MessageStateChanged():
                self._on_state(program, event)
            case events.EntriesReceived(log, messages):
                self._on_entries(program, log, messages)
            case events.ConversationOpened(conversation) | events.ConversationChanged(conversation):
                self._on_conversation(program, conversation)
            case _:
                pass

    def _on_state(self, program: Program, event: events.MessageStateChanged) -> None:
        text = self.texts.get(event.entry_id)
        if text is None:
            return
        ledger = self.place.ledger
        typed = ledger.typed[text]
        if event.state in _IN_THE_LOG:
            typed.was_sent = True
            place = ledger.logs[typed.log][event.sequence - 1 : event.sequence]
            if [stands.key for stands in place] != [text]:
                raise PromiseBroken(f"{text!r} is said to be {typed.log} {event.sequence}, and there is {place}")
            program.marks.see((self.computer.name, event.entry_id), _IN_THE_LOG.index(event.state) + 1)
            self._check_reached(typed.log, event)
        elif event.state is MessageState.REFUSED:
            typed.was_refused = True
            self._check_refusal(typed.log, event)

    def _check_reached(self, where: str, event: events.MessageStateChanged) -> None:
        """That it was delivered, or read, is said only when somebody else's cursor on the server says so."""
        rank = _IN_THE_LOG.index(event.state)
        reached = self.place.server.auditor.reached
        mine = where == between(self.person, self.person)
        others = (marks for (log, name), marks in reached.items() if log == where and (mine or name != self.person))
        if rank and all(marks[rank - 1] < event.sequence for marks in others):
            raise PromiseBroken(
                f"{where} {event.sequence} is told to {self.person} to be {event.state.value}, by nobody"
            )

    def _check_refusal(self, where: str, event: events.MessageStateChanged) -> None:
        """Only who was muted or is not there any more."""
        is_barred = (where, self.person) in self.place.server.auditor.barred
        if not is_barred or event.code not in {RefusalCode.MUTED, RefusalCode.UNKNOWN_CONVERSATION}:
            raise PromiseBroken(f"{self.computer.name} is refused in {where} without a reason: {event.problem}")

    def _on_entries(self, program: Program, log: int, messages: Sequence[Message]) -> None:
        where = self.place.server.auditor.wheres[log]
        kept = self.place.ledger.logs[where]
        for message in messages:
            before = program.reported.get(log)
            if before is not None and message.sequence != before + 1:
                raise PromiseBroken(f"{self.computer.name} is told of {where} {message.sequence} after {before}")
            program.reported[log] = message.sequence
            self._marks.see(
                (self.computer.name, "holds", log),
                max(message.sequence, self._marks.of((self.computer.name, "holds", log))),
            )
            stands = self._stands(message)
            if kept[message.sequence - 1 : message.sequence] != [stands]:
                raise PromiseBroken(f"{self.computer.name} is told {stands} of {where}, which the server does not have")

    def _on_conversation(self, program: Program, conversation: Conversation) -> None:
        """What was read is written a few times a second: a program that is killed may forget the last of it."""
        for name in ("delivered", "read", "others_delivered", "others_read"):
            program.marks.see((self.computer.name, conversation.title, name), getattr(conversation, name))

    def _check_kept(self, node: ChatNode) -> None:
        """All that any program of this home was told of."""
        for conversation in node.conversations:
            self._marks.see((self.computer.name, "holds", conversation.log), conversation.delivered)

    def _stands(self, message: Message) -> Stands:
        return Stands(message.sequence, self.place.server.auditor.names[message.account], _text_of(message))

    # ---- at the end ----

    def unfinished(self, program: Program) -> list[str]:
        name, node = self.computer.name, program.node
        found = []
        if node.state is not NodeState.SYNCHRONIZED:
            found.append(f"{name} is {node.state.value}")
        if program.unanswered:
            found.append(f"{name} waits for {program.unanswered} answers")
        queued = [message for message in node.outbox if message.state is MessageState.QUEUED]
        if queued:
            found.append(f"{name} has {len(queued)} messages queued")
        for conversation in node.conversations:
            shown, head = (conversation.delivered, conversation.head), len(self._log(conversation.log))
            if conversation.is_open and shown != (head, head):
                found.append(f"{name} has {conversation.title} to {shown} of {head}")
        return found

    def _log(self, log: int) -> list[Stands]:
        return self.place.ledger.logs[self.place.server.auditor.wheres[log]]

    def is_admitted(self, truth: Truth) -> bool:
        return self.person not in truth.barred and self.computer.fingerprint not in truth.revoked

    def disagreements(self, program: Program, truth: Truth, there: set[str]) -> list[str]:
        """Where what is shown here is not as it is. `there`: who is online."""
        name, node = self.computer.name, program.node
        shown = {person.name for person in node.people if person.is_online}
        found = [] if shown == there else [f"{name} sees {sorted(shown)} online, and it is {sorted(there)}"]
        opened = {self.where(each): each for each in node.conversations if each.is_open}
        readable = {where for where, names in truth.readers.items() if self.person in names}
        if set(opened) != readable:
            found.append(f"{name} is in {sorted(readable)}, and is shown {sorted(opened)}")
        for where in set(opened) & readable:
            found += [f"{name} is shown {words}" for words in self._wrong(opened[where], where, truth)]
        return found

    def _wrong(self, shown: Conversation, where: str, truth: Truth) -> Iterator[str]:
        """What everybody has done who is in it counts; who is gone has left no mark that must be shown."""
        _, read = truth.cursors.get((where, self.person), (0, 0))
        if shown.read != read:
            yield f"{where} read to {shown.read}, and it is {read}"
        if shown.is_room:
            if shown.topic != truth.topics[where]:
                yield f"the topic of {where} as {shown.topic!r}, and it is {truth.topics[where]!r}"
            if shown.members != len(truth.readers[where]):
                yield f"{shown.members} members of {where}, and there are {len(truth.readers[where])}"
            return
        (other,) = truth.readers[where] - {self.person} or {self.person}
        theirs = truth.cursors.get((where, other), (0, 0))
        if other != self.person and (shown.others_delivered, shown.others_read) != theirs:
            yield f"{other} to have {shown.others_delivered} and read {shown.others_read} of {where}, not {theirs}"

    def where(self, conversation: Conversation) -> str:
        return self.place.server.auditor.wheres[conversation.log]

    def history(self) -> dict[str, list[Stands]]:
        """By log, what this device holds without a gap. One's own beyond that stand at their places, or it is wrong."""
        node, disk = self.programs[0].node, self.programs[0].history
        found = {}
        for conversation in disk.conversations():
            where = self.place.server.auditor.wheres[conversation.log]
            messages = [self._stands(each) for each in node.messages(conversation.log, last=1_000_000) if each.sequence]
            found[where] = [stands for stands in messages if stands.sequence <= conversation.delivered]
            for stands in messages[len(found[where]) :]:
                if stands.author != self.person or stands not in self.place.ledger.logs[where]:
                    raise PromiseBroken(f"{self.computer.name} has {stands} in {where}, which it was not told")
        return found

    def queued(self) -> set[str]:
        outbox = self.programs[0].node.outbox
        return {_text_of(message) for message in outbox if message.state is MessageState.QUEUED}


def _text_of(message: Message) -> str:
    return getattr(message.content, "text", "")
