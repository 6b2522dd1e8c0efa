"""What it costs to come into a large group: from `lanline join LINK` to the first word of the lobby on the screen.

Real programs: a server, whoever founded the group and has left, and a newcomer. The group grows in the server's folder:
everybody has an account, a seat in the lobby, and the two entries of the chain by which they came in. Their own sealing
keys are stand-ins, for nothing is sealed to them here.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from section import Options, Section, table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from e2e.house import House, house
from e2e.nodes import end_nodes
from grouphouse.people import DeviceKeys, InviteKeys, Person, Story
from lanline.core.groupstate import KEY_SUITE, GroupStates
from lanline.model.logs import ENTRY_ID_BYTES, NewEntry
from lanline.model.rooms import Membership
from lanline.storage.api import Transaction
from lanline.storage.sqlite.engine import SqliteEngine

NAME = "largegroup"
PEOPLE = (1, 200, 2000)
QUICK_PEOPLE = (1, 200)
JOINS = 5
MOST_S = 4.0
FIRST_WORD = "hello"
FOUNDER = "ana"


@dataclass(frozen=True, slots=True)
class Coming:
    people: int
    chain_kb: float
    start_s: float
    """Of the server, until it is ready."""
    joined_s: float
    read_s: float
    """With the first word of the lobby."""


async def measure(options: Options) -> Section:
    people = QUICK_PEOPLE if options.quick else PEOPLE
    found = [await asyncio.to_thread(_coming, many, 2 if options.quick else JOINS) for many in people]
    rows = [
        [
            f"{each.people:,}",
            f"{each.chain_kb:.0f}",
            f"{each.start_s:.2f}",
            f"{each.joined_s:.2f}",
            f"{each.read_s:.2f}",
        ]
        for each in found
    ]
    header = ("people", "chain kB", "server starts: s", "joined: s", "first word read: s")
    setting = (
        f"`lanline join LINK`, then `lanline log '#lobby'`, by somebody new, in a group of so many people; median of "
        f"{JOINS} newcomers, one after the other, each with the start of three programs. Nobody else is online. At "
        f"most {MOST_S:.0f} s are allowed with 2,000 people."
    )
    return Section(NAME, "Joining a large group", setting, [table(header, rows)], [asdict(each) for each in found])


def _coming(people: int, joins: int) -> Coming:
    with tempfile.TemporaryDirectory() as folder, house(Path(folder)) as place:
        server = place.serve()
        place.join(FOUNDER, server.first_invite)
        place.say(FOUNDER, FIRST_WORD)
        end_nodes(place.folder)
        port = server.port
        server.end()
        size = _grow(place, people - 1)
        started = time.perf_counter()
        place.serve(port=port)
        start_s = time.perf_counter() - started
        times = [_join_s(place, f"newcomer{number}") for number in range(joins)]
        joined, read = zip(*times, strict=True)
        return Coming(people, size / 1000, start_s, statistics.median(joined), statistics.median(read))


def _join_s(place: House, name: str) -> tuple[float, float]:
    link = place.members_invite()
    end_nodes(place.folder)
    started = time.perf_counter()
    place.join(name, link)
    joined_s = time.perf_counter() - started
    while FIRST_WORD not in place.heard(name):
        time.sleep(0.01)
    read_s = time.perf_counter() - started
    end_nodes(place.folder)
    return joined_s, read_s


def _grow(place: House, more: int) -> int:
    """How large the chain is then."""
    kept = json.loads((place.folder / FOUNDER / "keys.json").read_bytes())
    founder = Person(FOUNDER)
    founder.device = DeviceKeys(bytes.fromhex(kept["device_secret"]))
    engine = SqliteEngine.open(place.data)
    try:
        (size,) = engine.transact([lambda transaction: _grown(transaction, founder, more)])
    finally:
        engine.close()
    if isinstance(size, Exception):
        raise size
    assert isinstance(size, int)
    return size


def _grown(transaction: Transaction, founder: Person, more: int) -> int:
    state = GroupStates().at(transaction)
    now_ms = int(time.time() * 1000)
    story = Story(chain=state.chain, time_ms=now_ms)
    lobby = transaction.rooms.all()[0]
    maker = transaction.accounts.by_name(FOUNDER)
    assert maker is not None
    device = transaction.accounts.devices(maker.id)[0]
    for number in range(more):
        person, invite = Person(f"person{number}"), InviteKeys(number)
        assert story.invite(founder, invite) is None
        assert story.join(person, invite) is None
        account = transaction.accounts.add(person.name, now_ms, is_admin=False, password_hash=None)
        transaction.accounts.add_device(account.id, person.device.link_fingerprint, now_ms)
        transaction.rooms.put_membership(Membership(lobby.log, account.id))
    contents = [content for _, content in story.log]
    ids = [hashlib.sha256(content).digest()[:ENTRY_ID_BYTES] for content in contents]
    transaction.logs.append(
        [
            NewEntry(state.log, entry_id, maker.id, device.id, now_ms, KEY_SUITE, content)
            for entry_id, content in zip(ids, contents, strict=True)
        ]
    )
    transaction.groups.move_chain(story.chain.height, story.chain.head)
    return sum(len(each.content) for each in transaction.logs.after(state.log, 0, 100_000, 1 << 30))
