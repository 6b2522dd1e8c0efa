"""Followers get every entry once and in order, however late they come and however slowly they read."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanline.errors import CloseCode
from lanline.gateways.lanline import catchup
from lanline.gateways.lanline.sendqueue import MAX_UNCONFIRMED_BYTES, MAX_WAITING_BYTES
from lanline.gateways.lanline.session import Session
from lanline.wire.chat import answers, conversations, entries
from serverhouse.house import Client, House

OpenHouse = Callable[..., House]
KB = 1024


def sequences(client: Client, log: int) -> list[int]:
    return [entry.sequence for entry in client.entries(log)]


def say(client: Client, log: int, numbers: range, size_bytes: int = 10) -> None:
    for number in numbers:
        client.append(log, number, b"x" * size_bytes)


@pytest.fixture
def pair(open_house: OpenHouse) -> tuple[Client, Client, int]:
    house = open_house(messages_burst=100_000)
    ann, bob = house.join("ann"), house.join("bob")
    return ann, bob, ann.log("#lobby")


def test_who_follows_gets_what_there_is_and_then_what_comes(pair: tuple[Client, Client, int]) -> None:
    ann, bob, log = pair
    say(ann, log, range(1, 6))
    bob.follow(log, after=2)
    assert sequences(bob, log) == [3, 4, 5]
    say(ann, log, range(6, 8))
    assert sequences(bob, log) == [3, 4, 5, 6, 7]


def test_who_follows_from_the_head_or_beyond_gets_only_what_comes(pair: tuple[Client, Client, int]) -> None:
    ann, bob, log = pair
    say(ann, log, range(1, 4))
    bob.follow(log, after=3)
    ann.follow(log, after=1_000_000)
    say(ann, log, range(4, 5))
    assert sequences(bob, log) == sequences(ann, log) == [4]


def test_who_follows_from_beyond_the_head_keeps_nobody_from_what_comes(pair: tuple[Client, Client, int]) -> None:
    """A liar, or a client whose server was restored, is perhaps the first who is live in the log."""
    ann, bob, log = pair
    ann.follow(log, after=2**62)
    bob.follow(log)
    say(bob, log, range(1, 4))
    assert sequences(bob, log) == sequences(ann, log) == [1, 2, 3]


def test_who_unfollows_gets_no_more(pair: tuple[Client, Client, int]) -> None:
    ann, bob, log = pair
    bob.follow(log)
    say(ann, log, range(1, 3))
    bob.say(entries.Unfollow(log))
    say(ann, log, range(3, 5))
    assert sequences(bob, log) == [1, 2]
    bob.follow(log, after=2)
    assert sequences(bob, log) == [1, 2, 3, 4]


def test_following_again_begins_again_there(pair: tuple[Client, Client, int]) -> None:
    ann, bob, log = pair
    bob.follow(log)
    say(ann, log, range(1, 4))
    bob.follow(log, after=1)
    say(ann, log, range(4, 5))
    assert sequences(bob, log) == [1, 2, 3, 2, 3, 4]


def test_while_it_reads_anew_nothing_comes_live(pair: tuple[Client, Client, int]) -> None:
    ann, bob, log = pair
    bob.follow(log)
    say(ann, log, range(1, 4))
    before = len(sequences(bob, log))
    ann.append(log, 4, settles=False)
    ann.house.clock.run_due()
    bob.say(entries.Follow(log, 1), settles=False)
    ann.house.store.flush()
    ann.house.settle()
    assert sequences(bob, log)[before:] == [2, 3, 4]


def followed(client: Client, session: Session) -> list[int]:
    return client.house.server.gateway._catch_up.followed(session)


def test_whose_link_is_full_is_live_no_more_whatever_filled_it(pair: tuple[Client, Client, int]) -> None:
    ann, _, log = pair
    slow = ann.house.join("slow", buffer_bytes=KB)
    slow.follow(log)
    slow.link.is_reading = False
    session = next(each for each in ann.house.server.gateway.sessions if each.link is slow.link)
    for _ in range(8):
        session.send(answers.ServerSays("x" * 200))
    assert (followed(ann, session), session.behind) == ([], {log: 0})
    say(ann, log, range(1, 3))
    slow.link.is_reading = True
    ann.house.settle()
    assert [type(message) for message in slow.heard()[-9:]] == [answers.ServerSays] * 8 + [entries.Entries]


def test_whose_link_fills_while_it_waits_its_turn_does_not_go_live(pair: tuple[Client, Client, int]) -> None:
    ann, _, log = pair
    slow = ann.house.join("slow", buffer_bytes=KB)
    slow.link.is_reading = False
    session = next(each for each in ann.house.server.gateway.sessions if each.link is slow.link)
    slow.say(entries.Follow(log, 0), settles=False)
    for _ in range(8):
        session.send(answers.ServerSays("x" * 200))
    ann.house.settle()
    assert (followed(ann, session), session.behind) == ([], {log: 0})
    say(ann, log, range(1, 3))
    slow.link.is_reading = True
    ann.house.settle()
    assert [type(message) for message in slow.heard()[-9:]] == [answers.ServerSays] * 8 + [entries.Entries]
    assert followed(ann, session) == [log]


def test_what_is_committed_and_not_yet_told_comes_once(pair: tuple[Client, Client, int]) -> None:
    """The store knows it before anybody was told: a follower who reads just then must not get it twice."""
    ann, bob, log = pair
    house = ann.house
    say(ann, log, range(1, 3))
    ann.append(log, 3, settles=False)
    house.clock.run_due()
    batch = house.store.collect()
    assert batch is not None
    batch.commit()
    bob.say(entries.Follow(log, 0), settles=False)
    house.clock.run_due()
    batch.deliver()
    house.settle()
    assert sequences(bob, log) == [1, 2, 3]


def test_a_conversation_that_one_may_not_read_is_gone(pair: tuple[Client, Client, int]) -> None:
    _, bob, _ = pair
    bob.follow(4711)
    assert bob.last(conversations.ConversationGone).log == 4711


def test_a_long_history_comes_in_pieces_of_bounded_size(pair: tuple[Client, Client, int]) -> None:
    ann, bob, log = pair
    say(ann, log, range(1, 31), size_bytes=100 * KB)
    bob.follow(log)
    assert sequences(bob, log) == list(range(1, 31))
    assert max(len(payload) for _, payload in bob.link.arrived) <= 256 * KB


def test_a_client_that_never_reads_costs_bounded_memory_and_is_sent_off(pair: tuple[Client, Client, int]) -> None:
    ann, _, log = pair
    house = ann.house
    lazy = house.join("lazy", buffer_bytes=512 * KB)
    lazy.follow(log)
    lazy.link.is_reading = False
    say(ann, log, range(1, 40), size_bytes=100 * KB)
    assert lazy.link.most_buffered_bytes <= 512 * KB + 256 * KB
    session = next(each for each in house.server.gateway.sessions if each.link is lazy.link)
    assert session.behind, "what comes is not kept for it"
    assert lazy.link.closed is None
    for _ in range(MAX_WAITING_BYTES // 300 + 10):
        session.send(answers.ServerSays("x" * 300))
        if lazy.link.closed is not None:
            break
    assert lazy.link.closed is not None
    assert lazy.link.closed.code is CloseCode.BUSY
    assert ann.link.closed is None


def test_who_was_slow_reads_on_without_a_gap_and_hears_what_was_said_meanwhile(
    pair: tuple[Client, Client, int],
) -> None:
    ann, _, log = pair
    house = ann.house
    slow = house.join("slow", buffer_bytes=64 * KB)
    slow.follow(log)
    slow.link.is_reading = False
    say(ann, log, range(1, 20), size_bytes=10 * KB)
    house.join("dan")
    house.pass_time(1)
    slow.link.is_reading = True
    house.settle()
    say(ann, log, range(20, 22))
    assert sequences(slow, log) == list(range(1, 22))
    assert any(person.name == "dan" for message in slow.heard() for person in getattr(message, "people", ()))


def test_history_under_way_to_one_client_is_bounded(pair: tuple[Client, Client, int]) -> None:
    ann, bob, log = pair
    say(ann, log, range(1, 41), size_bytes=100 * KB)
    bob.link.is_reading = False
    bob.follow(log)
    assert bob.link.most_buffered_bytes <= MAX_UNCONFIRMED_BYTES + 256 * KB
    bob.link.is_reading = True
    bob.house.settle()
    assert sequences(bob, log) == list(range(1, 41))


def test_a_turn_reads_one_piece_so_that_others_are_not_held_up(pair: tuple[Client, Client, int]) -> None:
    ann, bob, log = pair
    house = ann.house
    say(ann, log, range(1, 11), size_bytes=100 * KB)
    bob.say(entries.Follow(log, 0), settles=False)
    bob.link.is_reading = False
    reads = 0
    real = house.store.read

    def counting(work: object) -> object:
        nonlocal reads
        reads += 1
        return real(work)  # type: ignore[arg-type]

    house.store.read = counting  # type: ignore[method-assign, assignment]
    house.server.gateway._catch_up._turn()
    assert reads == 1


def test_those_who_come_back_together_share_the_work(pair: tuple[Client, Client, int]) -> None:
    ann, bob, log = pair
    house = ann.house
    say(ann, log, range(1, 4), size_bytes=KB)
    cyd = house.join("cyd")
    for client in (bob, cyd):
        client.link.raw.clear()
        client.say(entries.Follow(log, 0), settles=False)
    house.settle()
    assert bob.link.raw[0] is cyd.link.raw[0]
    assert not house.server.gateway._catch_up._chunks, "nothing is kept when nobody reads"


def test_a_gap_in_the_store_is_never_passed_on(pair: tuple[Client, Client, int]) -> None:
    ann, bob, log = pair
    say(ann, log, range(1, 4))
    ann.house.engine._writer.execute(  # type: ignore[attr-defined]
        "DELETE FROM entries WHERE log = ? AND sequence = 2", (log,)
    )
    bob.follow(log, after=1)
    assert bob.link.closed is not None
    assert bob.link.closed.code is CloseCode.RESET
    assert sequences(bob, log) == []
    assert ann.link.closed is None


def test_reading_back_gives_the_newest_that_precede_oldest_first(pair: tuple[Client, Client, int]) -> None:
    ann, bob, log = pair
    say(ann, log, range(1, 11))

    def read(before: int, limit: int) -> list[int]:
        answer = bob.ask(entries.ReadBefore(bob.number(), log, before, limit), entries.EarlierEntries)
        return [entry.sequence for entry in answer.entries]

    assert read(6, 3) == [3, 4, 5]
    assert read(2, 3) == [1]
    assert read(1, 3) == []
    assert read(0, 3) == []
    assert read(2**62, 2) == [9, 10]


def test_reading_back_is_bounded_in_bytes(pair: tuple[Client, Client, int]) -> None:
    ann, bob, log = pair
    say(ann, log, range(1, 11), size_bytes=100 * KB)
    answer = bob.ask(entries.ReadBefore(bob.number(), log, 11, 1000), entries.EarlierEntries)
    assert [entry.sequence for entry in answer.entries] == [9, 10]


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32))
def test_whatever_the_links_do_every_follow_is_dense(
    tmp_path_factory: pytest.TempPathFactory, empty_store: Path, seed: int
) -> None:
    """Followers come, go, read at their own pace and begin anew, while everybody speaks."""
    chance = random.Random(seed)
    folder = tmp_path_factory.mktemp("house") / "data"
    shutil.copytree(empty_store, folder)
    house = House(folder, messages_burst=10**6)
    clients = [house.join(name, buffer_bytes=8 * KB) for name in ("ann", "bob", "cyd")]
    log = clients[0].log("#lobby")
    heard: list[list[int]] = [[] for _ in clients]
    follows_at: list[int | None] = [None] * len(clients)
    for number in range(120):
        index = chance.randrange(len(clients))
        client = clients[index]
        match chance.randrange(6):
            case 0:
                client.link.is_reading = not client.link.is_reading
            case 1 if follows_at[index] is None:
                follows_at[index] = 0
                client.say(entries.Follow(log, 0), settles=False)
            case 2:
                house.settle()
            case 3:
                client.link.arrive()
            case _:
                client.append(log, number, b"x" * chance.randrange(1, 4000), settles=False)
                if chance.randrange(2):
                    house.clock.run_due()
    for client in clients:
        client.link.is_reading = True
    house.settle()
    head = house.server.core.conversations.get(log).head  # type: ignore[union-attr, arg-type]
    for index, client in enumerate(clients):
        heard[index] = sequences(client, log)
        assert heard[index] == ([] if follows_at[index] is None else list(range(1, head + 1)))
    committed = [place.sequence for client in clients for m in client.all(entries.Committed) for place in m.places]
    assert sorted(committed) == list(range(1, head + 1))
    house.stop()


def test_a_piece_holds_a_bounded_number_of_entries(
    pair: tuple[Client, Client, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catchup, "_MAX_ENTRIES", 2)
    ann, bob, log = pair
    say(ann, log, range(1, 6))
    bob.follow(log)
    assert [len(message.entries) for message in bob.all(entries.Entries)] == [2, 2, 1]


def test_who_asks_faster_than_it_reads_is_slowed_down_and_not_sent_off(pair: tuple[Client, Client, int]) -> None:
    ann, _, log = pair
    house = ann.house
    say(ann, log, range(1, 4), size_bytes=80 * KB)
    eager = house.join("eager", buffer_bytes=512 * KB)
    eager.link.is_reading = False
    requests = [eager.number() for _ in range(10)]
    for request in requests:
        eager.say(entries.ReadBefore(request, log, 4, 1000))
    eager.link.is_reading = True
    house.settle()
    kinds = [type(eager.answer(request)) for request in requests]
    assert eager.link.closed is None
    assert kinds == [entries.EarlierEntries] * 4 + [answers.Refused] * 6
