"""What sealing costs, each figure beside its baseline in the same run: `python bench/sealing.py`, in parts by `--rows`.

CPU time of one thread, in microseconds, where nothing else is said; the library draws its randomness from the operating
system. Each figure is the median of several rounds, and a ratio that of the rounds in which both were measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import sealedcatchup
import sealedmemory
import sealedserver
from grouphouse.people import InviteKeys, Person, Story, founded
from lanline.chain.epochs import RecipientKind, group_readers
from lanline.chain.scopes import pair_scope
from lanline.client.chat.history import History
from lanline.client.chat.node import ChatNode
from lanline.client.chat.sealed.content import OPENED
from lanline.client.chat.sealed.seals import DeviceKeys
from lanline.client.chat.session import AsDevice
from lanline.client.sealing.groupcopy import GroupCopy
from lanline.client.sealing.keystore import Keystore
from lanline.client.sealing.tables import GroupTables
from lanline.client.view.values import Conversation
from lanline.client.view.values import Person as ServerPerson
from lanline.crypto.groups import ids
from lanline.crypto.groups.epochs import commitment_of, room_key_of
from lanline.crypto.groups.keys import BOX_BYTES, SealingKey, SigningKey, box_info, seal_box, verify
from lanline.crypto.groups.said import RunKeys, Where, seal_words
from lanline.ids import new_entry_id
from lanline.testing.clock import HandClock
from lanline.wire.chat.entries import Append, Entries, LogEntry
from lanline.wire.chat.groups import Boxes, FoundBox
from lanline.wire.chat.messages import encode_message
from lanline.wire.sealing.entries import LetIn
from lanline.wire.sealing.said import EPOCH_SUITE, SAID_SUITE, Header, Words
from lanline.wire.sealing.strict import ZEROS, encode_strictly
from section import Options, Section, table
from unsealed import COMMIT

NAME = "sealing"
ROWS = ("words", "epochs", "chain", "rooms and pairs", "catch-up", "memory", "server")
"""What can be measured apart."""
HEAD = ("what", "today", "baseline", "ratio", "at most")
PEOPLE = (50, 1000, 2000)
TEXT = b"x" * 120
LOG = 7
PAGE = 200
ITEMS_IN_A_PAGE = 500
MOST_FIRST_S = 2.5
MOST_START_MS = 50
Work = Callable[[], object]


def cpu_us(work: Work, count: int) -> float:
    started = time.process_time()
    for _ in range(count):
        work()
    return (time.process_time() - started) / count * 1e6


def compared(work: Work, baseline: Work, rounds: int, counts: tuple[int, int]) -> tuple[float, float, float]:
    """The cost of both, and the ratio."""
    pairs = [(cpu_us(work, counts[0]), cpu_us(baseline, counts[1])) for _ in range(rounds)]
    costs, baselines = zip(*pairs, strict=True)
    ratio = statistics.median(cost / base for cost, base in pairs)
    return statistics.median(costs), statistics.median(baselines), ratio


def row(name: str, figures: tuple[float, float, float], bar: str, share: int = 1) -> list[str]:
    cost, baseline, ratio = figures
    return [name, f"{cost / share:.1f}", f"{baseline / share:.1f}", f"{ratio:.2f}", bar]


class Reader:
    """A member's client in a group of so many, as it runs on a home; and one who speaks in the lobby."""

    def __init__(self, people: int) -> None:
        story, [ana, ben, *_] = founded(*(f"person{number}" for number in range(people)))
        self.story, self.author, self.secret = story, ana, os.urandom(32)
        story.log.append((EPOCH_SUITE, story.epoch(ana.device, story.chain.group_id, self.secret)))
        history = History.in_memory()
        history.put_people([ServerPerson(1, ana.name, True, "", 0), ServerPerson(2, ben.name, True, "", 0)])
        keys = DeviceKeys(Keystore.in_memory(ben.device.secret), bytes(32), os.urandom)
        self.seals = ChatNode(HandClock(0.0), history, AsDevice(), keys=keys).seals
        assert self.seals.member is not None
        copy = self.seals.member.copy
        copy.add(items_of(story))
        [(epoch, _)] = copy.newest()
        assert copy.believe(epoch, self.secret)
        self.lobby = Conversation(LOG, "#lobby", None)
        room_id = ids.open_room_id_of(copy.chain.group_id, "lobby")
        self.header = Header(epoch.epoch_id, ana.device.id, os.urandom(16), b"")
        self.keys = RunKeys(room_key_of(self.secret, room_id), ana.device.id, self.header.run)
        self.room_id = room_id

    def said(self, place: int, prev: bytes) -> tuple[LogEntry, bytes]:
        """By the other one, at this place of the log."""
        chain, entry_id = self.story.chain, new_entry_id(place, os.urandom)
        words = Words(place - 1, prev, place, chain.height, chain.head, bytes(8), place - 1, ZEROS, (), TEXT)
        where = Where(self.room_id, self.author.id, entry_id)
        statement = encode_strictly(words)
        signer = self.author.device.signer
        content, digest = seal_words(self.keys, signer, self.header, where, statement, os.urandom(32))
        return LogEntry(place, entry_id, 1, 1, place, SAID_SUITE, content), digest

    def open(self, entries: list[LogEntry]) -> None:
        kept, lacking = self.seals.open(self.lobby, entries)
        assert lacking is None
        assert kept[-1].suite == OPENED
        self.seals.note_taken(self.lobby, entries)

    def say(self) -> bytes:
        sealed = self.seals.seal(self.lobby, new_entry_id(1, os.urandom), TEXT)
        assert sealed is not None
        return encode_message(Append(1, LOG, bytes(16), SAID_SUITE, sealed))


def items_of(story: Story) -> list[LogEntry]:
    return [
        LogEntry(at, at.to_bytes(16, "big"), 1, 1, 1, suite, content)
        for at, (suite, content) in enumerate(story.log, 1)
    ]


def of_words(rounds: int, count: int) -> list[list[str]]:
    reader = Reader(PEOPLE[0])
    signer = SigningKey(os.urandom(32))
    signature = signer.sign(TEXT)
    run: list[LogEntry] = []
    prev = ZEROS
    for place in range(1, (rounds + 1) * count + 1):
        entry, prev = reader.said(place, prev)
        run.append(entry)
    live = iter(run)

    def check() -> bool:
        return verify(signer.public_bytes, signature, TEXT)

    def open_next() -> None:
        reader.open([next(live)])

    sent = compared(reader.say, lambda: signer.sign(TEXT), rounds, (count, count))
    received = compared(open_next, check, rounds, (count, count))
    page = Reader(PEOPLE[0])
    entries, prev = [], ZEROS
    for place in range(1, PAGE + 1):
        entry, prev = page.said(place, prev)
        entries.append(entry)
    paged = compared(lambda: page.open(entries), check, rounds, (max(1, count // PAGE), count))
    return [
        row(f"seal for a room of {PEOPLE[0]}, and encode for the server", sent, "4"),
        row("receive one live: open, check, compare", received, "2.5"),
        row(f"{PAGE} of one run, in one page: each", (paged[0] / PAGE, paged[1], paged[2] / PAGE), ""),
    ]


def of_epoch(people: int, rounds: int) -> list[str]:
    """Boxes for everybody and the statement; the baseline seals to the same keys and does nothing else."""
    story, [ana] = founded("ana")
    publics = [SealingKey(os.urandom(32)).public_bytes for _ in range(people)]
    recipients = [(RecipientKind.ACCOUNT, os.urandom(32), 1) for _ in range(people)]
    chain, scope, secret = story.chain, story.chain.group_id, os.urandom(32)

    def begin() -> None:
        group_readers(chain, story.time_ms)
        commitment = commitment_of(secret, scope, chain.height, chain.head)
        for public, (kind, recipient, generation) in zip(publics, recipients, strict=True):
            seal_box(public, box_info(scope, commitment, kind, recipient, generation), secret)
        story.epoch(ana.device, scope, secret)

    def seals_alone() -> None:
        for public in publics:
            seal_box(public, b"", secret)

    return row(f"a new epoch for {people}: each", compared(begin, seals_alone, rounds, (1, 1)), "1.5", people)


def of_chain(people: int, rounds: int) -> list[list[str]]:
    """Everybody came by an invite; the client takes it in, keeps it, and starts again. The baseline: as many checks."""
    story, [ana] = founded("ana")
    for number in range(people):
        person, invite = Person(f"person {number}"), InviteKeys(number)
        story.invite(ana, invite)
        story.join(person, invite)
    items, signer = items_of(story), SigningKey(os.urandom(32))
    signature = signer.sign(TEXT)
    tables: list[GroupTables] = []

    def take_in() -> None:
        tables.append(GroupTables(History.in_memory().database, ana.device.secret, os.urandom))
        copy = GroupCopy(Keystore.in_memory(ana.device.secret), tables[-1])
        copy.target = len(items)
        for start in range(0, len(items), ITEMS_IN_A_PAGE):
            copy.add(items[start : start + ITEMS_IN_A_PAGE])
        assert copy.broken is None

    def start_again() -> None:
        copy = GroupCopy(Keystore.in_memory(ana.device.secret), tables[-1])
        assert copy.chain.height == len(items)

    def checks_alone() -> None:
        for _ in range(3 * people + 1):
            verify(signer.public_bytes, signature, TEXT)

    first = compared(take_in, checks_alone, rounds, (1, 1))
    again = compared(start_again, checks_alone, rounds, (1, 1))
    name = f"a chain of {people} people, {sum(len(content) for _, content in story.log) / 1000:.0f} kB"
    return [
        row(f"{name}: first time, a person", first, f"{MOST_FIRST_S} s in all: {first[0] / 1e6:.2f}", people),
        row(f"{name}: each start after, a person", again, f"{MOST_START_MS} ms in all: {again[0] / 1e3:.0f}", people),
    ]


def of_pair(rounds: int, count: int) -> list[str]:
    """The first word to somebody: two boxes and a statement, before the word itself. The baseline: two seals alone."""
    story, [ana, ben] = founded("ana", "ben")
    chain, secret = story.chain, os.urandom(32)
    scope = pair_scope(chain, ana.id, ben.id)
    publics = [SealingKey(os.urandom(32)).public_bytes for _ in range(2)]

    def begin() -> None:
        commitment = commitment_of(secret, scope.id, chain.height, chain.head)
        for public, reader in zip(publics, scope.readers(0), strict=True):
            seal_box(public, box_info(scope.id, commitment, reader.kind, reader.id, reader.generation), secret)
        story.epoch(ana.device, scope.id, secret)

    def seals_alone() -> None:
        for public in publics:
            seal_box(public, b"", secret)

    return row("the epoch of a pair", compared(begin, seals_alone, rounds, (count, count)), "")


def of_room(people: int, rounds: int) -> list[str]:
    """Everybody let into a private room one by one, and replayed by who comes; the baseline: as many checks."""
    names = [f"person {number}" for number in range(people)]
    story, [owner, *others] = founded("owner", *names)
    room_id = story.found_room(owner, "board")
    for each in others:
        story.write_in_room(room_id, LetIn, owner, accounts=(each.id,))
    signer = SigningKey(os.urandom(32))
    signature = signer.sign(TEXT)

    def replay_alone() -> None:
        assert len(story.room(room_id).members) == people + 1

    def checks_alone() -> None:
        for _ in range(people + 1):
            verify(signer.public_bytes, signature, TEXT)

    figures = compared(replay_alone, checks_alone, rounds, (1, 1))
    return row(f"a private room of {people}, replayed: an entry", figures, "", people)


def of_bytes(people: int) -> list[list[str]]:
    """What one member is sent of a new epoch: the box that it asks for, and the statement in the log."""
    story, [ana] = founded("ana")
    statement = story.epoch(ana.device, story.chain.group_id, os.urandom(32))
    box = len(encode_message(Boxes(1, (FoundBox(bytes(16), 1, 1, bytes(BOX_BYTES)),))))
    entry = len(encode_message(Entries(1, (LogEntry(1, bytes(16), 1, 1, 1, EPOCH_SUITE, statement),))))
    sizes = [("its box", box, "1,200"), ("its box and the statement", box + entry, "")]
    return [
        [
            f"a new epoch for {people}, bytes to a member: {what}",
            f"{size:,}",
            f"{BOX_BYTES:,}",
            f"{size / BOX_BYTES:.2f}",
            bar,
        ]
        for what, size, bar in sizes
    ]


def _of_epochs(rounds: int, people: Sequence[int]) -> list[list[str]]:
    return [*(of_epoch(each, rounds) for each in people), *of_bytes(max(people))]


def measured(name: str, options: Options) -> list[list[str]]:
    is_quick = options.quick
    rounds, count = (2, 100) if is_quick else (5, 1000)
    people = PEOPLE[:1] if is_quick else PEOPLE
    works: dict[str, Callable[[], list[list[str]]]] = {
        "words": lambda: of_words(rounds, count),
        "epochs": lambda: _of_epochs(rounds, people),
        "chain": lambda: of_chain(max(people), min(rounds, 3)),
        "rooms and pairs": lambda: [of_pair(rounds, max(1, count // 10)), of_room(min(people), min(rounds, 3))],
        "catch-up": lambda: sealedcatchup.rows(20_000 if is_quick else 100_000, 1 if is_quick else 3),
        "memory": lambda: sealedmemory.rows(200 if is_quick else 2000, 20 if is_quick else 200),
        "server": lambda: sealedserver.rows(2 if is_quick else 12),
    }
    return works[name]()


async def measure(options: Options) -> Section:
    earlier = {} if options.earlier is None else json.loads(options.earlier.read_text(encoding="utf-8"))
    figures: dict[str, list[list[str]]] = dict(earlier.get(NAME, {}).get("figures", {}))
    for name in options.rows or ROWS:
        figures[name] = await asyncio.to_thread(measured, name, options)
    figures = {name: figures[name] for name in ROWS if name in figures}
    return Section(
        name=NAME,
        title="Sealing",
        setting=(
            "What sealing costs, each figure beside its baseline in the same run, one after the other in turns; a "
            "ratio is the median of those of the rounds. Where nothing else is said, CPU time of one thread in us: "
            "of the client's own code with its database in memory, and as the baseline of what cannot be less, a "
            "signature of Ed25519, a check of one, or an HPKE seal. Texts have 120 bytes. Catch-up, memory and the "
            f"server's CPU are of real processes over loopback, beside the last version before sealing ({COMMIT}), "
            "which says texts of the same 200 bytes in plain. For the server's CPU all servers run at once, each with "
            f"a crowd of its own, and take turns of {sealedserver.TURN_S:g} s; its last rows are the version before "
            "sealing with messages of the size of sealed ones, beside itself with its own."
        ),
        tables=[table(HEAD, [row for rows in figures.values() for row in rows])],
        figures=figures,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rows", nargs="*", choices=ROWS, default=ROWS)
    wanted = parser.parse_args()
    options = Options((), 0.0, 1, wanted.quick, all_ip=False, seed=1)
    rows = [each for name in wanted.rows for each in measured(name, options)]
    print(table(HEAD, rows))


if __name__ == "__main__":
    main()
