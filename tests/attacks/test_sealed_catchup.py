"""A long catch-up is taken as a whole where all is as it should be: with lies in it, it comes to the same as if it had
come word by word, and the same is told of it.
"""

from __future__ import annotations

import copy
import random
import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import pytest

from attacks.test_sealed_carried import bring, rest, restored_without_bringing, runs
from attacks.test_sealed_pages import change, log_of
from lanline.client.chat.catchup import intake
from lanline.client.chat.catchup.storing import OnEnd, Work
from lanline.client.chat.restored.carried import CarriedEntries
from lanline.client.chat.sealed import seals as seals_module
from lanline.client.chat.sealed.content import PLAIN, seal
from lanline.client.chat.sealed.opening import Opening, PastGroupWords, PlainWords, StruckWords
from lanline.client.chat.sealed.watch import ServerWatch
from lanline.client.sealing.ahead import Ahead
from lanline.client.sealing.logchain import LogChain
from lanline.client.sealing.opener import open_all
from lanline.client.sealing.words import GroupWords
from lanline.core.chaingathering import WAIT_S
from lanline.crypto.groups.epochs import room_key_of
from lanline.crypto.groups.ids import open_room_id_of
from lanline.crypto.groups.keys import SigningKey
from lanline.crypto.groups.said import RunKeys, Where, seal_words
from lanline.model.alarms import Alarm
from lanline.model.content import KnownDevices, Report, Text, Topic
from lanline.wire.chat.entries import LogEntry
from lanline.wire.sealing.said import SAID_SUITE, TOPIC_SUITE, Header, Words
from lanline.wire.sealing.strict import ZEROS, encode_strictly
from unit.client.chat.sealed.test_sealed_outbox import said
from unit.client.chat.village import Process, Village

_LIES = (
    "account", "bit", "cut", "dropped", "gap", "head", "history", "hash", "id", "later", "number", "order", "plain",
    "prev", "program", "report", "room", "signature", "suite", "topic", "twice",
)  # fmt: skip
_TOLD = (
    "GROUPS_DIFFER", "HISTORIES_DIFFER", "LOGS_DIFFER", "MESSAGE_MISSING", "NOT_THEIRS", "SAID_UNAWARE", "SHOWN_AGAIN",
    "TURNED_AROUND", "WORDS_OF_ENDED",
)  # fmt: skip
_LOG_SIZE = 36
_LOGS = 100


class Answer(NamedTuple):
    answer: bytes
    is_over: bool = True

    def found(self) -> bytes:
        return self.answer


class Opener:
    """A second program that answers at once."""

    is_ready = True

    def ask(self, asked: bytes) -> Answer:
        return Answer(open_all(asked))


class Speaker(NamedTuple):
    """Somebody, under an epoch, who has seen so much of the chain."""

    process: Process
    account: int
    epoch_id: bytes
    room_key: bytes
    height: int
    head: bytes


class Group:
    """Of whose members one is gone: all that the tests know of them stands in `speakers`."""

    def __init__(self, village: Village) -> None:
        self.ann, self.ben, self.cai = (home.processes[0] for home in village.homes)
        self.room_id = open_room_id_of(self.ann.member.copy.chain.group_id, "lobby")
        self.speakers = [self._speaker(each) for each in (self.ann, self.ben, self.cai)]
        self.cai.crash()
        village.homes.pop()
        removed = self.ann.member.changes.remove([self.cai.member.copy.account_id])
        members = self.ann, self.ben
        village.rest_until(
            lambda: removed.is_settled and all(each.member.copy.sealing_epoch() is not None for each in members)
        )
        assert {each.member.copy.chain.height for each in members} == {self.ann.member.copy.chain.height}
        self.speakers += [self._speaker(each) for each in (*members, *members)]

    def _speaker(self, process: Process) -> Speaker:
        member, directory = process.member.copy, self.ben.node.directory
        epoch = member.sealing_epoch()
        assert epoch is not None
        key = room_key_of(member.secrets[epoch.scope, epoch.epoch_id], self.room_id)
        person = directory.named(process._home.name)
        number = directory.own.account if process is self.ben else person.account if person else 0
        return Speaker(process, number, epoch.epoch_id, key, member.chain.height, member.chain.head)


class Run:
    def __init__(self, run: bytes) -> None:
        self.id = run
        self.n = 0
        self.prev = ZEROS


class Log:
    """As a server might show it."""

    def __init__(self, group: Group, seed: int) -> None:
        self._group = group
        self._chance = chance = random.Random(seed)
        self._history = group.ben.node.seals.context.history  # type: ignore[union-attr]
        self._runs = [Run(chance.randbytes(16)) for _ in range(7)]
        self.entries: list[LogEntry] = []
        lies = dict(zip(chance.sample(range(_LOG_SIZE), 3), chance.choices(_LIES, k=chance.randrange(4)), strict=False))
        # Most of what is here is said by those who are in the group, under its present keys.
        few = chance.sample(range(7), chance.randrange(1, 3)) if chance.random() < 0.3 else []
        usual = chance.sample((3, 4, 5, 6), chance.randrange(1, 5))
        self.lies = sorted(lies.values())
        for at in range(_LOG_SIZE):
            number = chance.choice(few if few and chance.random() < 0.15 else usual)
            self._say(group.speakers[number], self._runs[number], lies.get(at, ""))

    def _seen(self) -> tuple[int, bytes]:
        chain = LogChain(0, self._group.ben.node.seals.context.scopes.start_of(self._place))  # type: ignore[union-attr]
        chain.add(self.entries)
        return chain.seen

    @property
    def _place(self) -> object:
        return self._group.ben.node.seals.place(self._group.ben.shown("#lobby"))

    def _say(self, speaker: Speaker, run: Run, lie: str) -> None:
        chance, at = self._chance, len(self.entries) + 1
        copied, entry_id = speaker.process.member.copy, chance.randbytes(16)
        seen, seen_hash = self._seen() if chance.random() < 0.3 or lie == "hash" else (0, ZEROS)
        content = _CONTENTS.get(lie, Text(f"{lie} {at}"))
        body = seal(content)[1]
        if lie == "report":
            body = body.replace(b"\xa4type\xa6report", b"\xd9\x04type\xd9\x06report")
        words = Words(run.n, run.prev, 1, speaker.height, speaker.head, self._history, seen, seen_hash, (), body)
        change = msgspec.structs.replace
        match lie:
            case "gap":
                words = change(words, n=run.n + 1)
            case "number":
                words = change(words, n=max(0, run.n - 1))
            case "prev":
                words = change(words, prev=chance.randbytes(32))
            case "head":
                words = change(words, head=chance.randbytes(32))
            case "history":
                words = change(words, history=chance.randbytes(8))
            case "hash":
                words = change(words, seen_hash=chance.randbytes(32))
            case "later":
                words = change(words, seen=at + chance.randrange(3))
            case _:
                pass
        header = Header(speaker.epoch_id, copied.device_id, run.id, b"")
        room_id = chance.randbytes(32) if lie == "room" else self._group.room_id
        sealed, digest = seal_words(
            RunKeys(speaker.room_key, copied.device_id, run.id),
            SigningKey(bytes(32)) if lie == "signature" else copied.signer,
            header,
            Where(room_id, copied.account_id, entry_id),
            encode_strictly(words),
            chance.randbytes(32),
        )
        # What nobody has signed or what does not open is named by nobody: in a page it might be vouched for.
        is_lost = lie in {"signature", "bit", "cut", "room", "account", "id", "twice"}
        run.n, run.prev = words.n + 1, ZEROS if is_lost else digest
        suite = TOPIC_SUITE if lie == "suite" else SAID_SUITE
        entry = LogEntry(at, entry_id, speaker.account, 1, 1000 + at, suite, sealed)
        self.entries += self._shown(entry, lie)

    def _shown(self, entry: LogEntry, lie: str) -> list[LogEntry]:
        chance, at, change = self._chance, entry.sequence, msgspec.structs.replace
        found = [entry]
        match lie:
            case "dropped":
                found = []
            case "account":
                others = [each.account for each in self._group.speakers if each.account != entry.account]
                found = [change(entry, account=chance.choice([*others, 999]))]
            case "bit":
                changed = bytearray(entry.content)
                changed[chance.randrange(33, len(changed))] ^= 1  # else it is of an epoch that nobody knows yet
                found = [change(entry, content=bytes(changed))]
            case "cut":
                found = [change(entry, content=entry.content[: chance.randrange(80)])]
            case "id" if self.entries:
                found = [change(entry, entry_id=chance.choice(self.entries).entry_id)]
            case "twice" if self.entries:
                found = [entry, change(chance.choice(self.entries), sequence=at + 1)]
            case "order" if self.entries:
                before = self.entries.pop()
                found = [change(entry, sequence=before.sequence), change(before, sequence=at)]
            case "plain":
                found = [change(entry, suite=PLAIN, content=seal(Text("no seal"))[1])]
            case _:
                pass
        return found


_CONTENTS = {
    "program": KnownDevices((), b""),
    "report": Report("#lobby", "ann", 1, "she said", "that", verdict="proven"),
    "topic": Topic("of the server's own"),
}


class Reader:
    """Ben, who knows nothing yet of what was said in a log."""

    def __init__(self, ben: Process, *, has_opener: bool = False) -> None:
        real, node = ben.node.seals, ben.node
        assert real.context is not None
        words = GroupWords(real.context)
        words.forget_places()
        self.told = set[tuple[object, ...]]()
        self.shown = msgspec.structs.replace(ben.shown("#lobby"), first=0, delivered=0)
        self.kept: list[LogEntry] = []
        self.watch = watch = ServerWatch(real.context, words, node._context)
        watch.alarms.ring = self._ring  # type: ignore[method-assign]
        watch.seen._ring = self._ring
        self.words, self.seals = words, copy.copy(real)
        self.struck = StruckWords(ben.history.database, real.context.tables, words)
        self.plain = PlainWords(ben.history)
        for name, part in {
            "watch": watch,
            "_words": words,
            "_plain": self.plain,
            "struck": self.struck,
            "carried": CarriedEntries(real.context, words, node.directory, watch.alarms),
            "_opening": Opening(words, PastGroupWords(real.context, _do_nothing), self.struck, watch, real._name_of),
            "_opener": Opener() if has_opener else None,
        }.items():
            setattr(self.seals, name, part)

    def _ring(self, alarm: Alarm) -> None:
        self.told.add((alarm.kind, alarm.who, alarm.room))

    def word_by_word(self, entries: Sequence[LogEntry]) -> None:
        for each in entries:
            self._take([each], None)

    def in_batches(self, entries: Sequence[LogEntry], at_once: int, taken: int) -> None:
        for begins in range(0, len(entries), at_once):
            batch, ahead = entries[begins : begins + at_once], Ahead()
            for _ in self.seals.open_ahead(self.shown, batch, ahead):
                pass
            for start in range(0, len(batch), taken):
                self._take(batch[start : start + taken], ahead)

    def _take(self, entries: Sequence[LogEntry], ahead: Ahead | None) -> None:
        kept, lacking = self.seals.open(self.shown, entries, ahead)
        assert lacking is None
        self.kept += kept
        self.seals.note_taken(self.shown, entries, None if ahead is None else ahead.links)

    def found(self) -> dict[str, object]:
        """All that stays of it."""
        return {
            "kept": self.kept,
            "told": self.told,
            "ends": self.watch._ends,
            "present": self.watch._present,
            "own": self.words._own,
            "heights": self.words._heights._known,
            "runs": {run: each._of for run, each in self.words._places.items() if each._of},
            "from": [vars(each) for each in self.plain._from.values()],
            "hash": self.watch.seen.seen(self.shown, self.seals.place(self.shown)),
        }


def _do_nothing() -> None: ...


@pytest.fixture
def group(village: Village) -> Group:
    return Group(village)


def _taken_whole(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many entries, each time."""
    real, found = Opening.open_whole, list[int]()

    def open_whole(self: Opening, *arguments: Any) -> list[LogEntry] | None:
        kept = real(self, *arguments)
        found.append(0 if kept is None else len(kept))
        return kept

    monkeypatch.setattr(Opening, "open_whole", open_whole)
    return found


def test_a_catch_up_taken_as_a_whole_comes_to_the_same_as_word_by_word(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seals_module, "_MUCH", 1)
    whole, met, chance = _taken_whole(monkeypatch), Counter[str](), random.Random(1)
    for seed in range(_LOGS):
        log = Log(group, seed)
        one_by_one = Reader(group.ben)
        one_by_one.word_by_word(log.entries)
        for has_opener in (False, True):
            at_once, taken = chance.randrange(8, _LOG_SIZE + 4), chance.choice((3, 9, _LOG_SIZE))
            reader = Reader(group.ben, has_opener=has_opener)
            reader.in_batches(log.entries, at_once, taken)
            for what, found in one_by_one.found().items():
                assert reader.found()[what] == found, (seed, log.lies, what, at_once, taken)
        met.update([*log.lies, *(kind.name for kind, *_ in one_by_one.told)])
    assert 0 < whole.count(0) < len(whole) / 2
    assert all(met[each] for each in (*_LIES, *_TOLD)), met


class StoringLater:
    """When somebody waits for it, or a second later."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._under_way: tuple[Work, OnEnd] | None = None

    def begin(self, work: Work, on_end: OnEnd) -> None:
        self._under_way = work, on_end
        self._process.call_later(1.0, self.wait)

    def wait(self) -> None:
        while self._under_way is not None:
            (work, on_end), self._under_way = self._under_way, None
            work(self._process.history)
            on_end(None)


def test_words_that_are_shown_as_brought_too_stand_once_though_they_are_on_their_way_to_the_disk(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = village.add_member("late")
    [words] = restored_without_bringing(village, monkeypatch)
    ann, ben, _ = runs(village)
    village.house.clock.pass_time(WAIT_S)
    rest(village, 4)
    assert bring(village, ben, words) == ("",)
    log, author = log_of(ann), ann.node.directory.own.account
    [(at,)] = ann.history.database.read("SELECT sequence FROM entries WHERE suite = 'carried'")

    def show_below(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE entries SET sequence = ?2 + 1 WHERE log = ?1 AND sequence = ?2", (log, at))
        row = log, at, words.entry_id, author, 1, 1, SAID_SUITE, words.said
        columns = "log, sequence, entry_id, account, device, time_ms, suite, content"
        connection.execute(f"INSERT INTO entries ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        connection.execute("UPDATE logs SET head = head + 1 WHERE id = ?", (log,))

    for process in village.all_processes():
        process.crash()
    village.homes.clear()
    change(village, show_below)
    village.restart_server()
    monkeypatch.setattr(intake, "_TAKEN_AT_ONCE", 1)
    reader = Process(late)
    reader.node.reader._intake._storing = StoringLater(reader)
    late.processes = [reader]
    village.homes.append(late)
    village.rest_until(lambda: bool(said(reader, "#lobby")))
    rest(village, 4)
    assert said(reader, "#lobby") == ["of ann"]
