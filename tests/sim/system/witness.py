"""Hears every event of a home's programs as it comes, and holds it against the truth.

What is acknowledged stands on the server's disk already; what is received is dense and is what stands there; what is
said to be read was read; no mark goes back, over crashes too.
"""

from __future__ import annotations

from collections.abc import Sequence

from lanline.client.view import events
from lanline.client.view.values import Conversation, Message, MessageState
from lanline.errors import RefusalCode
from sim.system.auditor import between
from sim.system.ledger import Marks, PromiseBroken
from sim.system.program import Place, Program, text_of

_IN_THE_LOG = (MessageState.SENT, MessageState.DELIVERED, MessageState.READ)


class Witness:
    def __init__(self, place: Place, person: str, name: str) -> None:
        self.place = place
        self.person = person
        self.name = name
        self.texts: dict[bytes, str] = {}
        """What was said here, by the ids that the node gave."""
        self._marks = Marks()

    def meet(self, program: Program) -> None:
        """A new program: it holds all that any program of this home was told of."""
        for conversation in program.node.conversations.all:
            self._marks.see(("holds", conversation.log), conversation.delivered)
            program.reported[conversation.log] = conversation.delivered
        self.texts |= {message.entry_id: text_of(message) for message in program.node.outbox.messages}
        program.node.subscribe(lambda event: self._see(program, event))

    def _see(self, program: Program, event: events.NodeEvent) -> None:
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
            program.marks.see((self.name, event.entry_id), _IN_THE_LOG.index(event.state) + 1)
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
            raise PromiseBroken(f"{self.name} is refused in {where} without a reason: {event.problem}")

    def _on_entries(self, program: Program, log: int, messages: Sequence[Message]) -> None:
        where, kept = self.place.where(log), self.place.log(log)
        for message in messages:
            before = self._before(program, log)
            if message.sequence != before + 1:
                raise PromiseBroken(f"{self.name} is told of {where} {message.sequence} after {before}")
            program.reported[log] = message.sequence
            stands = self.place.stands(message)
            if kept[message.sequence - 1 : message.sequence] != [stands]:
                raise PromiseBroken(f"{self.name} is told {stands} of {where}, which the server does not have")
        holds = ("holds", log)
        self._marks.see(holds, max(self._marks.of(holds), program.reported[log]))

    @staticmethod
    def _before(program: Program, log: int) -> int:
        """What the program was told of last, or has found on the disk; of a new log, where its copy begins."""
        if program.reported.get(log):
            return program.reported[log]
        conversation = program.node.conversations.shown(log)
        assert conversation is not None
        return conversation.first

    def _on_conversation(self, program: Program, conversation: Conversation) -> None:
        """What was read is written a few times a second: a program that is killed may forget the last of it."""
        for name in ("delivered", "read", "others_delivered", "others_read"):
            program.marks.see((self.name, conversation.title, name), getattr(conversation, name))
