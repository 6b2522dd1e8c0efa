"""The table of clients: whole once, then what changed, told together."""

from __future__ import annotations

from collections.abc import Callable

from lanline.errors import CloseCode
from lanline.proto.events import PeerMoved
from lanline.storage.api import Transaction
from lanline.wire.chat import answers, conversations, directory, signin
from serverhouse.house import Client, House

OpenHouse = Callable[..., House]


def person(client: Client, name: str) -> directory.Person:
    """As the client knows them by now."""
    found: dict[str, directory.Person] = {}
    for message in client.heard():
        if isinstance(message, directory.People | directory.PeopleChanged):
            found.update((each.name, each) for each in message.people)
    return found[name]


def test_who_comes_and_who_goes_is_told_with_address_and_time(house: House) -> None:
    ann = house.join("ann")
    house.join("bob").hang_up()
    house.pass_time(60)
    assert not person(ann, "bob").is_online
    bob = house.sign_in("bob", address=("fd00::1", 4711))
    house.pass_time(1)
    assert person(ann, "bob").is_online
    assert person(ann, "bob").address == "[fd00::1]:4711"
    left_ms = house.clock.now_ms()
    bob.hang_up()
    house.pass_time(1)
    assert not person(ann, "bob").is_online
    assert person(ann, "bob").seen_ms == left_ms


def test_who_has_another_link_is_still_there(house: House) -> None:
    ann, bob = house.join("ann"), house.join("bob")
    also_bob = house.sign_in("bob")
    house.pass_time(1)
    bob.hang_up()
    house.pass_time(1)
    assert person(ann, "bob").is_online
    also_bob.hang_up()
    house.pass_time(1)
    assert not person(ann, "bob").is_online


def test_changes_are_told_together_and_never_as_the_whole_table(house: House) -> None:
    ann = house.join("ann")
    guests = ["guest" + letter for letter in "abcdefghjkmnpqrstuvw"]
    for guest in guests:
        house.join(guest).hang_up()
    for _ in range(2):
        house.pass_time(1)
    before = len(ann.all(directory.PeopleChanged))
    for guest in guests:
        house.sign_in(guest)
    house.pass_time(1)
    told = ann.all(directory.PeopleChanged)[before:]
    assert len(told) == 2, "the first at once, the rest within the interval"
    assert [len(message.people) for message in told] == [1, 19]
    assert len(ann.all(directory.People)) == 1


def test_the_more_people_are_there_the_more_is_told_together(open_house: OpenHouse) -> None:
    house = open_house(most_links_of_account=1000)
    ann = house.join("ann")
    house.join("bob").hang_up()

    def told_in_two_seconds() -> int:
        house.pass_time(5)
        before = len(ann.all(directory.PeopleChanged))
        for _ in range(100):
            house.sign_in("bob").hang_up()
            house.pass_time(0.02)
        return len(ann.all(directory.PeopleChanged)) - before

    assert 15 <= told_in_two_seconds() <= 21, "each 0.1 s"
    others = [house.sign_in("ann") for _ in range(800)]
    assert 4 <= told_in_two_seconds() <= 6, "each 0.4 s"
    house.pass_time(1)
    assert not person(ann, "bob").is_online
    assert not person(others[-1], "bob").is_online


def test_the_same_bytes_go_to_everybody(house: House) -> None:
    ann, bob = house.join("ann"), house.join("bob")
    house.pass_time(1)
    for client in (ann, bob):
        client.link.raw.clear()
    house.join("cyd").hang_up()
    house.pass_time(1)
    assert ann.link.raw[-1] is bob.link.raw[-1]


def test_a_client_that_moves_is_told_where_it_is(house: House) -> None:
    ann, bob = house.join("ann"), house.join("bob")
    bob.link.give(PeerMoved(("10.0.0.5", 99)))
    house.pass_time(1)
    assert person(ann, "bob").address == "10.0.0.5:99"


def test_a_server_may_keep_addresses_to_itself(open_house: OpenHouse) -> None:
    house = open_house(tells_addresses="none")
    house.join("ann")
    assert person(house.join("bob"), "ann").address == ""


def test_nobody_is_told_a_public_address_and_neighbours_are_told_each_others(open_house: OpenHouse) -> None:
    house = open_house()
    hosts = {"ann": "10.0.0.7", "bob": "fe80::7%eth0", "cyd": "203.0.113.5", "dan": "2001:db8::1", "eva": "127.0.0.1"}
    clients = {name: house.join(name, address=(host, 1)) for name, host in hosts.items()}
    house.pass_time(1)

    def told(name: str) -> set[str]:
        return {each for each in hosts if person(clients[name], each).address}

    assert told("ann") == told("bob") == {"ann", "bob"}
    assert told("cyd") == told("dan") == set()
    assert told("eva") == {"eva"}, "whoever comes through a tunnel on the server's machine is nobody's neighbour"
    clients["late"] = house.join("late", address=("192.168.3.4", 1))
    assert told("late") == {"ann", "bob"}


def test_where_somebody_is_is_where_a_link_of_theirs_still_is(house: House) -> None:
    ann = house.join("ann")
    house.join("bob", address=("10.0.0.7", 1))
    house.join("bob", key="phone", address=("10.0.0.8", 1)).hang_up()
    house.pass_time(1)
    assert person(ann, "bob").address == "10.0.0.7:1"


def test_to_deregister_is_to_be_offline_on_every_link_at_once(house: House) -> None:
    ann, bob, also_bob = house.join("ann"), house.join("bob"), house.join("bob", key="phone")
    house.pass_time(1)
    bob.link.is_reading = False
    bob.say(signin.Deregister(bob.number()))
    assert also_bob.link.closed is not None
    assert also_bob.link.closed.code is CloseCode.DONE
    house.pass_time(0.2)
    assert not person(ann, "bob").is_online
    assert bob.link.closed is None, "not before it has its answer"
    bob.link.arrive()
    assert bob.last(answers.Done)
    assert bob.link.closed is not None
    log = ann.log("#lobby")
    ann.append(log, 1)
    back = house.sign_in("bob")
    back.follow(log)
    assert len(back.entries(log)) == 1, "what was said meanwhile is kept"


def test_when_somebody_was_seen_survives_a_restart_and_a_crash(house: House) -> None:
    house.join("ann", address=("10.0.0.9", 1)).hang_up()
    house.pass_time(30)
    left_ms = house.clock.now_ms()
    house.pass_time(61)
    house.join("bob")
    house.pass_time(61)
    house.join("cyd")
    house.pass_time(61)
    house.stop()
    house.start()
    dan = house.join("dan")
    assert person(dan, "ann").address == "10.0.0.9:1"
    assert person(dan, "ann").seen_ms < left_ms
    assert not person(dan, "bob").is_online
    assert person(dan, "bob").seen_ms > left_ms


def test_a_record_of_whereabouts_that_cannot_be_read_is_no_reason_not_to_start(house: House) -> None:
    house.join("ann")
    house.store.write(lambda transaction: transaction.settings.put("whereabouts", b"\xff"))
    house.settle()
    house.stop()
    house.start()
    assert house.sign_in("ann")


def test_nobody_hears_of_somebody_they_do_not_know(house: House) -> None:
    ann, bob = house.join("ann"), house.join("bob")
    heard = ann.heard()
    introduced = next(
        index
        for index, message in enumerate(heard)
        if isinstance(message, directory.PeopleChanged) and message.people[-1].account == bob.account
    )
    entered = next(index for index, message in enumerate(heard) if isinstance(message, conversations.MemberChanged))
    assert introduced < entered


def test_the_table_is_right_before_the_changes_are_told(open_house: OpenHouse) -> None:
    house = open_house(presence_interval_s=10.0)
    house.join("ann")
    bob = house.join("bob")
    bob.hang_up()
    table = {each.name: each.is_online for each in house.join("cyd").last(directory.People).people}
    assert table == {"ann": True, "bob": False, "cyd": True}


def test_who_comes_over_ipv4_to_a_server_of_both_families_is_shown_with_that_address(house: House) -> None:
    ann = house.join("ann", address=("::ffff:10.0.0.9", 7))
    assert person(ann, "ann").address == "10.0.0.9:7"


def test_however_many_people_there_are_one_can_sign_in(open_house: OpenHouse) -> None:
    house = open_house()
    house.join("ann").hang_up()

    def add_many(transaction: Transaction) -> None:
        for number in range(6000):
            transaction.accounts.add(f"{number}".ljust(32, "名"), 1, is_admin=False, password_hash=None)

    house.store.write(add_many)
    house.store.flush()
    house.stop()
    house.start()
    ann = house.sign_in("ann", buffer_bytes=256 * 1024)
    assert ann.link.closed is None
    assert sum(len(each.people) for each in ann.all(directory.People)) == 6001


def test_a_link_at_which_nobody_sits_is_told_to_nobody_until_somebody_does(house: House) -> None:
    ann = house.join("ann")
    house.join("bob").hang_up()
    house.pass_time(60)
    told = len(ann.all(directory.PeopleChanged))
    bob = house.greet("bob")
    bob.signed_in = bob.ask(signin.SignIn(bob.number(), is_away=True), signin.SignedIn)
    assert bob.signed_in.knows_away
    house.pass_time(1)
    assert len(ann.all(directory.PeopleChanged)) == told
    for is_away in (False, False, True, True, False):
        bob.ask(signin.SetAway(bob.number(), is_away), answers.Done)
        house.pass_time(1)
        assert person(ann, "bob").is_online is not is_away
    left_ms = house.clock.now_ms()
    bob.hang_up()
    house.pass_time(1)
    assert not person(ann, "bob").is_online
    assert person(ann, "bob").seen_ms == left_ms


def test_a_link_at_which_nobody_sits_keeps_nobody_online_and_takes_nobody_off(house: House) -> None:
    ann, bob = house.join("ann"), house.join("bob")
    script = house.greet("bob")
    script.ask(signin.SignIn(script.number(), is_away=True), signin.SignedIn)
    bob.hang_up()
    house.pass_time(1)
    assert not person(ann, "bob").is_online
    bob = house.sign_in("bob")
    script.hang_up()
    house.pass_time(1)
    assert person(ann, "bob").is_online
