"""A lying server and an honest one, some dozens of seeds; and each promise, broken on purpose, is noticed."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from lanline.client.chat import watch
from lanline.client.chat.seenlogs import SeenLogs
from lanline.client.chat.watch import Watch
from lanline.client.sealing import epochcopy
from lanline.client.sealing.groupcopy import GroupCopy
from lanline.client.sealing.keystore import Keystore
from sim.lies.world import World
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


def expect_noticed(words: str, *, lies: bool, first: int = 0) -> None:
    for seed in range(first, first + SEEDS_TO_NOTICE):
        try:
            World(seed, lies=lies).run()
        except AssertionError as broken:
            if words in str(broken):
                return
    pytest.fail("nobody noticed")


def test_an_epoch_that_is_used_after_a_loss_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epochcopy, "is_fresh", lambda named, last_loss: True)
    expect_noticed("whose end the device has seen", lies=False)


def test_a_device_that_forgets_who_has_ended_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """And goes by whatever chain it is shown."""
    monkeypatch.setattr(Keystore, "note_ended", lambda store, ids: None)
    monkeypatch.setattr(GroupCopy, "is_behind", False)
    monkeypatch.setattr(GroupCopy, "problem", "")
    monkeypatch.setattr(GroupCopy, "items_after", lambda copy, height: [])
    expect_noticed("whose end the device has seen", lies=False)


def test_different_logs_that_nobody_compares_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SeenLogs, "compare", lambda *_: None)
    monkeypatch.setattr(Watch, "_is_after_gap", lambda *_: False)
    expect_noticed("nobody was told", lies=True)


def test_an_alarm_that_does_not_wait_for_what_is_on_its_way_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def ring_at_once(looking: Watch) -> None:
        for author in looking._words.ahead:
            looking.alarms.ring(watch.alarm(watch.AlarmKind.GROUP_KEPT_BACK, author, ""))

    monkeypatch.setattr(Watch, "_ask_later", ring_at_once)
    expect_noticed("nobody lied, and it is told", lies=False)


def test_a_gap_that_is_seen_where_words_only_cannot_be_read_yet_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watch, "_whole", {1: True, 3: True}, raising=False)
    is_after_gap = Watch._is_after_gap

    def never_here(looking: Watch, log: int, at: int, body: watch.Body, unopened: set[bytes]) -> bool:
        del unopened
        looking._whole[log] = True  # as if nothing were ever read before by an earlier program
        return is_after_gap(looking, log, at, body, set())

    monkeypatch.setattr(Watch, "_is_after_gap", never_here)
    expect_noticed("nobody lied, and it is told", lies=False)
