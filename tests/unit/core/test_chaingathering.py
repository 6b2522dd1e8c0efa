"""A restored server gathers what members have of the chain, and takes what most of them are on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from grouphouse.people import Person, Story, chance, founded
from lanline.chain.branches import cut_at, ended_only_in, parting
from lanline.chain.state import Chain
from lanline.core import chaingathering as gathering
from lanline.core.chaingathering import MAX_COMING, WAIT_S, ChainGathering
from lanline.core.changes import ChainGrew, ServerWarned
from lanline.core.groupstate import STUB_SUITE, ChainMember, GroupState
from lanline.core.history import GATHERING
from lanline.core.takenbranch import Item
from lanline.errors import RequestRefused, StorageFull
from lanline.model.logs import LogId
from lanline.testing.clock import HandClock
from lanline.ticket import Ticket
from lanline.wire.sealing.entries import Role
from lanline.wire.sealing.strict import encode_strictly


class _Kept:
    def __init__(self, value: bytes | None) -> None:
        self.settings = self
        self.value = value

    def get(self, _name: str) -> bytes | None:
        return self.value


class Hall:
    """A group of five, put back to when it was complete; each has more, as told."""

    def __init__(self, kept: bytes | None = GATHERING) -> None:
        self.story, self.people = founded("ana", "ben", "cai", "dan", "eve")
        assert self.story.role(self.people[0], self.people[4], Role.ADMIN) is None
        self.backup = self.story.chain
        self.clock = HandClock()
        self.taken: list[tuple[Item, ...]] = []
        self.brought = set[bytes]()
        self.warnings: list[str] = []
        self.gathering = ChainGathering(self.clock, self._take, self._warn)
        self.gathering.load(GroupState(LogId(1), self.backup), _Kept(kept))  # type: ignore[arg-type]
        self.own = self.backup

    def _take(self, chain: Chain, items: Sequence[Item], vouched: int, in_full: Iterable[bytes]) -> Ticket[None]:
        self.brought.update(in_full)
        assert chain.head == self.own.head
        stubs = [at for at, (suite, _) in enumerate(items) if suite == STUB_SUITE and at >= vouched - chain.height]
        items = items[: stubs[0] if stubs else len(items)]
        self.taken.append(tuple(items))
        story = Story(chain)
        for suite, content in items:
            assert story.add(content, suite) is None
        self.own = story.chain
        self.gathering._note_grown(ChainGrew(GroupState(LogId(1), self.own)))
        ticket = Ticket[None]()
        ticket.settle(None)
        return ticket

    def _warn(self, changes: Sequence[ServerWarned]) -> None:
        self.warnings += [each.text for each in changes]

    def removal(self, by: int, whom: int, *more: int) -> Story:
        """On the state that was backed up."""
        story = Story(self.backup)
        assert story.remove(self.people[by], self.people[whom]) is None
        for each in more:
            assert story.remove(self.people[by], self.people[each]) is None
        return story

    def tell(self, number: int, story: Story | None = None) -> None:
        person = self.people[number]
        member = ChainMember(person.id, person.device.id)
        chain = self.backup if story is None else story.chain
        after = self.gathering.tell(member, chain.height, chain.head)
        if after is not None:
            assert story is not None
            begins = chain.height - len(story.log)
            self.gathering.offer(member, after, story.log[after - begins :], is_last=True)

    def wait(self) -> None:
        self.clock.turn(WAIT_S + 1.0)


def test_nothing_is_taken_before_the_time_is_over_and_then_what_most_are_on() -> None:
    hall = Hall()
    true, forged = hall.removal(0, 4), hall.removal(4, 0, 1)
    hall.tell(4, forged)
    hall.tell(0, true)
    hall.tell(1, true)
    assert hall.taken == []
    hall.wait()
    assert hall.taken == [tuple(true.log)]
    assert not hall.gathering.is_on


def test_removed_admin_who_comes_first_does_not_win() -> None:
    hall = Hall()
    forged, true = hall.removal(4, 0, 1), hall.removal(0, 4)
    hall.tell(4, forged)
    hall.wait()
    assert hall.taken == [], "one account is not enough"
    hall.tell(0, true)
    hall.tell(1, true)
    assert hall.taken == [tuple(true.log)]
    assert not hall.own.is_member(hall.people[4].id)


def test_where_too_few_come_the_operator_is_told_once() -> None:
    hall = Hall()
    hall.wait()
    assert len(hall.warnings) == 1
    assert "too few members" in hall.warnings[0]
    assert "lanline admin chain" in hall.warnings[0]
    hall.tell(0)
    assert len(hall.warnings) == 1


def test_what_could_not_be_written_is_tried_again() -> None:
    hall = Hall()
    true, take = hall.removal(0, 4), hall._take

    def full(*_: object) -> Ticket[None]:
        ticket = Ticket[None]()
        ticket.settle(StorageFull("no room"))
        return ticket

    hall.gathering._take = full  # type: ignore[method-assign]
    for number in (0, 1, 2):
        hall.tell(number, true)
    hall.wait()
    assert hall.gathering.is_on
    hall.gathering._take = take  # type: ignore[method-assign]
    hall.clock.turn(61.0)
    assert hall.taken == [tuple(true.log)]


def test_tie_waits_for_the_operator() -> None:
    hall = Hall()
    forged, true = hall.removal(4, 0, 1), hall.removal(0, 4)
    hall.tell(4, forged)
    hall.tell(0, true)
    hall.tell(1)
    hall.wait()
    assert hall.taken == []
    assert ["lanline admin chain" in each for each in hall.warnings] == [True]
    shown = {each.head: each for each in hall.gathering.shown().branches}
    assert shown[true.chain.head].goes == ("eve",)
    assert shown[true.chain.head].told_by == ("ana",)
    hall.gathering.take(true.chain.head)
    assert hall.taken == [tuple(true.log)]


def test_when_every_device_has_told_nobody_waits() -> None:
    hall = Hall()
    true = hall.removal(0, 4)
    for number in range(5):
        hall.tell(number, true if number < 2 else None)
    assert hall.taken == [tuple(true.log)]


def test_a_clock_that_is_a_year_off_changes_nothing_about_the_ten_minutes() -> None:
    hall = Hall()
    hall.clock.offset_ms += 365 * 86_400_000
    true = hall.removal(0, 4)
    for number in (0, 1, 2):
        hall.tell(number, true)
    assert hall.taken == []
    hall.clock.offset_ms -= 2 * 365 * 86_400_000
    hall.wait()
    assert hall.taken == [tuple(true.log)]


def test_where_nobody_has_more_the_chain_is_right_as_it_is() -> None:
    hall = Hall()
    for number in (0, 1, 2):
        hall.tell(number)
    hall.wait()
    assert hall.taken == [()]
    assert hall.gathering.asks


def test_half_of_the_members_are_away_for_the_ten_minutes_and_their_longer_head_comes_later() -> None:
    hall = Hall()
    true = hall.removal(0, 4)
    for number in (1, 2, 3):
        hall.tell(number, true)
    hall.wait()
    longer = Story(true.chain, list(true.log))
    assert longer.role(hall.people[0], hall.people[1], Role.ADMIN) is None
    hall.tell(0, longer)  # what lengthens the one that was taken, and stands for nothing hidden
    assert hall.own.head == longer.chain.head


def test_what_may_be_made_up_is_taken_later_only_from_two() -> None:
    hall = Hall()
    for number in (1, 2, 3):
        hall.tell(number)
    hall.wait()
    longer = Story(hall.backup)
    longer.found_room(hall.people[0], "board")
    hall.tell(0, longer)
    assert hall.own.head == hall.backup.head
    hall.tell(1, longer)
    assert hall.own.head == longer.chain.head


def test_what_does_not_hold_is_refused_and_counts_for_nothing() -> None:
    hall = Hall()
    person = hall.people[1]
    false = Story(hall.backup)
    assert false.remove(person, hall.people[0]) is not None
    with pytest.raises(RequestRefused, match="does not hold"):
        hall.tell(1, false)
    for number in (0, 2):
        hall.tell(number)
    hall.wait()
    assert hall.taken == [()]


def test_of_an_offer_that_is_refused_nothing_stays_but_what_others_have_brought_too() -> None:
    hall = Hall()
    true = hall.removal(0, 4)
    assert true.admit(hall.people[0], Person("fay")) is None
    hall.tell(0, true)
    offered, member = hall.gathering._offered, ChainMember(hall.people[1].id, hall.people[1].device.id)
    size_bytes, height = offered.size_bytes, hall.backup.height
    own = Story(true.chain, list(true.log))
    for number in range(4):
        assert own.admit(hall.people[0], Person(f"new {number}")) is None
    for wrong, after in (("does not hold", height + 4), ("does not follow", height + 9)):
        hall.gathering.offer(member, height, own.log[:4], is_last=False)
        assert offered.size_bytes > size_bytes
        with pytest.raises(RequestRefused, match=wrong):
            hall.gathering.offer(member, after, [own.log[4], own.log[4]], is_last=True)
        assert offered.size_bytes == size_bytes
        assert offered.path(true.chain.head) == true.log
    hall.tell(1, own)
    hall.tell(2, own)
    hall.wait()
    assert hall.taken == [tuple(own.log)]


def test_of_one_member_one_branch_is_kept_however_many_forks_it_offers() -> None:
    """The highest: so they are in nobody's way, and of the others each is heard."""
    hall = Hall()
    for number in range(30):
        fork = Story(hall.backup)
        for more in range(number + 1):
            assert fork.admit(hall.people[4], Person(f"new {number} {more}")) is None
        hall.tell(4, fork)
    true = hall.removal(0, 4)
    for number in (0, 1):
        hall.tell(number, true)
    shown = hall.gathering.shown().branches
    assert {each.told_by for each in shown} == {("eve",), ("ana", "ben")}
    hall.wait()
    assert hall.taken == [tuple(true.log)]


def offer_in_turns(hall: Hall, members: Sequence[ChainMember], items: Sequence[Item], size: int) -> None:
    """All at once, each a piece further in its turn."""
    begins = hall.own.height
    for start in range(0, len(items), size):
        for member in members:
            is_last = start + size >= len(items)
            hall.gathering.offer(member, begins + start, items[start : start + size], is_last=is_last)


def test_any_number_of_devices_offer_in_pieces_at_once() -> None:
    hall = Hall()
    true = Story(hall.backup)
    for number in range(6):
        assert true.admit(hall.people[0], Person(f"new {number}")) is None
    members = [ChainMember(person.id, bytes([number])) for person in hall.people[:4] for number in range(MAX_COMING)]
    members += [ChainMember(bytes([number]) * 32, b"1") for number in range(100)]  # as many accounts as there may be
    offer_in_turns(hall, members, true.log, 2)
    hall.wait()
    assert hall.taken == [tuple(true.log)]


def test_more_than_ten_thousand_lost_items_come_back() -> None:
    hall = Hall()
    true = Story(hall.backup)
    for number in range(10_100):
        stub = encode_strictly([chance(number, "tag")[:16], chance(number, "content")])
        assert true.add(stub, "stub/1") is None
    offer_in_turns(hall, [ChainMember(person.id, person.device.id) for person in hall.people[:3]], true.log, 100)
    hall.wait()
    assert [len(each) for each in hall.taken] == [10_100]


def test_who_brings_too_much_that_nobody_else_brings_is_the_one_that_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    hall = Hall()
    true = hall.removal(0, 4)
    assert true.admit(hall.people[0], Person("fay")) is None
    hall.tell(0, true)
    monkeypatch.setattr(gathering, "MAX_BYTES", 3 * hall.gathering._offered.size_bytes)
    flood = Story(hall.backup)
    for number in range(20):
        assert flood.admit(hall.people[4], Person(f"new {number}")) is None
    with pytest.raises(RequestRefused, match="more than the server can keep"):
        hall.tell(4, flood)
    other = hall.removal(0, 3)
    hall.tell(2, other)
    hall.tell(1, true)
    hall.wait()
    assert hall.taken == [tuple(true.log)]
    assert hall.gathering._offered.size_bytes < gathering.MAX_BYTES


def test_two_who_bring_the_same_flood_do_not_push_another_out(monkeypatch: pytest.MonkeyPatch) -> None:
    hall = Hall()
    flood = Story(hall.backup)
    for number in range(20):
        assert flood.admit(hall.people[4], Person(f"new {number}")) is None
    hall.tell(4, flood)
    hall.tell(3, flood)
    monkeypatch.setattr(gathering, "MAX_BYTES", hall.gathering._offered.size_bytes + 10)
    true = hall.removal(0, 4)
    hall.tell(0, true)
    hall.tell(1, true)
    hall.tell(2, true)
    hall.wait()
    assert hall.taken == [tuple(true.log)]


def test_a_server_that_was_not_restored_asks_nobody() -> None:
    hall = Hall(kept=None)
    assert not hall.gathering.asks
    hall.tell(0, hall.removal(0, 4))
    assert hall.taken == []


def test_where_two_chains_part_and_who_ended_in_one_only() -> None:
    hall = Hall()
    one, other = hall.removal(0, 4).chain, hall.removal(4, 0, 1).chain
    assert parting(one, other) == hall.backup.height + 1
    assert parting(one, hall.backup) is None
    assert ended_only_in(one, other).accounts == (hall.people[4].id,)
    assert set(ended_only_in(other, one).accounts) == {hall.people[0].id, hall.people[1].id}
    cut = cut_at(one, hall.backup.height)
    assert cut is not None
    assert cut.head == hall.backup.head
    assert cut_at(hall.backup, 99) is None


def test_many_who_bring_rubbish_do_not_keep_away_the_entry_of_a_room_that_one_alone_brings() -> None:
    """Each as much as there is room for."""
    hall = Hall()
    longer = Story(hall.backup)
    room_id = longer.found_room(hall.people[0], "board")
    rubbish = [bytes([number]) * 60_000 for number in range(4)]
    for number in range(100):
        hall.gathering.bring(ChainMember(bytes([number]) * 32, b"1"), rubbish)
    ana = ChainMember(hall.people[0].id, hall.people[0].device.id)
    hall.gathering.bring(ana, [longer.foundings[room_id]])
    for number in range(100):
        hall.gathering.bring(ChainMember(bytes([number]) * 32, b"1"), rubbish)
    for number in (1, 2):
        hall.tell(number)
    hall.tell(0, longer)
    hall.wait()
    assert hall.brought == {longer.foundings[room_id], *rubbish}
