"""No acknowledged append is lost, doubled or reordered; what is refused comes first when it comes again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pytest

from lanline.errors import RefusalCode, StorageFull, StorageUnusable
from lanline.model.accounts import AccountId
from lanline.model.logs import MAX_SEALED_BYTES, LogId
from lanline.storage.api import Engine, Transaction, View
from lanline.wire.chat import answers, conversations, entries
from serverhouse.house import Client, House

OpenHouse = Callable[..., House]
T = TypeVar("T")


class FailingEngine:
    """Fails as it is told to: wholly, or after it has written all the same."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.problem: Exception | None = None
        self.writes_all_the_same = False

    def transact(self, works: Sequence[Callable[[Transaction], object]]) -> list[object]:
        if self.problem is None:
            return self._engine.transact(works)
        if self.writes_all_the_same:
            self._engine.transact(works)
        raise self.problem

    def read(self, work: Callable[[View], T]) -> T:
        return self._engine.read(work)

    def close(self) -> None:
        self._engine.close()


def failing(house: House) -> FailingEngine:
    house.stop()
    house.start(FailingEngine)
    assert isinstance(house.engine, FailingEngine)
    return house.engine


def ids(client: Client, log: int) -> list[int]:
    return [int.from_bytes(entry.entry_id, "big") for entry in client.entries(log)]


def sequences(client: Client, log: int) -> list[int]:
    return [entry.sequence for entry in client.entries(log)]


def refusal(client: Client, request: int) -> answers.Refused:
    answer = client.answer(request)
    assert isinstance(answer, answers.Refused), answer
    return answer


@pytest.fixture
def pair(house: House) -> tuple[Client, Client, int]:
    ann, bob = house.join("ann"), house.join("bob")
    log = ann.log("#lobby")
    ann.follow(log)
    bob.follow(log)
    return ann, bob, log


def test_nothing_is_acknowledged_before_it_is_on_the_disk(house: House, pair: tuple[Client, Client, int]) -> None:
    ann, bob, log = pair
    request = ann.append(log, 1, settles=False)
    house.clock.run_due()
    assert house.store.has_waiting
    ann.link.arrive()
    assert (ann.place(request), bob.entries(log)) == (None, [])
    house.settle()
    place = ann.place(request)
    assert place is not None
    assert place.sequence == 1
    assert ids(ann, log) == ids(bob, log) == [1]


def test_everybody_sees_the_same_entry_with_its_sender(pair: tuple[Client, Client, int]) -> None:
    ann, bob, log = pair
    request = ann.append(log, 7, b"\x00sealed\xff")
    place = ann.place(request)
    [entry] = bob.entries(log)
    assert place is not None
    assert entry == entries.LogEntry(
        1, (7).to_bytes(16, "big"), ann.account, ann.signed_in.device, place.time_ms, "plain", b"\x00sealed\xff"
    )
    assert ann.entries(log) == [entry]


def test_what_came_in_one_turn_is_one_write_one_answer_and_the_same_bytes_to_all(
    house: House, pair: tuple[Client, Client, int]
) -> None:
    ann, bob, log = pair
    for client in (ann, bob):
        client.link.raw.clear()
    for number in range(1, 51):
        ann.append(log, number, settles=False)
    house.clock.run_due()
    batch = house.store.collect()
    assert batch is not None
    assert len(batch) == 1
    batch.commit()
    batch.deliver()
    assert len(bob.link.raw) == 1
    assert len(ann.link.raw) == 2, "Committed, and the entries"
    assert ann.link.raw[-1] is bob.link.raw[0]
    house.settle()
    assert len(ann.all(entries.Committed)[0].places) == 50
    assert ids(bob, log) == list(range(1, 51))


def test_what_comes_while_a_write_runs_goes_into_the_next(house: House, pair: tuple[Client, Client, int]) -> None:
    ann, bob, log = pair
    ann.append(log, 1, settles=False)
    house.clock.run_due()
    running = house.store.collect()
    assert running is not None
    running.commit()
    for number in (2, 3, 4):
        ann.append(log, number, settles=False)
        house.clock.run_due()
    assert not house.store.has_waiting, "one write at a time"
    running.deliver()
    house.clock.run_due()
    following = house.store.collect()
    assert following is not None
    assert len(following) == 1
    following.commit()
    following.deliver()
    house.settle()
    assert ids(bob, log) == [1, 2, 3, 4]


def test_a_repeat_gets_the_first_place_and_is_told_to_nobody(pair: tuple[Client, Client, int], house: House) -> None:
    ann, bob, log = pair
    first = ann.place(ann.append(log, 1))
    house.pass_time(5)
    ann.append(log, 2)
    again = ann.place(ann.append(log, 1))
    assert first is not None
    assert again is not None
    assert (again.sequence, again.time_ms) == (first.sequence, first.time_ms)
    assert ids(bob, log) == [1, 2]


def test_a_repeat_in_the_same_write_is_one_entry(house: House, pair: tuple[Client, Client, int]) -> None:
    ann, bob, log = pair
    one, other = ann.append(log, 1, settles=False), ann.append(log, 1, settles=False)
    house.settle()
    assert ann.place(one) is not None
    assert [ann.place(each).sequence for each in (one, other)] == [1, 1]  # type: ignore[union-attr]
    assert ids(bob, log) == [1]


def test_the_times_of_a_log_never_go_back_though_the_clock_does(house: House, pair: tuple[Client, Client, int]) -> None:
    ann, _, log = pair
    ann.append(log, 1)
    house.clock.offset_ms -= 3_600_000
    ann.append(log, 2)
    house.stop()
    house.start()
    ann = house.sign_in("ann")
    ann.append(log, 3)
    house.clock.offset_ms += 2 * 3_600_000
    ann.append(log, 4)
    ann.follow(log)
    times = [entry.time_ms for entry in ann.entries(log)]
    assert times[0] == times[1] == times[2] < times[3]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"entry_id": b"short"}, RefusalCode.INVALID),
        ({"content": b""}, RefusalCode.INVALID),
        ({"suite": ""}, RefusalCode.INVALID),
        ({"suite": "\x1b[31m"}, RefusalCode.INVALID),
        ({"log": 999}, RefusalCode.UNKNOWN_CONVERSATION),
        ({"log": 2**63 - 1}, RefusalCode.UNKNOWN_CONVERSATION),
    ],
)
def test_an_entry_that_cannot_be_is_refused_and_those_behind_it_pass(
    pair: tuple[Client, Client, int], changes: dict[str, Any], code: RefusalCode
) -> None:
    ann, bob, log = pair
    good = {"request": 77, "log": log, "entry_id": bytes(16), "suite": "plain", "content": b"hi"}
    assert ann.refusal(entries.Append(**{**good, **changes})) is code
    ann.append(log, 5)
    assert ids(bob, log) == [5]


def test_the_largest_entry_passes(pair: tuple[Client, Client, int]) -> None:
    ann, bob, log = pair
    ann.append(log, 1, b"x" * MAX_SEALED_BYTES)
    assert [len(entry.content) for entry in bob.entries(log)] == [MAX_SEALED_BYTES]


def test_somebody_elses_conversation_is_as_unknown_as_one_that_is_not_there(house: House) -> None:
    ann, bob, cyd = house.join("ann"), house.join("bob"), house.join("cyd")
    log = ann.ask(conversations.OpenDirect(ann.number(), bob.account), conversations.Opened).log
    texts = []
    for unknown in (log, 999):
        request = cyd.append(unknown, 1)
        assert refusal(cyd, request).known_code is RefusalCode.UNKNOWN_CONVERSATION
        texts.append(refusal(cyd, request).text)
    assert texts[0] == texts[1]
    ann.append(log, 2)
    bob.follow(log)
    assert ids(bob, log) == [2]


# Limits.


def test_too_many_at_once_are_slowed_down_and_the_first_refused_comes_first(
    house: House, pair: tuple[Client, Client, int]
) -> None:
    ann, bob, log = pair
    requests = [ann.append(log, number, settles=False) for number in range(300)]
    house.settle()
    assert [number for number, request in enumerate(requests) if ann.place(request)] == list(range(256))
    assert refusal(ann, requests[256]).known_code is RefusalCode.SLOW_DOWN
    assert refusal(ann, requests[256]).retry_after_ms > 0
    overtaking = ann.append(log, 299)
    assert refusal(ann, overtaking).known_code is RefusalCode.SLOW_DOWN
    for number in range(256, 300):
        ann.append(log, number)
    assert ids(bob, log) == list(range(300))


def test_a_byte_limit_holds_as_well(house: House, pair: tuple[Client, Client, int]) -> None:
    ann, _, log = pair
    requests = [ann.append(log, number, b"x" * 100_000, settles=False) for number in range(20)]
    house.settle()
    accepted = [number for number, request in enumerate(requests) if ann.place(request)]
    assert accepted == list(range(11))


def test_the_rate_of_an_account_is_bounded_over_all_its_links(open_house: OpenHouse) -> None:
    house = open_house(messages_per_s=10, messages_burst=20)
    ann, also_ann, bob = house.join("ann"), house.sign_in("ann"), house.join("bob")
    log = ann.log("#lobby")
    bob.follow(log)
    for number in range(20):
        (ann if number % 2 else also_ann).append(log, number)
    last = ann.append(log, 20)
    assert refusal(ann, last).known_code is RefusalCode.SLOW_DOWN
    assert ids(bob, log) == list(range(20))
    bob.append(log, 100)
    house.pass_time(refusal(ann, last).retry_after_ms / 1000)
    ann.append(log, 20)
    assert ids(bob, log) == [*range(20), 100, 20]


def test_a_refusal_for_good_of_what_was_held_lets_the_others_pass(open_house: OpenHouse) -> None:
    house = open_house(messages_per_s=10, messages_burst=1)
    ann, bob = house.join("ann"), house.join("bob")
    log = ann.ask(conversations.CreateRoom(ann.number(), "#lab"), conversations.Opened).log
    bob.ask(conversations.JoinRoom(bob.number(), "#lab"), conversations.Opened)
    lobby = ann.log("#lobby")
    ann.follow(lobby)
    bob.append(log, 1)
    refused = bob.append(log, 2)
    assert refusal(bob, refused).known_code is RefusalCode.SLOW_DOWN
    ann.ask(conversations.SetMuted(ann.number(), log, bob.account, is_muted=True), answers.Done)
    house.pass_time(1)
    assert refusal(bob, bob.append(log, 2)).known_code is RefusalCode.MUTED
    house.pass_time(1)
    bob.append(lobby, 3)
    assert ids(ann, lobby) == [3]


def test_what_stands_in_the_log_is_not_refused_when_it_comes_again(house: House) -> None:
    """Its sender did not hear the answer, and was muted or sent away meanwhile."""
    ann, bob = house.join("ann"), house.join("bob")
    log = ann.ask(conversations.CreateRoom(ann.number(), "#lab"), conversations.Opened).log
    bob.ask(conversations.JoinRoom(bob.number(), "#lab"), conversations.Opened)
    ann.follow(log)
    first = bob.place(bob.append(log, 1))
    ann.ask(conversations.SetMuted(ann.number(), log, bob.account, is_muted=True), answers.Done)
    assert first is not None
    repeat = bob.place(bob.append(log, 1))
    assert repeat is not None
    assert (repeat.sequence, repeat.time_ms) == (first.sequence, first.time_ms)
    ann.ask(conversations.SendAway(ann.number(), log, bob.account), answers.Done)
    again = bob.place(bob.append(log, 1))
    assert again is not None
    assert again.sequence == 1
    assert ids(ann, log) == [1]
    assert refusal(bob, bob.append(log, 2)).known_code is RefusalCode.UNKNOWN_CONVERSATION


def test_what_is_said_before_one_leaves_is_not_refused_because_one_has_left(
    house: House, pair: tuple[Client, Client, int]
) -> None:
    ann, bob, log = pair
    first = bob.append(log, 1, settles=False)
    house.clock.run_due()
    batch = house.store.collect()
    assert batch is not None
    second = bob.append(log, 2, settles=False)
    leave = conversations.LeaveRoom(bob.number(), log)
    bob.say(leave, settles=False)
    batch.commit()
    batch.deliver()
    third = bob.append(log, 3, settles=False)
    house.settle()
    assert [place.sequence for place in (bob.place(first), bob.place(second)) if place is not None] == [1, 2]
    assert isinstance(bob.answer(leave.request), answers.Done)
    assert bob.place(third) is not None, "it was said before one had left"
    assert refusal(bob, bob.append(log, 4)).known_code is RefusalCode.UNKNOWN_CONVERSATION
    assert ids(ann, log) == [1, 2, 3]


@pytest.mark.parametrize("is_told", [False, True])
def test_a_right_ends_with_the_commit_that_ends_it_though_it_was_found_good_before(
    house: House, pair: tuple[Client, Client, int], is_told: bool
) -> None:
    ann, bob, _ = pair
    log = ann.ask(conversations.CreateRoom(ann.number(), "#lab"), conversations.Opened).log
    bob.ask(conversations.JoinRoom(bob.number(), "#lab"), conversations.Opened)
    assert bob.place(bob.append(log, 1)) is not None
    assert bob.place(bob.append(log, 2)) is not None
    ann.say(conversations.SetMuted(ann.number(), log, bob.account, is_muted=True), settles=False)
    if is_told:
        house.store.flush()
    request = bob.append(log, 3, settles=False)
    house.settle()
    assert refusal(bob, request).known_code is RefusalCode.MUTED


def test_what_is_being_written_is_not_refused_when_it_comes_again(
    house: House, pair: tuple[Client, Client, int]
) -> None:
    ann, bob, log = pair
    first = bob.append(log, 1, settles=False)
    house.clock.run_due()
    batch = house.store.collect()
    assert batch is not None
    house.store.write(lambda t: t.rooms.drop_membership(LogId(log), AccountId(bob.account)))
    second = bob.append(log, 1, settles=False)
    batch.commit()
    batch.deliver()
    house.settle()
    places = [bob.place(first), bob.place(second)]
    assert [place.sequence for place in places if place is not None] == [1, 1]
    assert ids(ann, log) == [1]


# A store that fails.


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (StorageFull("no room on /secret/path"), RefusalCode.STORAGE_FULL),
        (StorageUnusable("/secret/path is broken"), RefusalCode.SERVER_PROBLEM),
        (RuntimeError("a bug with secrets"), RefusalCode.SERVER_PROBLEM),
    ],
)
def test_what_the_store_does_not_take_is_refused_for_now_and_nothing_overtakes_it(
    house: House, problem: Exception, code: RefusalCode
) -> None:
    house.join("ann")
    house.join("bob")
    engine = failing(house)
    ann, bob = house.sign_in("ann"), house.sign_in("bob")
    log = ann.log("#lobby")
    bob.follow(log)
    engine.problem = problem
    lost = [ann.append(log, number, settles=False) for number in (1, 2)]
    house.clock.run_due()
    behind = ann.append(log, 3, settles=False)
    house.settle()
    for request in lost:
        assert refusal(ann, request).known_code is code
        assert refusal(ann, request).retry_after_ms > 0
        assert "secret" not in refusal(ann, request).text
    assert refusal(ann, behind).known_code is RefusalCode.SLOW_DOWN
    engine.problem = None
    bob.append(log, 100)
    assert refusal(ann, ann.append(log, 3)).known_code is RefusalCode.SLOW_DOWN
    for number in (1, 2, 3):
        ann.append(log, number)
    assert ids(bob, log) == [100, 1, 2, 3]
    assert sequences(bob, log) == [1, 2, 3, 4]


@pytest.mark.parametrize("is_resent", [True, False])
def test_a_commit_that_failed_and_was_written_all_the_same_is_told_once(house: House, is_resent: bool) -> None:
    house.join("ann")
    house.join("bob")
    engine = failing(house)
    ann, bob = house.sign_in("ann"), house.sign_in("bob")
    log = ann.log("#lobby")
    bob.follow(log)
    engine.problem, engine.writes_all_the_same = StorageUnusable("lost the disk"), True
    ann.append(log, 1)
    engine.problem = None
    request = ann.append(log, 1) if is_resent else bob.append(log, 2)
    place = (ann if is_resent else bob).place(request)
    assert place is not None
    assert sequences(bob, log) == list(range(1, place.sequence + 1))
    ann.append(log, 1)
    assert ids(bob, log)[0] == 1
    assert len(set(ids(bob, log))) == len(ids(bob, log))


# A client that goes.


def test_who_hangs_up_before_the_commit_is_not_lost_what_they_said(
    house: House, pair: tuple[Client, Client, int]
) -> None:
    ann, bob, log = pair
    ann.append(log, 1, settles=False)
    house.clock.run_due()
    ann.hang_up()
    assert ids(bob, log) == [1]
    back = house.sign_in("ann")
    place = back.place(back.append(log, 1))
    assert place is not None
    assert place.sequence == 1
    assert ids(bob, log) == [1]


def test_a_follower_whose_link_fails_hurts_no_other(house: House, pair: tuple[Client, Client, int]) -> None:
    ann, bob, log = pair
    cyd = house.join("cyd")
    cyd.follow(log)

    def fail(*_: object) -> int:
        raise RuntimeError("a bug in the link")

    session = next(each for each in house.server.gateway.sessions if each.link is bob.link)
    house.server.gateway.followers._live[LogId(log)].sends[session] = fail
    place = ann.place(ann.append(log, 1))
    assert place is not None
    assert ids(cyd, log) == [1]
    assert ids(bob, log) == [1], "it reads what it missed"


def test_appends_that_are_refused_for_good_count_as_well(open_house: OpenHouse) -> None:
    house = open_house(messages_per_s=1.0, messages_burst=3)
    bob = house.join("bob")
    unknown = bob.log("#lobby") + 1000
    codes = [refusal(bob, bob.append(unknown, number)).known_code for number in range(4)]
    assert codes == [RefusalCode.UNKNOWN_CONVERSATION] * 3 + [RefusalCode.SLOW_DOWN]
