"""A lying server and an honest one, some dozens of seeds; and each promise, broken on purpose, is noticed."""

from __future__ import annotations

import logging
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import pytest

from lanline.chain import branches
from lanline.chain.reasons import Reason
from lanline.chain.state import Chain
from lanline.client.chat.restored import lost
from lanline.client.chat.restored.bringing import Bringing
from lanline.client.chat.restored.carried import CarriedEntries
from lanline.client.chat.restored.comparison import Rehashing
from lanline.client.chat.sealed import watch
from lanline.client.chat.sealed.alarms import alarms_kept_in
from lanline.client.chat.sealed.seenlogs import SeenLogs
from lanline.client.chat.sealed.watch import ServerWatch
from lanline.client.sealing import carrying, epochcopy, words
from lanline.client.sealing.context import GroupContext
from lanline.client.sealing.groupcopy import GroupCopy
from lanline.client.sealing.keystore import Keystore
from lanline.client.sealing.offering import Offering
from lanline.core import chaingathering as gathering
from lanline.model.alarms import Alarm, AlarmKind
from lanline.model.content import Topic
from lanline.wire.chat.offers import LostWords
from sim.lies import homes, restores
from sim.lies.world import ROOMS, World
from sim.run import run_lies_seed

SEEDS_IN_CI = 4
SEEDS_TO_NOTICE = 120


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Servers that are cut off in the midst of their work say so."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("block", range(SEEDS_IN_CI // 4))
def test_no_lie_goes_unmentioned_nobody_gone_is_sealed_to_and_nothing_is_told_by_mistake(block: int) -> None:
    outcomes = [run_lies_seed(seed) for seed in range(block * 4, block * 4 + 4)]
    assert [f"seed {seed}: {problem}" for seed, _, problem in outcomes if problem] == []
    said, lies, _ = (sum(figures) for figures in zip(*(figures for _, figures, _ in outcomes), strict=True))
    assert said > 20, "a simulation in which nothing happens finds nothing"
    assert lies > 0


class Day(World):
    """Without attack, from one morning to the next: hours pass, and topics are set besides."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, lies=False)

    def _live(self) -> None:
        clock = self.house.clock
        evening = clock.now() + 86_400
        while clock.now() < evening:
            self._step()
            if self.chance.random() < 0.2:
                self._set_topic()
            if self.chance.random() < 0.4:
                self._rest_for(5)  # nothing is under way for an hour
                clock.pass_time(self.chance.choice([60.0, 600.0, 3600.0]))
        self._end()
        assert [each for home in self.homes for each in alarms_kept_in(home.path, 1000)] == []

    def _set_topic(self) -> None:
        """Ann may in both rooms."""
        topic = Topic(f"topic {self.chance.random()}")
        self.alive(self.homes[0]).node.outbox.say(self.chance.choice(ROOMS), topic, self.chance.randbytes(16))
        self.figures["topics"] += 1


def test_days_without_attack_tell_nothing() -> None:
    """Together: what happens on which of them changes with all that asks chance for something."""
    figures = sum((Day(seed).run().figures for seed in (3, 5, 7, 80036, 80047, 80099)), Counter[str]())
    happened = ("said", "topics", "restores", "homes restored", "caches thrown away", "came in", "brought back")
    assert [each for each in happened if not figures[each]] == [], "days on which nothing happens find nothing"


def test_an_alarm_of_any_kind_that_is_told_by_mistake_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    look = ServerWatch.look_at_group

    def ring_all(looking: ServerWatch) -> None:
        look(looking)
        for kind in AlarmKind:
            looking.alarms.ring(Alarm(kind, f"by mistake: {kind.value}."))

    monkeypatch.setattr(ServerWatch, "look_at_group", ring_all)
    with pytest.raises(AssertionError, match="nobody lied, and it is told") as noticed:
        Day(1).run()
    assert [kind for kind in AlarmKind if f"by mistake: {kind.value}." not in str(noticed.value)] == []


@pytest.mark.parametrize("seed", [20224, 20408, 20468, 30148, 16, 188, 234, 2668, 1898, 4910, 8483, 9784, 10832, 7043])
def test_no_seed_that_once_broke_a_promise_does_so_again(seed: int) -> None:
    """Two programs on a home, a home that was copied while words waited, and a newcomer whom nobody had seen; keys that
    were thrown away just then, and those of who had only just come in; what was not kept yet at a restore; a home that
    was copied while it came in; keys thrown away before it was known that the server had lost some; a server that went
    back in silence, and a home with it; words to bring back whose key was thrown away; a home that was put back and
    remembers what nobody can bring; and a copy without keys to which the server never gave what it named.
    """
    assert run_lies_seed(seed)[2] == ""


class Forgotten(World):
    """The server loses an entry of the group; ann's keys remember it, and her database was put back as well."""

    def __init__(self, seed: int, *, saw: Sequence[str]) -> None:
        """`saw`: others who have it."""
        super().__init__(seed, lies=False)
        self._saw = saw

    def _live(self) -> None:
        ann, others = self.homes[0], self.homes[1:]
        away = [home for home in others if home.name not in self._saw]
        self._back_up_server(ann)
        for home in self.homes:
            if home not in away:
                self.alive(home)
        for _ in range(8):
            self.rest(but=away)
        made = self.alive(ann).member.changes.make_invite(1, 10**9)
        for _ in range(8):
            self.rest(but=away)
        assert made.is_settled
        homes.put_back(self, ann)
        restores.put_server_back(self, ann)
        self._end()


@pytest.mark.parametrize(("saw", "decided"), [((), 1), (("ben",), 0)])
def test_the_person_decides_only_where_nobody_can_bring_what_the_server_has_lost(
    saw: Sequence[str], decided: int
) -> None:
    assert Forgotten(3, saw=saw).run().figures["decided"] == decided


def test_who_has_what_the_server_has_lost_and_does_not_bring_it_is_noticed_though_a_home_waits_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Offering, "head_steps", lambda _: None)
    with pytest.raises(AssertionError, match="different chains"):
        Forgotten(3, saw=["ben"]).run()


def expect_noticed(words: str, *, lies: bool, first: int = 0) -> None:
    """By one of many seeds; `first` is where it is noticed soon."""
    for seed in range(first, first + SEEDS_TO_NOTICE):
        try:
            World(seed, lies=lies).run()
        except AssertionError as broken:
            if words in str(broken):
                return
    pytest.fail("nobody noticed")


def test_an_epoch_that_is_used_after_a_loss_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epochcopy, "is_fresh", lambda named, last_loss: True)
    expect_noticed("whose end the device has seen", lies=False, first=3)


def test_a_device_that_forgets_who_has_ended_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """And goes by whatever chain it is shown."""
    monkeypatch.setattr(Keystore, "note_ended", lambda store, ids: None)
    monkeypatch.setattr(GroupCopy, "is_behind", False)
    monkeypatch.setattr(GroupCopy, "problem", "")
    monkeypatch.setattr(GroupCopy, "items_after", lambda copy, height: [])
    expect_noticed("whose end the device has seen", lies=False, first=19)


def test_different_logs_that_nobody_compares_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SeenLogs, "compare", lambda *_: None)
    monkeypatch.setattr(ServerWatch, "_is_after_gap", lambda *_: False)
    expect_noticed("nobody was told", lies=True, first=3)


def test_words_under_a_key_that_the_server_keeps_back_and_of_which_nobody_is_told_are_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ServerWatch, "_note_unknown", lambda *_: None)
    expect_noticed("is shown less of the group than", lies=True, first=50018)


def test_a_server_that_shows_less_than_before_and_of_which_nobody_is_told_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who is given less than was here before may see it by what the server names, too."""
    monkeypatch.setattr(GroupCopy, "is_less_shown", False)
    monkeypatch.setattr(GroupCopy, "is_rest_lacking", False)
    expect_noticed("is shown less of the group than", lies=True, first=50010)


def test_a_server_that_never_gives_what_it_names_and_of_which_nobody_is_told_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(GroupCopy, "is_rest_lacking", False)
    expect_noticed("is shown less of the group than", lies=True, first=7043)


def test_an_alarm_that_does_not_wait_for_what_is_on_its_way_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def ring_at_once(looking: ServerWatch) -> None:
        for author in looking._words.ahead:
            looking.alarms.ring(watch.alarm(watch.AlarmKind.GROUP_KEPT_BACK, author, ""))

    monkeypatch.setattr(ServerWatch, "_ask_later", ring_at_once)
    expect_noticed("nobody lied, and it is told", lies=False)


def test_a_gap_that_is_seen_where_words_only_cannot_be_read_yet_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ServerWatch, "_whole", {1: True, 3: True}, raising=False)
    is_after_gap = ServerWatch._is_after_gap

    def never_here(looking: ServerWatch, log: int, at: int, body: watch.Body, unopened: Counter[bytes]) -> bool:
        del unopened
        looking._whole[log] = True  # as if nothing were ever read before by an earlier program
        return is_after_gap(looking, log, at, body, Counter())

    monkeypatch.setattr(ServerWatch, "_is_after_gap", never_here)
    expect_noticed("nobody lied, and it is told", lies=False, first=1)


def test_a_past_that_was_changed_behind_a_restore_is_noticed_where_nobody_holds_the_server_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Rehashing, "begin", lambda _, __, agreed, on_known, ____: on_known(agreed, None))
    cut = lost.cut_hashes
    monkeypatch.setattr(lost, "cut_hashes", lambda writer, log, _: cut(writer, log, -1))
    expect_noticed("nobody was told", lies=True, first=12)


def test_a_server_that_takes_what_one_has_forged_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def shortest(own: Chain, told: Mapping[bytes, Chain]) -> Chain | None:
        longer = [each for each in told.values() if each.height > own.height]
        return min(longer, key=lambda each: each.height, default=own)

    monkeypatch.setattr(gathering, "longest_shared", shortest)
    expect_noticed("what one has forged was taken", lies=True, first=4)


def test_members_who_bring_nothing_to_a_restored_server_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Offering, "head_steps", lambda _: None)
    expect_noticed("honest", lies=False, first=16)


def test_words_that_go_out_under_an_old_history_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waited over a restore has to be sealed anew."""
    doubt_all = lost._doubt_all

    def kept(writer: sqlite3.Connection) -> None:
        seals = writer.execute("SELECT log, sealed, position FROM outbox").fetchall()
        doubt_all(writer)
        writer.executemany("UPDATE outbox SET log = ?, sealed = ? WHERE position = ?", seals)

    monkeypatch.setattr(lost, "_doubt_all", kept)
    expect_noticed("messages wait", lies=False, first=1)


def test_a_run_that_begins_again_after_a_start_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def remembered(run: words._Run, _run_id: bytes, room_id: bytes, prev: bytes) -> None:
        run.id, run.room_id, run.n, run.prev = room_id[:16], room_id, 0, prev

    monkeypatch.setattr(words._Run, "__init__", remembered)
    expect_noticed("two words of one run have the same number", lies=False)


def test_entries_that_are_signed_by_a_wrong_clock_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GroupContext, "now_ms", lambda context: context.clock.now_ms())
    expect_noticed("ann can change nothing", lies=False, first=3)


def test_a_server_that_does_not_wait_for_the_others_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering.ChainGathering, "_has_heard_all", True)
    monkeypatch.setattr(branches, "MIN_TOLD", 1)
    expect_noticed("what one has forged was taken", lies=True, first=4)


def test_members_who_bring_back_nothing_of_what_was_said_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bringing, "go_on", lambda _: None)
    expect_noticed("could bring back, and did not", lies=False)


def test_an_order_in_which_words_were_brought_back_that_is_taken_for_a_lie_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As if they had been said where they stand now."""
    monkeypatch.setattr(carrying, "judge_carried", lambda *_: Reason.TURNED_AROUND)
    monkeypatch.setattr(CarriedEntries, "to_bring", lambda _, __, ___, entry_id, said: LostWords(entry_id, said, b""))
    expect_noticed("nobody lied, and it is told", lies=False)
