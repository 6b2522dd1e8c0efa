"""Where everything stands after the chaos: in the server's database, in each home, and in what was printed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from chaos.people import ROOM, Person
from lanline.model.content import Content, Text
from lanline.storage.api import View
from lanline.storage.sqlite.engine import SqliteEngine
from sim.system.ledger import Ledger, Stands

_ALL = "1000000"
_content: msgspec.msgpack.Decoder[Content] = msgspec.msgpack.Decoder(Content)


def add_server_log(ledger: Ledger, data: Path) -> None:
    """Read from the database itself, once its server is gone."""
    engine = SqliteEngine.open(data)
    try:
        ledger.commit(ROOM, engine.read(_entries_of_room))
    finally:
        engine.close()


def _entries_of_room(view: View) -> list[Stands]:
    room = view.rooms.by_name(ROOM)
    assert room is not None
    names = {account.id: account.name for account in view.accounts.all()}
    entries = view.logs.after(room.log, 0, 10**9)
    return [Stands(entry.sequence, names[entry.account], text_of(entry.content)) for entry in entries]


def text_of(sealed: bytes) -> str:
    said = _content.decode(sealed)
    assert isinstance(said, Text)
    return said.text


def add_histories(ledger: Ledger, people: Iterable[Person]) -> None:
    for person in people:
        program = person.program("log", ROOM, "--last", _ALL, "--json")
        if program.wait(180) != 0:
            person.problems.append(f"{person.name} cannot read the log: {program.complaints()}")
            continue
        ledger.histories[person.name, ROOM] = [
            stands for stands in map(stands_of, program.printed()) if stands.sequence
        ]
        ledger.current.add((person.name, ROOM))


def stands_of(line: str) -> Stands:
    """Without a place while it is queued."""
    entry: dict[str, Any] = json.loads(line)
    return Stands(entry["sequence"], entry["from"], entry["text"])


def problems_of_printed(ledger: Ledger, person: Person) -> Iterator[str]:
    """Each program has printed a dense part of the log; one need not repeat to its user what that one has said."""
    kept = ledger.logs[ROOM]
    for number, run in enumerate(person.runs):
        expected: int | None = None
        for entry in (stands for stands in map(stands_of, run) if stands.sequence):
            missed = kept[expected - 1 : entry.sequence - 1] if expected is not None else []
            is_back = expected is not None and entry.sequence < expected
            if is_back or entry not in kept[entry.sequence - 1 : entry.sequence]:
                yield f"run {number} of {person.name} printed {entry}, where {expected} was to come"
                break
            if any(each.author != person.name for each in missed):
                yield f"run {number} of {person.name} did not print {missed}, and then {entry}"
                break
            expected = entry.sequence + 1
