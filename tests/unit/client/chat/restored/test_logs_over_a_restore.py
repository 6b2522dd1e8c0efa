"""What a log was before the server was restored, members still hold the server to afterwards."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec import structs

from lanline.client.chat.database import STEPS, Database
from lanline.client.chat.restored.lost import hash_at_or_below, too_near
from lanline.client.chat.sealed import watch as watching
from lanline.client.chat.sealed.content import OPENED
from lanline.client.chat.sealed.seenlogs import Named, SeenPages
from lanline.client.sealing.groupcopy import LESS_SHOWN, NOT_GIVEN
from lanline.client.sealing.logchain import LogChain
from lanline.core.chaingathering import WAIT_S
from lanline.core.history import end_history
from lanline.storage.api import Transaction
from lanline.wire.chat.entries import Entries, LogEntry
from lanline.wire.chat.groups import GroupIs
from lanline.wire.sealing.said import SAID_SUITE, Words
from unit.client.chat.sealed.test_sealed_outbox import said, say
from unit.client.chat.test_against_server import entries_of
from unit.client.chat.test_sealed_logs import START, change_the_first, entry
from unit.client.chat.village import Home, Process, Village

DIFFERENT = "The server shows ben and you different things in #lobby. Compare by another way what was said."


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Village]:
    """Ann and ben have talked; cai has not been there since."""
    made = Village(tmp_path, 1)
    made.seal()
    made.come_to_rest()
    made.homes[2].processes[0].crash()
    ann, ben, _ = (home.processes[0] for home in made.homes)
    for number in range(3):
        say(ann, "#lobby", f"ann {number}")
        made.rest_until(lambda number=number: f"ann {number}" in said(ben, "#lobby"))
        say(ben, "#lobby", f"ben {number}")
        made.rest_until(lambda number=number: f"ben {number}" in said(ann, "#lobby"))
    yield made
    made.close()


def stop(village: Village) -> None:
    for process in village.all_processes():
        for wire in process.open_wires:
            wire.die()
    village.house.stop()


def back_up(village: Village) -> None:
    stop(village)
    shutil.copytree(village.folder / "server", village.folder / "kept")
    village.house.start()


def put_back(village: Village, *, is_changed: bool, says_so: bool = True) -> None:
    stop(village)
    shutil.rmtree(village.folder / "server")
    shutil.copytree(village.folder / "kept", village.folder / "server")
    village.house.start()
    if says_so:
        village.house.engine.transact([end_history])
    if is_changed:
        change_the_first(village)
    village.house.stop()
    village.house.start()


def lose(village: Village) -> None:
    """What is said after the backup, and seen by all who are there."""
    ann, ben = (home.processes[0] for home in village.homes[:2])
    say(ann, "#lobby", "to be lost")
    village.rest_until(lambda: "to be lost" in said(ben, "#lobby"))


def rest(village: Village) -> None:
    for _ in range(20):
        village.rest()


def talk(village: Village) -> None:
    """Somebody who has never seen the older part comes, and ben speaks."""
    home = village.homes[2]
    home.processes = [Process(home)]
    ben = village.homes[1].processes[0]
    village.rest_until(lambda: "ben 2" in said(home.processes[0], "#lobby"))
    say(ben, "#lobby", "back again")
    village.rest_until(lambda: "back again" in said(home.processes[0], "#lobby"))


def forget_hashes(process: Process, above: int) -> None:
    """As if it had been so long ago that only an older one is kept."""
    with process.history.database.write() as writer:
        writer.execute("DELETE FROM log_hashes WHERE place > ?", (above,))


@pytest.mark.parametrize("says_so", [False, True])
def test_a_server_that_goes_back_in_silence_is_told_to_who_has_seen_more(village: Village, *, says_so: bool) -> None:
    """Nobody has to ask, and an honest restore is no alarm."""
    back_up(village)
    ann, ben = (home.processes[0] for home in village.homes[:2])
    village.rest_until(lambda: ann.member.is_settled)
    made = ann.member.changes.make_invite(1, 10**9)
    village.rest_until(lambda: made.is_settled and ben.member.copy.chain.height == ann.member.copy.chain.height)
    put_back(village, is_changed=False, says_so=says_so)
    for _ in range(60):
        village.rest()
    assert [home.warnings for home in village.homes[:2]] == ([[], []] if says_so else [[LESS_SHOWN], [LESS_SHOWN]])


@pytest.mark.parametrize("says_so", [False, True])
def test_a_server_that_goes_back_in_silence_is_told_to_whose_home_was_put_back_too(
    village: Village, *, says_so: bool
) -> None:
    """The file of its keys has seen more; after an honest restore nothing is told, also not at the next start."""
    home = put_back_with_ben(village, says_so=says_so)
    for _ in range(2):
        home.processes = [Process(home)]
        for _ in range(60):
            village.rest()
        assert home.processes[0].member.copy.is_behind
        assert set(home.warnings) == (set() if says_so else {LESS_SHOWN})
        home.processes[0].crash()


def put_back_with_ben(village: Village, *, says_so: bool) -> Home:
    """The server loses an entry of the group that ben's keys remember, and ann has; ann is away."""
    ann, home = village.homes[0].processes[0], village.homes[1]
    home.processes.pop().crash()
    kept = home.path.read_bytes()
    back_up(village)
    home.processes = [Process(home)]
    village.rest_until(lambda: ann.member.is_settled)
    made = ann.member.changes.make_invite(1, 10**9)
    village.rest_until(
        lambda: made.is_settled and home.processes[0].member.copy.chain.height == ann.member.copy.chain.height
    )
    ann.crash()
    home.processes.pop().crash()
    home.path.write_bytes(kept)
    home.delivered.clear()
    put_back(village, is_changed=False, says_so=says_so)
    return home


def test_who_remembers_what_nobody_can_bring_is_told_how_to_go_on_and_loses_nothing_by_it(village: Village) -> None:
    home = put_back_with_ben(village, says_so=True)
    home.processes = [Process(home)]
    ben = home.processes[0]
    say(ben, "#lobby", "ben waits")
    for _ in range(20):
        village.rest()
    assert "you decide: lanline chain" in ben.node.seals.problem
    assert "ben waits" not in said(ben, "#lobby")
    ben.member.decisions.accept()
    village.rest_until(lambda: "ben waits" in said(ben, "#lobby"))
    village.homes[0].processes = [Process(village.homes[0])]
    ann = village.homes[0].processes[0]
    village.rest_until(lambda: "ben waits" in said(ann, "#lobby"))
    village.house.clock.pass_time(WAIT_S)
    village.rest_until(lambda: ann.member.is_current and ben.member.copy.chain.head == ann.member.copy.chain.head)
    assert len(ben.member.copy.chain.invites) == len(ann.member.copy.chain.invites) == 2, "ann has brought it, later"
    assert (ann.member.problem, ben.member.problem, home.warnings) == ("", "", [])


def test_an_older_part_that_a_restore_has_changed_is_told_at_the_next_word(village: Village) -> None:
    back_up(village)
    lose(village)
    put_back(village, is_changed=True)
    rest(village)
    talk(village)
    assert [home.warnings for home in village.homes] == [[], [], [DIFFERENT]]


@pytest.mark.parametrize("kept", [9, 2, 0])
def test_after_an_honest_restore_everybody_knows_the_hash_again_and_nothing_is_told(
    village: Village, kept: int
) -> None:
    """Whether that of the place where the copies agree is kept, an older one, or none."""
    back_up(village)
    lose(village)
    for home in village.homes[:2]:
        forget_hashes(home.processes[0], kept)
    put_back(village, is_changed=False)
    rest(village)
    for home in village.homes[:2]:
        track = home.processes[0].node.conversations.titled("#lobby")
        assert track is not None
        [row] = home.processes[0].history.database.read(
            "SELECT max(place) FROM log_hashes WHERE log = ?", (track.shown.log,)
        )
        assert row == (track.shown.delivered,) == (6,)
    talk(village)
    assert [home.warnings for home in village.homes] == [[], [], []]


def test_what_is_sent_once_more_by_a_clock_that_is_behind_makes_no_other_log(village: Village) -> None:
    """It has its place, its id and its time of before, and another seal."""
    back_up(village)
    rest(village)
    village.house.clock.offset_ms -= 60_000  # of what is said meanwhile each has the time of the last before
    ann, ben = (home.processes[0] for home in village.homes[:2])
    say(ann, "#lobby", "sent twice")
    for wire in ann.open_wires:
        wire.carry_up(10**6)
    village.house.settle()
    ann.crash()
    village.rest_until(lambda: "sent twice" in said(ben, "#lobby"))
    ben.crash()
    put_back(village, is_changed=False)
    ann = Process(village.homes[0])
    village.homes[0].processes, village.homes[1].processes = [ann], []
    village.rest_until(lambda: not ann.node.outbox.messages)
    ben = Process(village.homes[1])
    village.homes[1].processes = [ben]
    say(ann, "#lobby", "here again")
    village.rest_until(lambda: "here again" in said(ben, "#lobby"))
    talk(village)
    assert [home.warnings for home in village.homes] == [[], [], []]


def test_what_waits_in_two_copies_of_a_home_is_said_once_and_nothing_is_missed(village: Village) -> None:
    home = village.homes[0]
    home.processes[0].crash()
    ann = Process(home)
    home.processes = [ann]
    for each in ("waits", "waits too"):
        say(ann, "#lobby", each)
    ann.crash()
    kept = home.path.read_bytes()
    home.processes = [Process(home)]
    ben = village.homes[1].processes[0]
    village.rest_until(lambda: "waits too" in said(ben, "#lobby"))
    home.processes[0].crash()
    home.path.write_bytes(kept)
    home.delivered.clear()
    home.processes = [Process(home)]
    say(home.processes[0], "#lobby", "and this")
    village.rest_until(lambda: "and this" in said(ben, "#lobby"))
    assert [home.warnings for home in village.homes] == [[], [], []]


def test_what_stands_otherwise_than_before_below_where_the_copies_agree_is_told_at_once(village: Village) -> None:
    back_up(village)
    lose(village)
    for home in village.homes[:2]:
        forget_hashes(home.processes[0], 0)
    put_back(village, is_changed=True)
    rest(village)
    told = (
        "The server was restored, and shows in #lobby something else than it showed there before. What came first is "
        "kept on this device. Compare by another way what was said."
    )
    assert [home.warnings for home in village.homes[:2]] == [[told], [told]]
    assert "ann 0" in said(village.homes[1].processes[0], "#lobby")


def test_a_home_that_was_put_back_is_told_by_its_own_words_that_it_is_shown_something_else(village: Village) -> None:
    """Ben's is older than the restore of the server, and reads anew what he has said then."""
    ben = village.homes[1]
    kept = ben.path.read_bytes()
    say(village.homes[0].processes[0], "#lobby", "ann 3")
    village.rest_until(lambda: "ann 3" in said(ben.processes[0], "#lobby"))
    say(ben.processes[0], "#lobby", "ben 3")
    village.rest_until(lambda: "ben 3" in said(village.homes[0].processes[0], "#lobby"))
    ben.processes[0].crash()
    ben.path.write_bytes(kept)
    ben.delivered.clear()

    def change(transaction: Transaction) -> None:
        changed = "UPDATE entries SET time_ms = time_ms - 1 WHERE suite = 'said/1' AND sequence = 7"
        transaction.groups._connection.execute(changed)  # type: ignore[attr-defined]

    village.house.engine.transact([change])
    ben.processes = [Process(ben)]
    village.rest_until(lambda: "ben 3" in said(ben.processes[0], "#lobby"))
    [told] = ben.warnings
    assert told.startswith(
        "The server shows you other things in #lobby than it showed this device, or another of yours,"
    )


def test_who_has_seen_less_than_others_tells_nothing_while_a_restored_server_is_being_mended(village: Village) -> None:
    """Others speak by what the server has lost; one that says for ever that it is being mended is told of."""
    home = village.homes[0]
    ann = home.processes[0]
    copy, watch = ann.member.copy, ann.node.seals.watch
    assert watch is not None
    for gathers in (True, True, False):
        watch._words.ahead["ben"] = copy.chain.height + 1
        assert home.warnings == []
        watch._on_group(GroupIs(1, copy.log, copy.sequence, copy.chain.height, copy.chain.head, gathers))
    assert [each.partition(" has seen more")[0] for each in home.warnings] == ["ben"]
    watch._words.ahead["cai"] = copy.chain.height + 1
    watch._patience = 0
    watch._on_group(GroupIs(1, copy.log, copy.sequence, copy.chain.height, copy.chain.head, True))
    assert [each.partition(" has seen more")[0] for each in home.warnings] == ["ben", "cai"]


def test_a_server_that_is_mended_twice_is_believed_twice_and_one_that_never_brings_what_it_names_is_told_of(
    village: Village,
) -> None:
    home = village.homes[0]
    ann = home.processes[0]
    copy, watch = ann.member.copy, ann.node.seals.watch
    assert watch is not None

    def answer(sequence: int, *, gathers: bool = False) -> None:
        watch._on_group(GroupIs(1, copy.log, sequence, copy.chain.height, copy.chain.head, gathers))

    for _ in range(3):
        watch._words.ahead["ben"] = copy.chain.height + 1
        for _ in range(60):
            answer(copy.sequence, gathers=True)
        assert home.warnings == []
        watch._words.ahead.clear()  # they have brought it
        answer(copy.sequence)
    watch._words.ahead["ben"] = copy.chain.height + 1
    for _ in range(80):
        answer(copy.sequence + 1)
    assert [each.partition(" has seen more")[0] for each in home.warnings] == ["ben"]


def test_a_server_that_brings_a_little_now_and_then_and_never_what_is_lacking_is_told_of(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a member who makes entries for it, each of which is progress; for a long catch-up nothing is told."""
    home = village.homes[0]
    ann = home.processes[0]
    copy, watch, begins = ann.member.copy, ann.node.seals.watch, ann.member.copy.chain.height
    assert watch is not None

    def come_to(height: int) -> None:
        chain = structs.replace(copy.chain, height=height)
        monkeypatch.setattr(copy, "chain", chain)
        monkeypatch.setattr(copy, "shown", chain)

    def answer() -> None:
        watch._forget_known()
        watch._on_group(GroupIs(1, copy.log, copy.sequence + 1, copy.chain.height, copy.chain.head))

    for number in range(1, 1000):
        come_to(begins + number)
        watch._words.ahead["ben"] = copy.chain.height + 2
        answer()
    assert home.warnings == []
    watch._words.ahead["ben"] = begins + 10_000
    for number in range(1000, 1400):
        come_to(begins + number)
        answer()
    assert [each.partition(" has seen more")[0] for each in home.warnings] == ["ben"]


def test_a_server_that_names_a_head_which_it_does_not_show_is_told_of_and_asked_no_more(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has gone back in silence, and says that it has all of the group."""
    home = village.homes[0]
    ann = home.processes[0]
    copy, watch, asked = ann.member.copy, ann.node.seals.watch, list[object]()
    assert watch is not None
    chain, sequence = copy.chain, copy.sequence
    monkeypatch.setattr(type(copy), "is_less_shown", True)
    monkeypatch.setattr(copy, "is_apart", True)

    def lie(message: object, on_answer: Callable[[object], None]) -> None:
        asked.append(message)
        on_answer(GroupIs(1, copy.log, sequence, chain.height, chain.head))

    monkeypatch.setattr(watch._line, "request", lie)
    watch.look_at_group()
    for _ in range(60):
        village.house.clock.pass_time(10.0)
        village.house.clock.run_due()
    assert home.warnings == [LESS_SHOWN]
    assert len(asked) == 1


@pytest.mark.parametrize("is_given", [False, True])
def test_a_server_that_never_gives_the_rest_of_the_group_that_it_names_is_told_of(
    village: Village, monkeypatch: pytest.MonkeyPatch, *, is_given: bool
) -> None:
    """Also where nobody speaks, or no words can be read for want of keys; a rest that takes long is no alarm."""
    ann, home = village.homes[0].processes[0], village.homes[1]
    home.processes.pop().crash()
    village.rest_until(lambda: ann.member.is_settled)
    made = ann.member.changes.make_invite(1, 10**9)
    village.rest_until(lambda: made.is_settled)
    ben, kept = Process(home), list[Entries]()
    on_entries = ben.member.on_entries
    monkeypatch.setattr(ben.member, "on_entries", kept.append)
    home.processes = [ben]

    def rest_for(seconds: float) -> None:
        ends = village.house.clock.now() + seconds
        while village.house.clock.now() < ends:
            village.house.clock.pass_time(5.0)
            village.rest()

    rest_for(600.0)
    assert kept
    assert home.warnings == []
    if is_given:
        for each in kept:
            on_entries(each)
    rest_for(1200.0)
    assert home.warnings == ([] if is_given else [NOT_GIVEN])


def test_of_many_runs_the_ends_are_forgotten_and_nothing_is_told_by_mistake(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_MAX_ENDS", 1)
    home, ben = village.homes[0], village.homes[1].processes[0]
    for number in range(3):
        home.processes[0].crash()
        home.processes = [Process(home)]
        for process in (home.processes[0], ben):
            text = f"{process.node.own.name} {number} again"
            say(process, "#lobby", text)
            village.rest_until(lambda text=text: text in said(ben, "#lobby"))  # type: ignore[misc]
    watch = ben.node.seals.watch
    assert watch is not None
    assert len(watch._ends) <= 1
    assert village.homes[1].warnings == []


def test_of_the_hashes_few_are_kept_and_the_nearest_is_at_no_great_distance() -> None:
    kept: list[int] = []
    for place in range(1, 5001):
        kept.insert(0, place)
        if len(kept) > 160:
            dropped = set(too_near(kept))
            kept = [each for each in kept if each not in dropped]
    assert len(kept) < 160
    gaps = [(newer - older, kept[0] - newer) for newer, older in itertools.pairwise(kept)]
    assert all(gap <= max(1, distance) for gap, distance in gaps)


def test_the_hash_that_an_older_program_has_kept_is_still_known(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        numbers = sorted(STEPS.glob("*.sql"))
        before = next(number for number, each in enumerate(numbers) if each.name.endswith("_log_hashes.sql"))
        for each in numbers[:before]:
            connection.executescript(each.read_text(encoding="utf-8"))
        connection.execute(f"PRAGMA user_version = {before}")
        connection.execute("INSERT INTO cursors (log, delivered, has_begun) VALUES (3, 700, 1), (4, 7, 1)")
        for log, place in ((3, 700), (4, 6)):
            connection.execute("INSERT INTO facts VALUES (?, ?)", (f"hash {log}", place.to_bytes(8, "big") + b"c" * 32))
    database = Database.open(path)
    assert hash_at_or_below(database, 3, 700) == (700, b"c" * 32)
    assert hash_at_or_below(database, 4, 7) is None, "it was over less than the device has"
    database.close()


def words(seen: int, seen_hash: bytes, history: bytes = b"h" * 8) -> Named:
    return Named("ben", Words(0, bytes(32), 0, 1, bytes(32), history, seen, seen_hash, (), b""))


def test_pages_that_are_read_backwards_are_held_to_what_words_in_them_name() -> None:
    whole = LogChain(0, START)
    log = [entry(place) for place in range(1, 41)]
    whole.add(log)
    hashes = whole._hashes
    pages = SeenPages()
    assert pages.add(log[30:], [words(35, hashes[35]), words(38, hashes[38])]) is None
    assert pages.add(log[20:30], []) is None
    assert pages.add(log[10:20], [words(12, hashes[12])]) is None
    assert pages.add(log[:10], [words(3, b"x" * 32)]) is not None, "what lies above does not follow from it"

    pages = SeenPages()
    assert pages.add(log[30:], [words(35, hashes[35]), words(38, b"x" * 32)]) is not None
    pages = SeenPages()
    assert pages.add(log[30:], [words(35, hashes[35])]) is None
    changed = [*log[20:24], entry(25, b"another"), *log[25:30]]
    assert pages.add(changed, [words(22, hashes[22])]) is not None
    pages = SeenPages()
    assert pages.add(log[30:], [words(35, hashes[35]), words(38, b"x" * 32, b"another ")]) is None, "of another history"


def test_what_came_and_was_not_kept_yet_has_another_place_after_a_restore(village: Village) -> None:
    cai = Process(village.homes[2])
    village.homes[2].processes = [cai]
    shown = cai.shown("#lobby")
    first = next(each for each in entries_of(village, shown.log) if each.suite == SAID_SUITE)
    came = LogEntry(
        first.sequence, first.entry_id, first.account, first.device, first.time_ms, first.suite, first.content
    )
    [before], _ = cai.node.seals.open(shown, [came])
    cai.node.seals._begin_history(b"restored")
    [after], _ = cai.node.seals.open(shown, [structs.replace(came, sequence=came.sequence + 1)])
    assert (before.suite, after.suite) == (OPENED, OPENED)


def test_words_of_a_private_room_come_back_though_their_key_has_to_be_fetched_first(village: Village) -> None:
    """And nothing else in that room lacks it."""
    village.homes[2].processes = [Process(village.homes[2])]
    village.rest_until(lambda: all(process.member.is_settled for process in village.all_processes()))
    village.make_private_room()
    ann, ben, cai = (home.processes[0] for home in village.homes)
    cai.crash()
    back_up(village)
    village.rest_until(lambda: ann.member.is_settled)
    turned = ann.member.devices.revoke(())
    village.rest_until(lambda: turned.is_settled)
    say(ben, "#board", "to be lost")
    village.rest_until(lambda: "to be lost" in said(ann, "#board"))
    ann.crash()
    ben.crash()
    put_back(village, is_changed=False)
    ben, cai = (Process(home) for home in village.homes[1:])
    village.homes[1].processes, village.homes[2].processes = [ben], [cai]
    ben.member.caches.throw_away()
    rest(village)
    village.house.clock.pass_time(WAIT_S)
    village.rest_until(lambda: "to be lost" in said(cai, "#board"))


def test_words_under_a_key_of_which_the_server_has_lost_the_beginning_come_back_from_who_fetches_all_keys_anew(
    village: Village,
) -> None:
    """And has begun to just before it learns of the restore."""
    back_up(village)
    ann, ben = (home.processes[0] for home in village.homes[:2])
    village.rest_until(lambda: ann.member.is_settled)
    turned = ann.member.devices.revoke(())
    village.rest_until(lambda: turned.is_settled)
    lose(village)
    ann.crash()
    ben.crash()
    put_back(village, is_changed=False)
    ben, cai = (Process(home) for home in village.homes[1:])
    village.homes[1].processes, village.homes[2].processes = [ben], [cai]
    ben.member.caches.throw_away()
    rest(village)
    village.house.clock.pass_time(WAIT_S)
    village.rest_until(lambda: "to be lost" in said(cai, "#lobby"))
