"""What is kept of the chain between two starts is what following it anew comes to; else it is followed anew."""

from __future__ import annotations

import os

import pytest

from grouphouse.people import DeviceKeys, InviteKeys, Person, Story, founded
from lanline.chain.state import Chain
from lanline.client.chat.history import History
from lanline.client.sealing import groupcopy
from lanline.client.sealing.groupcopy import GroupCopy
from lanline.client.sealing.keystore import Keystore
from lanline.client.sealing.tables import GroupTables
from lanline.wire.chat.entries import LogEntry
from lanline.wire.sealing.entries import Role
from lanline.wire.sealing.said import EPOCH_SUITE


class Home:
    def __init__(self, device: DeviceKeys, story: Story) -> None:
        self.device, self.story = device, story
        self.database = History.in_memory().database
        self.keys = Keystore.in_memory(device.secret)

    def start(self, device: DeviceKeys | None = None) -> GroupCopy:
        tables = GroupTables(self.database, (device or self.device).secret, os.urandom)
        return GroupCopy(self.keys, tables)

    def add(self, copy: GroupCopy) -> None:
        copy.target = len(self.story.log)
        items = enumerate(self.story.log, 1)
        copy.add([LogEntry(at, at.to_bytes(16, "big"), 1, 1, 1, suite, content) for at, (suite, content) in items])

    @property
    def kept_to(self) -> list[tuple[int, ...]]:
        return self.database.read("SELECT sequence FROM chain_states")


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(groupcopy, "_KEPT_EVERY", 1)
    story, [ana, ben, cai] = founded("ana", "ben", "cai")
    invite = InviteKeys(1)
    story.invite(ana, invite, uses=2)
    story.join(Person("dan"), invite)
    story.role(ana, ben, Role.ADMIN)
    story.add_device(ben, ben.new_device())
    story.turn(ben)
    story.found_room(ben, "board", cai)
    story.log.append((EPOCH_SUITE, story.epoch(ana.device, story.chain.group_id, bytes(32))))
    story.remove(ana, cai)
    story.admit(ben, Person("cai", seed="another"))
    story.log.append((EPOCH_SUITE, story.epoch(ana.device, story.chain.group_id, b"2" * 32)))
    made = Home(ana.device, story)
    made.add(made.start())
    return made


def seen(copy: GroupCopy) -> tuple[object, ...]:
    chain = copy.chain
    values = [getattr(chain, name) for name in Chain.__struct_fields__ if name != "places"]
    places = [chain.places[at] for at in range(chain.height)]
    trust = [copy.people.trust(chain, copy.account_id, each) for each in chain.names.values()]
    return values, places, trust, copy.epochs, copy.newest(), copy.sequence, copy.broken, copy.problem


def test_a_start_goes_on_from_what_was_kept_and_comes_to_the_same(home: Home) -> None:
    assert home.kept_to == [(len(home.story.log),)]
    restored = home.start()
    with home.database.write() as writer:
        writer.execute("DELETE FROM chain_states")
    assert seen(restored) == seen(home.start())


def test_what_comes_later_is_followed_from_there(home: Home) -> None:
    late = Person("late")
    home.story.admit(Person("ana"), late)
    restored = home.start()
    home.add(restored)
    assert late.id in restored.chain.accounts
    assert restored.chain.head == home.story.chain.head
    assert seen(restored) == seen(home.start())


def test_nothing_is_followed_that_was_kept(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groupcopy, "follow", None)
    assert home.start().chain.height == home.story.chain.height


@pytest.mark.parametrize("what", ["damaged", "of another device", "of another program"])
def test_what_cannot_be_read_is_followed_anew(home: Home, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other: DeviceKeys | None = None
    if what == "damaged":
        with home.database.write() as writer:
            writer.execute("UPDATE chain_states SET state = zeroblob(length(state))")
    elif what == "of another device":
        other = DeviceKeys(b"o" * 32)
    else:
        monkeypatch.setattr("lanline.client.sealing.tables.decode_state", lambda _: None)
    assert home.start(other).chain.head == home.story.chain.head


def test_a_broken_chain_is_not_kept(home: Home) -> None:
    home.story.add(b"no entry")
    copy = home.start()
    before = home.kept_to
    home.add(copy)
    assert copy.broken is not None
    assert home.kept_to == before
    assert home.start().broken == copy.broken


def test_what_does_not_hold_is_accepted_by_its_place_and_never_counts(home: Home) -> None:
    home.story.add(b"no entry")
    copy = home.start()
    home.add(copy)
    before = copy.chain
    assert copy.broken is not None
    assert "lanline chain --accept" in copy.problem
    copy.accept_broken()
    assert (copy.broken, copy.problem) == (None, "")
    again = home.start()
    assert (again.broken, again.problem, again.chain.head) == (None, "", before.head)
    assert (again.chain.accounts, again.chain.devices) == (before.accounts, before.devices)
    home.story.add(b"another")
    home.add(again)
    assert again.broken is not None
    assert again.broken[0] == before.height + 1


def test_a_chain_that_is_kept_beside_the_servers_is_read_though_an_entry_of_it_does_not_hold(home: Home) -> None:
    other, _ = founded("eve")
    home.story.add(other.log[0][1])
    copy = home.start()
    home.add(copy)
    copy.accept_broken()
    copy.read_anew()
    assert home.start().chain.head == copy.chain.head


def test_who_doubts_the_chain_has_all_of_it_checked_anew(home: Home) -> None:
    copy = home.start()
    GroupTables(home.database, home.device.secret, os.urandom).doubt_chain()
    assert home.kept_to == []
    copy.begin_anew()
    assert copy.chain.head == home.story.chain.head


def test_what_who_joins_has_found_out_is_there_for_the_home(home: Home) -> None:
    copy = home.start()
    other = History.in_memory().database
    copy.keep_for(other)
    home.database = other
    kept = home.start()
    assert seen(kept) == seen(copy)
    assert home.kept_to == [(len(home.story.log),)]


def test_a_home_that_has_something_of_a_group_keeps_that(home: Home) -> None:
    other = Home(home.device, Story(log=home.story.log[:3]))
    other.add(other.start())
    home.start().keep_for(other.database)
    assert other.kept_to == [(3,)]
    assert other.start().sequence == 3
