"""What each name is worth: by whom somebody came, what was compared, and another account under a name that one knew."""

from __future__ import annotations

from pathlib import Path

from lanline.client.sealing.people import How
from lanline.core.changes import OPERATOR
from lanline.crypto.groups import ids
from lanline.wire.chat import admin, answers
from unit.client.sealing.devices import Device, Town, came


def trust(of: Device, other: Device) -> str:
    copy = of.member.copy
    return copy.people.trust(copy.chain, copy.account_id, other.member.copy.account_id).text


def test_by_an_invite_for_one_both_sides_know_each_other_and_others_know_by_whom(town: Town) -> None:
    ana = town.founder()
    ben, cai = (came(town, name, ana, uses=1) for name in ("ben", "cai"))
    assert trust(ana, ben) == "by your invite"
    assert trust(ben, ana) == "you came by their invite"
    assert trust(cai, ben) == "by invite of ana"
    assert trust(ana, ana) == "you"


def test_a_link_for_many_is_worth_less(town: Town) -> None:
    ana = town.founder()
    token = town.link(ana, 2)
    ben, cai = Device(town, "ben", token), Device(town, "cai", token)
    town.pass_time(0.3)
    assert trust(ana, ben) == trust(ana, cai) == "by a shared link of you"
    assert trust(ben, ana) == "founded the group"
    assert trust(ben, cai) == "by a shared link of ana"


def test_who_was_let_in_is_shown_with_who_did_it_and_words_compared_are_remembered(town: Town, tmp_path: Path) -> None:
    ana = town.founder(folder=tmp_path)
    made = town.house.server.core.make_invite(OPERATOR)
    town.house.settle()
    cai = Device(town, "cai", made.result())
    town.pass_time(0.2)
    town.done(ana.member.changes.admit(cai.account))
    town.pass_time(0.2)
    assert trust(ana, cai) == "let in by you"
    ours, theirs = (
        ids.verify_words_of(each.member.copy.chain.group_id, each.member.copy.account_id, other.member.copy.account_id)
        for each, other in ((ana, cai), (cai, ana))
    )
    assert ours == theirs
    ana.member.copy.people.verify(cai.member.copy.account_id, ours[:-1] + bytes([ours[-1] ^ 1]))
    assert trust(ana, cai) == "let in by you", "other words than those of now are worth nothing"
    ana.member.copy.people.verify(cai.member.copy.account_id, ours)
    assert trust(ana, cai) == "verified by words"
    ana.restart()
    assert trust(ana, cai) == "verified by words"


def test_another_account_under_a_name_is_told_and_waits_to_be_accepted(town: Town) -> None:
    ana = town.founder()
    ben = came(town, "ben", ana)
    old = came(town, "eve", ana)
    gone, number = old.member.copy.account_id, old.account
    town.done(ana.member.changes.remove([gone]))
    town.pass_time(0.3)
    assert ana.client is not None
    unban = admin.SetBanned(ana.client.number(), number, is_banned=False)
    ana.client.ask(unban, answers.Done)
    made = town.house.server.core.make_invite(OPERATOR)
    town.house.settle()
    new = Device(town, "eve", made.result())
    town.pass_time(0.3)
    town.done(ana.member.changes.admit(new.account))
    town.pass_time(0.3)
    assert any("another account than the one that had this name" in each for each in ben.member.copy.news)
    assert trust(ben, new) == How.CHANGED.value
    dan = came(town, "dan", ana)
    assert trust(dan, new) == "let in by ana", "who came later knew no other"
    ben.member.copy.people.accept(new.member.copy.account_id)
    assert trust(ben, new) == "let in by ana"


def test_what_an_earlier_program_has_seen_is_no_news(town: Town) -> None:
    ana = town.founder()
    came(town, "ben", ana)
    assert any("ben has come into the group" in each for each in ana.member.copy.news)
    ana.restart()
    ana.connect()
    town.pass_time(0.3)
    assert ana.member.copy.news == []
    came(town, "cai", ana)
    assert [each for each in ana.member.copy.news if "has come" in each] == [
        "cai has come into the group by a link of ana."
    ]
