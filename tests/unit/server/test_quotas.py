"""What one account may fill of the server's disk, and what is left for admins when it is nearly full."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from lanline.core.invites import MAX_INVITES_OF_MEMBER
from lanline.errors import CloseCode, RefusalCode, StorageUnusable
from lanline.model.logs import ENTRY_COST_BYTES
from lanline.proto.channels import Channel
from lanline.storage.api import Engine
from lanline.wire.chat import admin, answers, blobs, conversations, entries, signin
from serverhouse.house import PASSWORD, Client, House

OpenHouse = Callable[..., House]
SIZE = 400
EACH = SIZE + ENTRY_COST_BYTES


def used(house: House, client: Client) -> int:
    account = client.signed_in.account
    return house.store.read(lambda view: view.accounts.message_bytes(account)).result()  # type: ignore[arg-type]


def counted(house: House, client: Client) -> int:
    """All entries one by one."""
    [sum_bytes] = house.engine._writer.execute(  # type: ignore[attr-defined]
        "SELECT sum(length(content) + ?) FROM entries WHERE account = ?", (ENTRY_COST_BYTES, client.signed_in.account)
    ).fetchone()
    return sum_bytes or 0


def append(client: Client, number: int, size: int = SIZE) -> answers.Refused | None:
    """The refusal, if it was one."""
    request = client.append(client.log("#lobby"), number, bytes(size))
    if client.place(request) is not None:
        return None
    answer = client.answer(request)
    assert isinstance(answer, answers.Refused)
    return answer


def test_what_one_account_writes_in_all_is_bounded_and_others_write_on(open_house: OpenHouse) -> None:
    house = open_house(message_quota_bytes=3 * EACH)
    ann, bob = house.join("ann"), house.join("bob")
    assert [append(ann, number) for number in range(3)] == [None] * 3
    refusal = append(ann, 3)
    assert refusal is not None
    assert (refusal.known_code, refusal.retry_after_ms) == (RefusalCode.QUOTA_EXCEEDED, 0)
    assert "all that you may. Ask its admin." in refusal.text
    assert append(bob, 4) is None
    assert append(ann, 1) is None, "what is there already is acknowledged again"
    assert used(house, ann) == counted(house, ann) == 3 * EACH


def test_what_waits_for_the_disk_counts_already(open_house: OpenHouse) -> None:
    house = open_house(message_quota_bytes=3 * EACH)
    ann = house.join("ann")
    requests = [ann.append(ann.log("#lobby"), number, bytes(SIZE), settles=False) for number in range(5)]
    house.settle()
    assert [ann.place(request) is not None for request in requests] == [True] * 3 + [False] * 2


def test_a_start_finds_what_was_counted_before(open_house: OpenHouse) -> None:
    house = open_house(message_quota_bytes=3 * EACH)
    ann = house.join("ann")
    for number in (1, 2, 3):
        assert append(ann, number) is None
        assert used(house, ann) == counted(house, ann) == number * EACH
        house.stop()
        house.clients.clear()
        house.start()
        ann = house.sign_in("ann")
    assert append(ann, 4) is not None


class Failing:
    """The next transactions fail, written or not."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.fails = ""

    def transact(self, works: Sequence[Any]) -> list[object]:
        if self.fails == "not written":
            raise StorageUnusable("it failed")
        outcomes = self._engine.transact(works)
        if self.fails == "written":
            raise StorageUnusable("it failed after all was written")
        return outcomes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


@pytest.mark.parametrize("how", ["written", "not written"])
def test_a_write_that_fails_leaves_the_sums_right(open_house: OpenHouse, how: str) -> None:
    house = open_house()
    house.stop()
    house.start(Failing)
    failing: Any = house.engine
    ann, bob = house.join("ann"), house.join("bob")
    assert append(ann, 1) is None
    failing.fails = how
    assert append(ann, 2) is not None
    failing.fails = ""
    assert append(bob, 3) is None
    house.pass_time(10)
    assert append(ann, 2) is None
    assert [used(house, each) for each in (ann, bob)] == [counted(house, each) for each in (ann, bob)]
    assert used(house, ann) == 2 * EACH


def test_with_little_room_on_the_disk_only_admins_write(
    open_house: OpenHouse, caplog: pytest.LogCaptureFixture
) -> None:
    house = open_house(least_free_bytes=1000)
    ann, boss = house.join("ann"), house.join("boss")
    operator = house.sign_in(house.operator_fingerprint)
    operator.ask(admin.SetAdmin(operator.number(), boss.account, is_admin=True), answers.Done)
    assert append(ann, 1) is None
    house.free_bytes = 999
    with caplog.at_level(logging.WARNING):
        house.pass_time(2)
        refusal = append(ann, 2)
    assert refusal is not None
    assert (refusal.known_code, refusal.retry_after_ms > 0) == (RefusalCode.STORAGE_FULL, True)
    assert "only its admins" in refusal.text
    assert "nearly full" in caplog.text
    assert append(boss, 3) is None
    room = conversations.CreateRoom(ann.number(), "#room")
    assert ann.refusal(room) is RefusalCode.STORAGE_FULL
    assert ann.refusal(blobs.PutBlob(ann.number(), b"x"), Channel.BULK) is RefusalCode.STORAGE_FULL
    cyd = house.greet("cyd")
    assert cyd.refusal(signin.Join(cyd.number(), "cyd", PASSWORD, "laptop")) is RefusalCode.STORAGE_FULL
    assert house.sign_in("ann"), "who is known comes in and reads"
    house.free_bytes = 1000
    house.pass_time(2)
    assert append(ann, 2) is None, "it is there again by itself"


def test_on_a_full_disk_the_first_account_is_made_all_the_same(open_house: OpenHouse) -> None:
    house = open_house(is_open=False, least_free_bytes=1000)
    house.free_bytes = 999
    token = house.server.core.make_first_invite(60.0)
    house.settle()
    boss = house.greet("boss")
    assert boss.join("boss", token=token.result()).is_admin
    made = boss.ask(admin.MakeInvite(boss.number()), admin.InviteMade)
    ann = house.greet("ann")
    assert ann.refusal(signin.Join(ann.number(), "ann", PASSWORD, "", made.token)) is RefusalCode.STORAGE_FULL


def test_invites_that_let_nobody_in_do_not_pile_up(open_house: OpenHouse) -> None:
    house = open_house(members_may_invite=True)
    ann = house.join("ann")
    for _ in range(3 * MAX_INVITES_OF_MEMBER):
        assert ann.ask(admin.MakeInvite(ann.number(), 1, 1), admin.InviteMade)
        house.pass_time(2)
    kept = house.store.read(lambda view: view.invites.all()).result()
    assert len(kept) <= MAX_INVITES_OF_MEMBER


def test_devices_that_were_revoked_do_not_pile_up(open_house: OpenHouse) -> None:
    house = open_house(most_devices=2)
    house.join("ann")
    refusal: object = None
    for number in range(100):
        client = house.greet(f"key {number}")
        asked = signin.Join(client.number(), "ann", PASSWORD, "laptop")
        client.say(asked)
        if isinstance(refusal := client.answer(asked.request), answers.Refused):
            break
        client.say(admin.RevokeDevice(client.number(), refusal.device))
        house.pass_time(1)
    assert isinstance(refusal, answers.Refused)
    assert (refusal.known_code, number) == (RefusalCode.QUOTA_EXCEEDED, 7)
    assert "limits.most_devices" in refusal.text
    assert house.sign_in("ann")


@pytest.mark.parametrize("what", ["follow", "advance", "append", "request"])
def test_a_program_that_floods_is_put_off_and_another_one_is_not(open_house: OpenHouse, what: str) -> None:
    house = open_house(messages_burst=1, messages_per_s=0.1, requests_burst=1, requests_per_s=0.1)
    ann, bob = house.join("ann"), house.join("bob")
    log = ann.log("#lobby")
    answered = 0
    for number in range(20_000):
        if ann.link.closed is not None:
            break
        if what == "follow":
            ann.say(entries.Follow(log, 0), settles=False)
        elif what == "advance":
            ann.say(entries.Advance((entries.LogCursor(log, 0, 0),)), settles=False)
        elif what == "append":
            ann.append(log, number, settles=False)
        else:
            ann.say(conversations.ListRooms(ann.number()), settles=False)
        answered += 1
        ann.link.arrive()
    assert ann.link.closed is not None
    assert ann.link.closed.code is CloseCode.BUSY
    assert 10_000 <= answered < 10_100, "nobody who is honest is near it"
    assert bob.link.closed is None
    assert house.sign_in("ann").link.closed is None
