"""Two people of a group on a server that cannot read them: whose epochs and boxes, and that nothing is said plain."""

from __future__ import annotations

import pytest

from grouphouse.people import chance
from lanline.crypto.groups.epochs import commitment_of, epoch_id_of
from lanline.crypto.groups.ids import pair_id_of
from lanline.crypto.groups.keys import SealingKey
from lanline.errors import RefusalCode
from lanline.proto.channels import Channel
from lanline.wire.chat import answers, conversations, entries, groups
from lanline.wire.sealing.said import SAID_SUITE
from serverhouse.group import Group, Someone, reader_of


class Pair:
    def __init__(self, one: Someone, other: Someone) -> None:
        self.one, self.other = one, other
        opened = one.client.ask(
            conversations.OpenDirect(one.client.number(), other.client.account), conversations.Opened
        )
        self.log = opened.log
        self.id = pair_id_of(one.group.story.chain.group_id, one.id, other.id)

    def boxes(self, by: Someone, secret: bytes) -> groups.PutBoxes:
        readers = [reader_of(each) for each in {self.one.id: self.one, self.other.id: self.other}.values()]
        return by.boxes(secret, readers, self.log, self.id)

    def statement(self, by: Someone, secret: bytes, height: int | None = None) -> groups.BeginEpoch:
        content = by.group.story.epoch(by.person.device, self.id, secret, height=height)
        return groups.BeginEpoch(by.client.number(), self.log, content)

    def begin(self, by: Someone, seed: str) -> bytes:
        secret, chain = chance("pair", seed), by.group.story.chain
        by.client.ask(self.boxes(by, secret), answers.Done, Channel.BULK)
        by.client.ask(self.statement(by, secret), groups.EpochBegun)
        return epoch_id_of(commitment_of(secret, self.id, chain.height, chain.head))


def append(someone: Someone, log: int, under: bytes, number: int, suite: str = SAID_SUITE) -> int:
    request = someone.client.number()
    content = (b"\x01" + under + someone.person.device.id).ljust(61, b"r") + bytes(100)
    someone.client.say(entries.Append(request, log, number.to_bytes(16, "big"), suite, content))
    return request


def code_of(someone: Someone, request: int) -> RefusalCode:
    answer = someone.client.answer(request)
    assert isinstance(answer, answers.Refused)
    return answer.known_code


def test_two_talk_under_an_epoch_of_their_own(group: Group) -> None:
    ana = group.found()
    ben, eve = group.admit("ben"), group.admit("eve")
    lobby = ana.begin("first", ben, eve)
    pair = Pair(ana, ben)
    named = pair.begin(ana, "first")
    assert len(ana.found_boxes(named, scope=pair.id)) == len(ben.found_boxes(named, scope=pair.id)) == 1
    assert eve.found_boxes(named, scope=pair.id) == []
    assert ben.client.place(append(ben, pair.log, named, 1)) is not None
    # Not under an epoch of the group, nor the other way round.
    assert lobby
    other = chance("epoch", "first")
    chain = group.story.chain
    of_group = epoch_id_of(commitment_of(other, chain.group_id, chain.height, chain.head))
    assert code_of(ana, append(ana, pair.log, of_group, 2)) is RefusalCode.STALE_KEYS
    assert code_of(ben, append(ben, ben.client.log("#lobby"), named, 3)) is RefusalCode.STALE_KEYS


def test_an_epoch_that_leaves_one_of_the_two_out_is_not_begun(group: Group) -> None:
    ana = group.found()
    ben = group.admit("ben")
    pair, secret = Pair(ana, ben), chance("alone")
    ana.client.ask(ana.boxes(secret, [reader_of(ana)], pair.log, pair.id), answers.Done, Channel.BULK)
    lacking = ana.client.ask(pair.statement(ana, secret), groups.ReadersLacking)
    assert lacking.readers == (groups.Reader(1, ben.id, 1),)


def test_notes_to_oneself_have_one_reader(group: Group) -> None:
    ana = group.found()
    pair = Pair(ana, ana)
    named = pair.begin(ana, "notes")
    assert ana.client.place(append(ana, pair.log, named, 1)) is not None


def test_nobody_else_has_a_say_in_it_or_is_told_of_it(group: Group) -> None:
    ana = group.found()
    ben, eve = group.admit("ben"), group.admit("eve")
    pair = Pair(ana, ben)
    named = pair.begin(ana, "first")
    rubbish = groups.NewBox(1, ben.id, 1, b"rubbish")
    message = groups.PutBoxes(eve.client.number(), pair.log, pair.id, named, (rubbish,))
    assert eve.client.refusal(message, Channel.BULK) is RefusalCode.INVALID
    assert eve.client.refusal(pair.statement(eve, chance("eve"))) is RefusalCode.INVALID
    want = groups.WantBoxes(eve.client.number(), pair.log, pair.id, (named,))
    assert eve.client.refusal(want) is RefusalCode.INVALID
    ben.client.ask(groups.WantBoxes(ben.client.number(), pair.log, pair.id, (named,)), answers.Done)
    group.house.pass_time(10.0)
    assert ana.client.last(groups.BoxWanted).recipient == ben.id
    assert not eve.client.all(groups.BoxWanted)


def test_a_turn_of_one_makes_it_stale_and_the_others_of_the_group_do_not(group: Group) -> None:
    ana = group.found()
    ben, eve = group.admit("ben"), group.admit("eve")
    pair = Pair(ana, ben)
    first = pair.begin(ana, "first")
    assert group.story.remove(ana.person, eve.person) is None
    ana.bring()
    assert ben.client.place(append(ben, pair.log, first, 1)) is not None
    assert group.story.turn(ben.person) is None
    ben.put(SealingKey.of_generation(ben.person.seeds[-1]).public_bytes)
    turn = groups.AppendKey(ben.client.number(), group.story.log[-1][1])
    assert ben.client.refusal(turn) is RefusalCode.INVALID, "the new seed was sealed to nobody"
    ben.put_seed()
    ben.bring()
    assert code_of(ben, append(ben, pair.log, first, 2)) is RefusalCode.STALE_KEYS
    second = pair.begin(ben, "second")
    assert ben.client.place(append(ben, pair.log, second, 2)) is not None


def test_with_somebody_who_is_not_in_the_group_nothing_is_said(group: Group) -> None:
    ana = group.found()
    guest = Someone(group, "guest")
    pair = Pair(ana, guest)
    assert ana.client.refusal(pair.boxes(ana, chance("guest")), Channel.BULK) is RefusalCode.INVALID
    assert code_of(ana, append(ana, pair.log, b"u" * 16, 1)) is RefusalCode.NOT_ALLOWED


@pytest.mark.parametrize("suite", ["plain", "epoch/1", "key/1"])
def test_nothing_is_taken_in_plain_once_there_is_a_group(group: Group, suite: str) -> None:
    ana = group.founder
    guest = Someone(group, "guest")
    pair, lobby = Pair(ana, guest), ana.client.log("#lobby")
    assert ana.client.place(append(ana, lobby, b"u" * 16, 1, suite)) is not None
    assert guest.client.place(append(guest, pair.log, b"u" * 16, 2, suite)) is not None
    group.found()
    for someone, log, number in ((ana, lobby, 3), (guest, lobby, 4), (ana, pair.log, 5), (guest, pair.log, 6)):
        assert code_of(someone, append(someone, log, b"u" * 16, number, suite)) is RefusalCode.STALE_KEYS
    # What stood before is acknowledged again.
    assert ana.client.place(append(ana, lobby, b"u" * 16, 1, suite)) is not None
