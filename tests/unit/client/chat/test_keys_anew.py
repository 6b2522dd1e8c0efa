"""What can be computed anew of the group is thrown away at any moment, and nothing is another after it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lanline.chain.epochs import RecipientKind
from lanline.client.sealing.caches import KeyState
from lanline.client.sealing.scopes import Place
from lanline.client.view.values import MessageState
from lanline.model.content import Text
from unit.client.chat.test_against_server import check_alike
from unit.client.chat.village import Process, Village

_STEPS = 700


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Village]:
    made = Village(tmp_path, 1)
    made.seal()
    made.come_to_rest()
    made.make_private_room()
    for number, home in enumerate(made.homes):
        for where in ("#lobby", "#board", made.homes[number - 1].name):
            home.say(home.processes[0], where)
    made.come_to_rest()
    yield made
    made.close()


def places(process: Process) -> list[Place]:
    return [process.node.seals.place(each) for each in process.node.conversations.all]


def begin_anew(process: Process) -> None:
    """With nothing left of what was known before: all of it has to come from the server."""
    process.node.begin_keys_anew()
    with process.history.database.write() as writer:
        writer.execute("DELETE FROM past_secrets")
        writer.execute("DELETE FROM facts WHERE name LIKE 'past seed %'")


def fetch_all(village: Village, process: Process) -> None:
    """As the node's command does: also what nobody has asked for meanwhile."""

    def is_whole() -> bool:
        lacking = process.member.caches.lacking(places(process))
        for copy in lacking:
            process.member.want_secrets(copy)
        return process.member.is_current and process.member.is_settled and not lacking

    village.rest_until(is_whole)


def states(village: Village) -> list[tuple[KeyState, dict[bytes, object]]]:
    """Of every home: what the caches say, and what they say of each conversation, by the ids in its seals."""
    found = []
    for home in village.homes:
        process = home.processes[0]
        fetch_all(village, process)
        scopes = process.member.caches._context.scopes
        sealed = [each for place in places(process) for each in scopes.sealings(place)]
        of_each: dict[bytes, object] = {
            each.room_id: (each.until, dict(each.copy.epochs), each.copy.scope.last_loss, each.copy.may_begin)
            for each in sealed
        }
        found.append((process.member.caches.state(), of_each))
    return found


def test_keys_thrown_away_at_random_change_nothing(village: Village) -> None:
    chance = village.chance
    renewals = 0
    for _ in range(_STEPS):
        village.step()
        alive = village.all_processes()
        if alive and chance.random() < 0.03:
            renewals += 1
            process = chance.choice(alive)
            village.guard(process, process.node.begin_keys_anew)
    assert renewals > 8
    village.come_to_rest()
    check_alike(village)
    for home in village.homes:
        assert not home.warnings
        assert [each for each in home.processes[0].node.outbox.messages if each.state is MessageState.QUEUED] == []
    before = states(village)
    for home in village.homes:
        begin_anew(home.processes[0])
        left = home.processes[0].member
        assert (left.caches.state().seeds, left.caches.state().secrets) == ({}, {})
        assert left.copy.shown.height == 0
    village.come_to_rest()
    assert states(village) == before


def test_a_crash_right_after_costs_nothing(village: Village) -> None:
    ben = village.homes[1]
    before = states(village)
    begin_anew(ben.processes[0])
    ben.processes.pop().crash()
    ben.processes.append(Process(ben))
    assert states(village) == before


@pytest.mark.parametrize("crashes", [False, True])
def test_a_server_that_holds_back_the_seed_brings_about_no_other(village: Village, *, crashes: bool) -> None:
    ben = village.homes[1]
    before = states(village)[1]
    height = ben.processes[0].member.copy.chain.height

    def lose(transaction: Any) -> None:
        transaction.groups._connection.execute("DELETE FROM boxes WHERE kind = ?", (int(RecipientKind.DEVICE),))

    ben.processes[0].node.begin_keys_anew()
    village.house.engine.transact([lose])
    if crashes:
        ben.processes.pop().crash()
        ben.processes.append(Process(ben))
    fetch_all(village, ben.processes[0])
    assert states(village)[1] == before
    assert ben.processes[0].member.copy.chain.height == height


def test_a_secret_that_the_server_has_lost_meanwhile_is_there_as_before(village: Village) -> None:
    ben = village.homes[1].processes[0]
    fetch_all(village, ben)
    before = ben.member.caches.state()
    for home in village.homes:
        if home.processes[0] is not ben:  # or they would give it once more
            home.processes.pop().crash()
    ben.node.begin_keys_anew()
    assert not ben.member.copy.secrets

    def lose(transaction: Any) -> None:
        of_accounts = "DELETE FROM boxes WHERE kind = ?"
        transaction.groups._connection.execute(of_accounts, (int(RecipientKind.ACCOUNT),))

    village.house.engine.transact([lose])
    fetch_all(village, ben)
    assert ben.member.caches.state() == before


def test_without_the_server_the_keys_are_checked_where_they_lie_and_words_are_kept(village: Village) -> None:
    ben = village.homes[1].processes[0]
    before = states(village)[1]
    for wire in ben.open_wires:
        wire.die()
    assert ben.member.caches.check_again(places(ben)) == 0
    assert ben.member.caches.state() == before[0]
    ben.node.outbox.say("#lobby", Text("for later"), bytes(16))
    village.rest_until(lambda: not ben.node.outbox.messages)


def test_a_damaged_secret_is_found_and_fetched_again(village: Village) -> None:
    ben = village.homes[1].processes[0]
    before = states(village)[1]
    secrets = ben.member.copy.secrets
    wrong = dict.fromkeys(secrets, bytes(32))
    secrets.update(wrong)
    ben.member.caches._context.tables.put_secrets(wrong)
    for wire in ben.open_wires:
        wire.die()
    assert ben.member.caches.check_again(places(ben)) == len(wrong)
    assert states(village)[1] == before


def test_what_the_server_does_not_give_again_is_put_back_where_it_is_right(village: Village) -> None:
    ben = village.homes[1].processes[0]
    fetch_all(village, ben)
    before = ben.member.caches.state()
    ben.node.begin_keys_anew()
    for place in places(ben):
        ben.member.scopes.sealings(place)
    wrong = next(iter(before.secrets))
    ben.member.caches.put_back(before._replace(secrets={**before.secrets, wrong: bytes(32)}))
    left = ben.member.caches.state()
    assert left.seeds == before.seeds
    assert left.secrets == {each: secret for each, secret in before.secrets.items() if each != wrong}


def test_a_secret_that_nothing_names_any_more_is_not_missed_afterwards(village: Village) -> None:
    """A restored server has lost its statement, and nobody has brought words under it."""
    ben = village.homes[1].processes[0]
    fetch_all(village, ben)
    caches, whole = ben.member.caches, ben.member.caches.state()
    lost = {(ben.member.copy.scope.id, bytes(16)): bytes(32)}
    ben.member.copy.secrets.update(lost)
    caches._context.tables.put_secrets(lost)
    before = caches.named(places(ben))
    assert before == whole
    ben.node.begin_keys_anew()
    fetch_all(village, ben)
    assert caches.is_kept(before)
    assert caches._context.tables.secret_before(*next(iter(lost))) == bytes(32), "should its statement come after all"
