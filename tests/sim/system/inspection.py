"""Looks at a home when the weather has cleared: is anything left to do, and is what it shows what there is?"""

from __future__ import annotations

from collections.abc import Iterator

from lanline.client.view.values import Conversation, MessageState, NodeState
from sim.system.auditor import Truth
from sim.system.home import Home
from sim.system.ledger import PromiseBroken, Stands
from sim.system.program import Program, text_of


def unfinished(home: Home, program: Program) -> list[str]:
    name, node = home.computer.name, program.node
    found = []
    if node.state is not NodeState.SYNCHRONIZED:
        found.append(f"{name} is {node.state.value}")
    if program.unanswered:
        found.append(f"{name} waits for {program.unanswered} answers")
    queued = [message for message in node.outbox.messages if message.state is MessageState.QUEUED]
    if queued:
        found.append(f"{name} has {len(queued)} messages queued")
    for conversation in node.conversations.all:
        shown, head = (conversation.delivered, conversation.head), len(home.place.log(conversation.log))
        if conversation.is_open and shown != (head, head):
            found.append(f"{name} has {conversation.title} to {shown} of {head}")
    return found


def disagreements(home: Home, program: Program, truth: Truth, there: set[str]) -> list[str]:
    """Where what is shown here is not as it is. `there`: who is online."""
    name, node = home.computer.name, program.node
    shown = {person.name for person in node.directory.people if person.is_online}
    found = [] if shown == there else [f"{name} sees {sorted(shown)} online, and it is {sorted(there)}"]
    opened = {home.place.where(each.log): each for each in node.conversations.all if each.is_open}
    readable = {where for where, names in truth.readers.items() if home.person in names}
    if set(opened) != readable:
        found.append(f"{name} is in {sorted(readable)}, and is shown {sorted(opened)}")
    for where in set(opened) & readable:
        found += [f"{name} is shown {words}" for words in _wrong(home, opened[where], where, truth)]
    return found


def _wrong(home: Home, shown: Conversation, where: str, truth: Truth) -> Iterator[str]:
    """What everybody has done who is in it counts; who is gone has left no mark that must be shown."""
    _, read = truth.cursors.get((where, home.person), (0, 0))
    if shown.read != read:
        yield f"{where} read to {shown.read}, and it is {read}"
    if shown.is_room:
        if shown.topic != truth.topics[where]:
            yield f"the topic of {where} as {shown.topic!r}, and it is {truth.topics[where]!r}"
        if shown.members != len(truth.readers[where]):
            yield f"{shown.members} members of {where}, and there are {len(truth.readers[where])}"
        return
    (other,) = truth.readers[where] - {home.person} or {home.person}
    theirs = truth.cursors.get((where, other), (0, 0))
    if other != home.person and (shown.others_delivered, shown.others_read) != theirs:
        yield f"{other} to have {shown.others_delivered} and read {shown.others_read} of {where}, not {theirs}"


def history(home: Home) -> dict[str, list[Stands]]:
    """By log, what this device holds without a gap. One's own beyond that stand at their places, or it is wrong."""
    node, disk = home.programs[0].node, home.programs[0].history
    found = {}
    for conversation in disk.conversations():
        where = home.place.where(conversation.log)
        messages = [
            home.place.stands(each) for each in node.messages(conversation.log, last=1_000_000) if each.sequence
        ]
        found[where] = [stands for stands in messages if stands.sequence <= conversation.delivered]
        count = conversation.delivered - conversation.first
        if len(found[where]) != count:
            raise PromiseBroken(f"{home.computer.name} has {len(found[where])} entries of {where}, and says {count}")
        for stands in messages[len(found[where]) :]:
            if stands.author != home.person or stands not in home.place.log(conversation.log):
                raise PromiseBroken(f"{home.computer.name} has {stands} in {where}, which it was not told")
    return found


def left(home: Home, state: MessageState) -> set[str]:
    """What stands in the outbox as queued, or as refused: for the person to see."""
    outbox = home.programs[0].node.outbox.messages
    return {text_of(message) for message in outbox if message.state is state}
