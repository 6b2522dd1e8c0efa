"""Where everything stands after the chaos: in the server's database, in each home, and in what was printed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from chaos.people import ROOM, Follower, Person
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
        if program.wait(60) != 0:
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


def check_follower(ledger: Ledger, follower: Follower) -> list[str]:
    """Each run of its program has printed a dense part of the log."""
    kept = ledger.logs[ROOM]
    problems = []
    for number, run in enumerate(follower.runs):
        entries = [stands for stands in map(stands_of, run) if stands.sequence]
        if entries and entries != kept[entries[0].sequence - 1 :][: len(entries)]:
            problems.append(f"run {number} of {follower.name} printed {_first_wrong(entries, kept)}")
    return problems


def _first_wrong(entries: Sequence[Stands], kept: Sequence[Stands]) -> str:
    expected = entries[0].sequence
    for entry in entries:
        if entry.sequence != expected or entry not in kept[expected - 1 : expected]:
            return f"{entry}, where {expected} was to come"
        expected += 1
    return "what is right"
