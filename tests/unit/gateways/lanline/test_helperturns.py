"""Who is asked first for a box that somebody lacks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lanline.core.changes import Actor
from lanline.gateways.lanline import helperturns
from lanline.gateways.lanline.helperturns import HelperTurns
from lanline.model.accounts import AccountId, DeviceId

BEN, EVE = AccountId(1), AccountId(2)


def session(account: int, device: int) -> Any:
    return SimpleNamespace(actor=Actor(AccountId(account), DeviceId(device)))


def test_who_was_asked_for_it_is_asked_last_then() -> None:
    turns, [ana, cai, dan] = HelperTurns(), [session(number, number) for number in (3, 4, 5)]
    assert turns.in_turn(BEN, [b"e"], [ana, cai, dan]) == [ana, cai, dan]
    turns.note_asked(BEN, [b"e"], ana)
    assert turns.in_turn(BEN, [b"e"], [ana, cai, dan]) == [cai, dan, ana]
    turns.note_asked(BEN, [b"e", b"other"], cai)
    assert turns.in_turn(BEN, [b"other", b"e"], [ana, cai, dan]) == [dan, ana, cai]
    assert turns.in_turn(BEN, [b"third"], [ana, cai, dan]) == [ana, cai, dan]
    assert turns.in_turn(EVE, [b"e"], [ana, cai, dan]) == [ana, cai, dan]


def test_many_devices_of_one_account_do_not_stand_before_the_others() -> None:
    turns, crowd, ana = HelperTurns(), [session(2, number) for number in range(10, 74)], session(3, 3)
    assert turns.in_turn(BEN, [b"e"], [*crowd, ana])[:2] == [crowd[0], ana]
    turns.note_asked(BEN, [b"e"], crowd[0])
    assert turns.in_turn(BEN, [b"e"], [*crowd, ana])[:2] == [ana, crowd[1]]


def test_devices_of_the_askers_own_account_are_asked_in_turn() -> None:
    turns, [first, second] = HelperTurns(), [session(1, number) for number in (1, 2)]
    turns.note_asked(BEN, [b"seed"], first)
    assert turns.in_turn(BEN, [b"seed"], [first, second]) == [second, first]


def test_what_is_kept_of_one_asker_and_of_all_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helperturns, "_MAX_ASKERS", 10)
    monkeypatch.setattr(helperturns, "_MAX_EPOCHS_OF_ASKER", 20)
    turns, helper = HelperTurns(), session(3, 3)
    for asker in range(100):
        turns.note_asked(AccountId(asker), [number.to_bytes(16, "big") for number in range(100)], helper)
    assert len(turns._asked) == 10
    assert {len(each) for each in turns._asked.values()} == {20}


def test_who_asks_for_much_of_many_takes_no_turn_of_others_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helperturns, "_MAX_TURNS", 1000)
    turns, crowd = HelperTurns(), [session(number, number) for number in range(10, 110)]
    turns.note_asked(BEN, [b"e"], crowd[0])
    for number in range(100):
        for helper in crowd:
            turns.note_asked(EVE, [number.to_bytes(16, "big")], helper)
    kept = [each for asked in turns._asked.values() for each in asked.values()]
    assert sum(map(len, kept)) == turns._size == sum(turns._sizes.values()) <= 1000
    assert turns.in_turn(BEN, [b"e"], crowd)[-1] is crowd[0]
