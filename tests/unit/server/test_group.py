"""A group on a server that cannot read it: what is taken into the chain, who gets which box, and what is not fresh."""

from __future__ import annotations

import pytest

from grouphouse.people import Person, chance
from lanline.chain.rules import follow
from lanline.chain.state import Chain
from lanline.crypto.groups.keys import SealingKey
from lanline.errors import RefusalCode
from lanline.proto.channels import Channel
from lanline.wire.chat import admin, answers, conversations, directory, entries, groups, signin
from lanline.wire.sealing.entries import Inviters, Role, SetPolicy
from lanline.wire.sealing.said import SAID_SUITE
from serverhouse.group import Group, Someone, epoch_id, reader_of
from serverhouse.house import PASSWORD, Client


def chain_of(client: Client, log: int) -> Chain:
    """As anybody computes it from what the server shows."""
    client.follow(log)
    chain = Chain()
    for each in client.entries(log):
        if each.suite != "epoch/1":
            chain, reason = follow(chain, each.suite, each.content)
            assert reason is None
    return chain


def refused(someone: Someone, message: object, channel: Channel = Channel.CHAT) -> RefusalCode:
    return someone.client.refusal(message, channel)


def append(someone: Someone, content: bytes | None = None) -> groups.AppendKey:
    return groups.AppendKey(someone.client.number(), content or someone.group.story.log[-1][1])


def said(someone: Someone, log: int, under: bytes, number: int, run: bytes = b"r", *, settles: bool = True) -> int:
    """Sealed words, as far as the server can tell."""
    request = someone.client.number()
    header = b"\x01" + under + someone.person.device.id
    content = header.ljust(61, run) + bytes(100)
    someone.client.say(entries.Append(request, log, number.to_bytes(16, "big"), SAID_SUITE, content), settles=settles)
    return request


def code_of(client: Client, request: int) -> RefusalCode:
    answer = client.answer(request)
    assert isinstance(answer, answers.Refused)
    return answer.known_code


def test_the_first_admin_founds_the_group_and_everybody_reads_its_chain(group: Group) -> None:
    ben = Someone(group, "ben")
    assert ben.client.last(groups.GroupIs).log == 0
    group.found()
    told = ben.client.last(groups.GroupIs)
    assert (told.request, told.height, told.head) == (0, 1, group.story.chain.head)
    assert chain_of(ben.client, told.log).head == group.story.chain.head


def test_who_is_no_admin_founds_nothing(group: Group) -> None:
    ben = Someone(group, "ben")
    ben.put_keys()
    group.story.found(ben.person)
    assert refused(ben, append(ben)) is RefusalCode.NOT_ALLOWED


def test_an_entry_is_taken_on_the_head_only_and_a_repeat_keeps_its_place(group: Group) -> None:
    ana = group.found()
    before = group.story.chain
    assert group.story.policy(ana.person, inviters=Inviters.ADMINS) is None
    first = ana.bring()
    assert ana.bring() == groups.KeyTaken(ana.client.last(groups.KeyTaken).request, first.log, first.sequence)
    later = group.story.chain
    group.story.chain = before
    group.story.role(ana.person, ana.person, Role.ADMIN)
    assert refused(ana, append(ana)) is RefusalCode.STALE_CHAIN
    group.story.chain = later
    assert chain_of(ana.client, group.log).head == later.head


def test_what_does_not_hold_is_not_taken(group: Group) -> None:
    ana = group.found()
    eve = group.admit("eve")
    head = group.story.chain.head
    before = group.story.chain
    group.story.remove(eve.person, ana.person)
    assert refused(eve, append(eve)) is RefusalCode.INVALID
    group.story.chain = before
    good = group.story.signed(group.story.body(SetPolicy, joins=0, inviters=0, level=1), ana.person.device)
    flipped = good[:-10] + bytes([good[-10] ^ 1]) + good[-9:]
    assert refused(ana, append(ana, flipped)) is RefusalCode.INVALID
    assert chain_of(ana.client, group.log).head == head


@pytest.mark.parametrize("what", ["name", "link", "keys", "clock"])
def test_who_comes_has_the_name_and_the_link_of_the_own_account(group: Group, what: str) -> None:
    ana = group.found()
    invite = ana.invite()
    ben = Someone(group, "ben", invite.shown)
    person = ben.person
    if what != "keys":
        ben.put_keys()
    if what == "name":
        person.name = "benjamin"
    if what == "link":
        person.device.link_fingerprint = ana.person.device.link_fingerprint
    if what == "clock":
        group.story.time_ms += 6 * 60 * 1000
    assert group.story.join(person, invite) is None
    expected = {"keys": RefusalCode.NOT_FOUND, "link": RefusalCode.UNKNOWN_DEVICE}
    assert refused(ben, append(ben)) is expected.get(what, RefusalCode.INVALID)


def test_nobody_is_in_the_group_twice(group: Group) -> None:
    group.found()
    ben = group.admit("ben")
    again = Person("ben", "another", seals=True)
    again.device.link_fingerprint = ben.person.device.link_fingerprint
    ben.put(
        SealingKey.of_device(again.device.secret).public_bytes, SealingKey.of_generation(again.seeds[0]).public_bytes
    )
    # The chain would take another name; but the server has one for each account, and each account comes once.
    again.name = "benjamin"
    assert group.story.admit(group.founder.person, again) is None
    assert refused(group.founder, append(group.founder)) is RefusalCode.INVALID


def test_a_key_that_cannot_be_sealed_to_is_refused(group: Group) -> None:
    good = SealingKey(chance("key")).public_bytes
    ana = group.founder
    assert (
        refused(ana, groups.PutKeys(ana.client.number(), (good[:-32] + bytes(32),)), Channel.BULK)
        is RefusalCode.INVALID
    )


def test_who_joins_by_a_link_reads_with_nobody_online(group: Group) -> None:
    ana = group.found()
    invite = ana.invite()
    secret = ana.begin("first", invites=(invite,))
    named = epoch_id(group, secret)
    ana.client.hang_up()

    ben = Someone(group, "ben", invite.shown)
    ben.put_keys()
    assert group.story.join(ben.person, invite) is None
    ben.bring()
    assert ben.found_boxes(named) == []
    [box] = ben.found_boxes(named, invite.shown)
    assert (box.kind, box.generation) == (2, 0)
    assert ben.found_boxes(named, b"guessed".ljust(16, b".")) == []


def test_each_box_goes_to_its_reader_only(group: Group) -> None:
    ana = group.found()
    ben, cai = group.admit("ben"), group.admit("cai")
    secret = ana.begin("first", ben, cai)
    named = epoch_id(group, secret)
    mine = {each.person.name: each.found_boxes(named)[0].data for each in (ana, ben, cai)}
    assert len(set(mine.values())) == 3
    assert all(len(each.found_boxes(named)) == 1 for each in (ana, ben, cai))
    outsider = Someone(group, "eve")
    assert outsider.found_boxes(named) == []


def test_an_epoch_that_leaves_a_reader_out_is_not_begun(group: Group) -> None:
    ana = group.found()
    ben = group.admit("ben")
    secret, scope = chance("epoch"), group.story.chain.group_id
    ana.client.ask(ana.boxes(secret, [reader_of(ana)], group.log, scope), answers.Done, Channel.BULK)
    lacking = ana.client.ask(ana.statement(secret), groups.ReadersLacking)
    assert lacking.readers == (groups.Reader(1, ben.id, 1),)
    ana.client.ask(ana.boxes(secret, [reader_of(ben)], group.log, scope), answers.Done, Channel.BULK)
    begun = ana.client.ask(ana.statement(secret), groups.EpochBegun)
    assert ana.client.ask(ana.statement(secret), groups.EpochBegun).sequence == begun.sequence


def test_first_boxes_cannot_be_squatted(group: Group) -> None:
    ana = group.found()
    eve = group.admit("eve")
    secret, scope = chance("epoch"), group.story.chain.group_id
    mine = [reader_of(ana), reader_of(eve)]
    eve.client.ask(eve.boxes(chance("rubbish"), mine, group.log, scope), answers.Done, Channel.BULK)
    squatted = eve.boxes(secret, [reader_of(ana)], group.log, scope)
    eve.client.ask(squatted, answers.Done, Channel.BULK)
    ana.client.ask(ana.boxes(secret, mine, group.log, scope), answers.Done, Channel.BULK)
    ana.client.ask(ana.statement(secret), groups.EpochBegun)
    [box] = ana.found_boxes(epoch_id(group, secret))
    assert box.data != squatted.boxes[0].data


def test_words_are_taken_under_a_fresh_epoch_only_and_what_follows_a_refused_one_waits(group: Group) -> None:
    ana = group.found()
    ben, eve = group.admit("ben"), group.admit("eve")
    old = epoch_id(group, ana.begin("first", ben, eve))
    lobby = ben.client.log("#lobby")
    assert ben.client.place(said(ben, lobby, old, 1)) is not None
    assert group.story.remove(ana.person, eve.person) is None
    ana.bring()
    assert code_of(ben.client, said(ben, lobby, old, 2)) is RefusalCode.STALE_KEYS
    new = epoch_id(group, ana.begin("second", ben))
    assert code_of(ben.client, said(ben, lobby, new, 3)) is RefusalCode.SLOW_DOWN
    assert ben.client.place(said(ben, lobby, new, 2)) is not None
    assert ben.client.place(said(ben, lobby, new, 3)) is not None
    # What stands already is acknowledged again, under whichever epoch it is.
    again = ben.client.place(said(ben, lobby, old, 1))
    assert again is not None
    assert again.sequence == 1


@pytest.mark.parametrize("is_stale", [False, True])
def test_other_words_under_an_id_that_stands_are_refused_and_what_follows_waits(
    group: Group, *, is_stale: bool
) -> None:
    """A copy of the home has sealed the same ones: those that follow may name what does not stand."""
    ana = group.found()
    ben = group.admit("ben")
    old = epoch_id(group, ana.begin("first", ben))
    lobby = ben.client.log("#lobby")
    assert ben.client.place(said(ben, lobby, old, 1)) is not None
    eve = group.admit("eve")
    if is_stale:
        assert group.story.remove(ana.person, eve.person) is None
        ana.bring()
    others = [said(ben, lobby, old, 1, b"s", settles=False), said(ben, lobby, old, 2, settles=False)]
    group.house.settle()
    assert code_of(ben.client, others[0]) is RefusalCode.STALE_KEYS
    assert ben.client.answer(others[0]).retry_after_ms > 0
    assert code_of(ben.client, others[1]) is RefusalCode.SLOW_DOWN
    again = ben.client.place(said(ben, lobby, old, 1))
    assert again is not None
    assert again.sequence == 1
    new = epoch_id(group, ana.begin("second", ben, *([] if is_stale else [eve])))
    assert ben.client.place(said(ben, lobby, new, 2)) is not None


def test_who_may_not_speak_any_more_is_told_why_though_other_words_stand_under_the_id(group: Group) -> None:
    ana = group.found()
    ben = group.admit("ben")
    fresh = epoch_id(group, ana.begin("first", ben))
    lobby = ben.client.log("#lobby")
    assert ben.client.place(said(ben, lobby, fresh, 1)) is not None
    muting = conversations.SetMuted(ana.client.number(), lobby, ben.client.account, is_muted=True)
    ana.client.ask(muting, answers.Done)
    assert code_of(ben.client, said(ben, lobby, fresh, 1, b"s")) is RefusalCode.MUTED


def test_who_gives_a_refused_entry_up_goes_on(group: Group) -> None:
    ana = group.found()
    fresh = epoch_id(group, ana.begin("first"))
    lobby = ana.client.log("#lobby")
    assert code_of(ana.client, said(ana, lobby, b"unknown epoch...", 1)) is RefusalCode.STALE_KEYS
    assert code_of(ana.client, said(ana, lobby, fresh, 2)) is RefusalCode.SLOW_DOWN
    ana.client.say(groups.GiveUp((1).to_bytes(16, "big")))
    assert ana.client.place(said(ana, lobby, fresh, 2)) is not None


def test_words_of_another_device_are_not_taken(group: Group) -> None:
    ana = group.found()
    ben = group.admit("ben")
    named = epoch_id(group, ana.begin("first", ben))
    ben.person.device.id = ana.person.device.id
    assert code_of(ben.client, said(ben, ben.client.log("#lobby"), named, 1)) is RefusalCode.NOT_ALLOWED


def test_a_stale_epoch_is_not_begun(group: Group) -> None:
    ana = group.found()
    ben = group.admit("ben")
    before = group.story.chain.height
    assert group.story.remove(ana.person, ben.person) is None
    ana.bring()
    secret, scope = chance("late"), group.story.chain.group_id
    ana.client.ask(ana.boxes(secret, [reader_of(ana)], group.log, scope), answers.Done, Channel.BULK)
    assert refused(ana, ana.statement(secret, before)) is RefusalCode.STALE_KEYS


def test_whoever_has_a_secret_gives_a_box_to_who_lacks_it(group: Group) -> None:
    ana = group.found()
    secret = ana.begin("first")
    named, scope = epoch_id(group, secret), group.story.chain.group_id
    ben = group.admit("ben")
    want = groups.WantBoxes(ben.client.number(), group.log, scope, (named,))
    ben.client.ask(want, answers.Done)
    wanted = ana.client.last(groups.BoxWanted)
    assert (wanted.kind, wanted.recipient, wanted.epoch_ids) == (1, ben.id, (named,))
    box = groups.NewBox(1, ben.id, 1, b"a box")
    ana.client.ask(groups.PutBoxes(ana.client.number(), group.log, scope, named, (box,)), answers.Done, Channel.BULK)
    assert ben.client.last(groups.BoxGiven) == groups.BoxGiven(scope, named)
    assert [each.data for each in ben.found_boxes(named)] == [b"a box"]


def test_garbage_of_a_helper_is_dropped_and_the_next_one_is_asked(group: Group) -> None:
    ana = group.found()
    eve = group.admit("eve")
    named, scope = epoch_id(group, ana.begin("first", eve)), group.story.chain.group_id
    ben = group.admit("ben")
    rubbish = groups.NewBox(1, ben.id, 1, b"rubbish")
    eve.client.ask(
        groups.PutBoxes(eve.client.number(), group.log, scope, named, (rubbish,)), answers.Done, Channel.BULK
    )
    assert [each.data for each in ben.found_boxes(named)] == [b"rubbish"]
    ben.client.ask(groups.WantBoxes(ben.client.number(), group.log, scope, (named,)), answers.Done)
    assert ben.found_boxes(named) == []
    asked = [each for each in (ana, eve) if each.client.all(groups.BoxWanted)]
    group.house.pass_time(3.1)
    assert len(asked) == 1
    assert all(each.client.all(groups.BoxWanted) for each in (ana, eve))


def test_who_asks_anew_is_not_served_by_the_same_member_first(group: Group) -> None:
    """Each gives rubbish at once, which ends the asking."""
    ana, eve, cai = group.found(), group.admit("eve"), group.admit("cai")
    named, scope = epoch_id(group, ana.begin("first", eve, cai)), group.story.chain.group_id
    ben = group.admit("ben")
    helpers, asked = {"ana": ana, "eve": eve, "cai": cai}, list[str]()
    for _ in range(6):
        ben.client.ask(groups.WantBoxes(ben.client.number(), group.log, scope, (named,)), answers.Done)
        for name, each in helpers.items():
            if len(each.client.all(groups.BoxWanted)) > asked.count(name):
                asked.append(name)
                box = groups.NewBox(1, ben.id, 1, b"rubbish")
                given = groups.PutBoxes(each.client.number(), group.log, scope, named, (box,))
                each.client.ask(given, answers.Done, Channel.BULK)
        group.house.pass_time(60.0)
    assert asked == ["ana", "eve", "cai", "ana", "eve", "cai"]


def test_box_for_ghost_is_never_given(group: Group) -> None:
    """Somebody asks in the name of nobody in the group: nobody is asked for anything."""
    ana = group.found()
    named, scope = epoch_id(group, ana.begin("first")), group.story.chain.group_id
    ghost = Someone(group, "ghost")
    assert (
        refused(ghost, groups.WantBoxes(ghost.client.number(), group.log, scope, (named,))) is RefusalCode.NOT_ALLOWED
    )
    assert not ana.client.all(groups.BoxWanted)
    box = groups.NewBox(1, ghost.id, 1, b"a box")
    ana.client.ask(groups.PutBoxes(ana.client.number(), group.log, scope, named, (box,)), answers.Done, Channel.BULK)
    assert ghost.found_boxes(named) == []


def test_the_seed_goes_to_devices_of_the_account_only(group: Group) -> None:
    ana = group.found()
    ben = Someone(group, "ben")
    seed_id = b"seed".ljust(16, b".")
    put = groups.PutBoxes(
        ben.client.number(), 0, ben.id, seed_id, (groups.NewBox(3, ben.person.device.id, 1, b"seed"),)
    )
    ben.client.ask(put, answers.Done, Channel.BULK)
    assert ben.found_boxes(seed_id, scope=ben.id) == []
    ben.put_keys()
    assert group.story.admit(ana.person, ben.person) is None
    ana.bring()
    assert [each.data for each in ben.found_boxes(seed_id, scope=ben.id)] == [b"seed"]
    assert ana.found_boxes(seed_id, scope=ben.id) == []
    foreign = groups.PutBoxes(
        ana.client.number(), 0, ben.id, seed_id, (groups.NewBox(3, ben.person.device.id, 1, b"mine"),)
    )
    assert refused(ana, foreign, Channel.BULK) is RefusalCode.INVALID


def test_who_is_removed_is_signed_out_for_good_and_who_rules_the_group_rules_the_server(group: Group) -> None:
    ana = group.found()
    ben, eve = group.admit("ben"), group.admit("eve")
    assert group.story.role(ana.person, ben.person, Role.ADMIN) is None
    ana.bring()
    assert ben.client.ask(admin.ListUsers(ben.client.number()), admin.Users)
    assert group.story.remove(ben.person, eve.person) is None
    ben.bring()
    assert eve.client.link.closed is not None
    back = group.house.greet(eve.person.device.link_fingerprint)
    assert back.refusal(signin.SignIn(back.number())) is RefusalCode.BANNED
    assert group.story.role(ana.person, ben.person, Role.MEMBER) is None
    ana.bring()
    assert refused(ben, admin.ListUsers(ben.client.number())) is RefusalCode.NOT_ALLOWED


def test_a_dropped_invite_lets_nobody_in_any_more(group: Group) -> None:
    ana = group.found()
    invite = ana.invite()
    assert group.story.drop(ana.person, invite) is None
    ana.bring()
    client = group.house.greet("late")
    group.house.server.core.settings = type(group.house.settings)(is_open=False)
    join = signin.Join(client.number(), "late", PASSWORD, "laptop", invite.shown)
    assert client.refusal(join) is RefusalCode.INVITE_UNUSABLE


def test_who_came_without_a_members_invite_asks_and_an_admin_lets_in(group: Group) -> None:
    ana = group.found()
    ben = Someone(group, "ben")
    ben.put_keys()
    request = group.story.request(ben.person)
    wrong = groups.LeaveRequest(ben.client.number(), ben.person.joiner, bytes(64))
    assert refused(ben, wrong) is RefusalCode.INVALID
    ben.client.ask(groups.LeaveRequest(ben.client.number(), ben.person.joiner, request), answers.Done)
    came = ana.client.last(groups.RequestCame).waiting
    assert (came.account, came.joiner) == (ben.client.account, ben.person.joiner)
    assert refused(ben, groups.ListRequests(ben.client.number())) is RefusalCode.NOT_ALLOWED
    [waiting] = ana.client.ask(groups.ListRequests(ana.client.number()), groups.Requests).requests
    assert waiting == came
    assert group.story.admit(ana.person, ben.person, waiting.signature) is None
    ana.bring()
    assert ana.client.ask(groups.ListRequests(ana.client.number()), groups.Requests).requests == ()


def test_who_was_there_before_the_group_takes_nobodys_place_among_those_who_ask(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lanline.core.keyentries._MAX_REQUESTS", 1)
    before = [Someone(group, name) for name in ("ben", "cai", "dee")]
    group.house.pass_time(1.0)
    group.found()
    group.house.pass_time(1.0)
    first, second = Someone(group, "eve"), Someone(group, "fay")
    for someone in (*before, first, *before):
        someone.put_keys()
        request = group.story.request(someone.person)
        ask = groups.LeaveRequest(someone.client.number(), someone.person.joiner, request)
        someone.client.ask(ask, answers.Done)
    second.put_keys()
    late = groups.LeaveRequest(second.client.number(), second.person.joiner, group.story.request(second.person))
    assert refused(second, late) is RefusalCode.QUOTA_EXCEEDED


def test_an_account_brings_so_many_entries_and_no_more(group: Group) -> None:
    ana = group.found()
    eve = group.admit("eve")
    content = group.story.log[-1][1]
    codes = {refused(eve, append(eve, content[:-1] + bytes([number]))) for number in range(40)}
    assert codes == {RefusalCode.INVALID, RefusalCode.SLOW_DOWN}
    assert group.story.policy(ana.person) is None
    ana.bring()


def test_a_server_that_starts_again_has_the_same_chain(group: Group) -> None:
    ana = group.found()
    ben = group.admit("ben")
    named = epoch_id(group, ana.begin("first", ben))
    group.house.stop()
    group.house.start()
    group.house.clients.clear()
    ben.come_back()
    assert ben.client.last(groups.GroupIs).head == group.story.chain.head
    assert len(ben.found_boxes(named)) == 1
    assert ben.client.place(said(ben, ben.client.log("#lobby"), named, 1)) is not None


# Who deletes the own account.


def delete_own(someone: Someone, content: bytes) -> admin.DeleteAccount:
    return admin.DeleteAccount(someone.client.number(), someone.client.account, content)


def test_who_deletes_the_own_account_leaves_the_group_in_the_same_step(group: Group) -> None:
    ana = group.found()
    ben = group.admit("ben")
    assert group.story.remove(ben.person, ben.person) is None
    ben.client.ask(delete_own(ben, group.story.log[-1][1]), answers.Done)
    shown = chain_of(ana.client, group.log)
    assert shown.head == group.story.chain.head
    assert b"ben" not in shown.names
    assert ben.client.link.closed is not None
    assert "was deleted" in ben.client.link.closed.reason
    group.house.pass_time(1)
    told = [each for message in ana.client.all(directory.PeopleChanged) for each in message.people]
    assert [each.is_ended for each in told if each.name == "ben"][-1]
    found = ana.client.ask(admin.ReadJournal(ana.client.number()), admin.Journal).entries
    assert [each.deed for each in found if each.by == "ben"][-1] == "account_deleted", "and no word of a ban"


@pytest.mark.parametrize("entry", ["stale", "another"])
def test_of_leaving_and_deleting_both_happen_or_neither(group: Group, entry: str) -> None:
    ana = group.found()
    ben = group.admit("ben")
    before = group.story.chain
    if entry == "stale":
        assert group.story.remove(ben.person, ben.person) is None
        leaves, group.story.chain = group.story.log[-1][1], before
        assert group.story.policy(ana.person, inviters=Inviters.ADMINS) is None
        ana.bring()
        assert refused(ben, delete_own(ben, leaves)) is RefusalCode.STALE_CHAIN
    else:
        assert group.story.policy(ana.person, inviters=Inviters.ADMINS) is None
        changes = delete_own(ana, group.story.log[-1][1])
        assert refused(ana, changes) is RefusalCode.INVALID
        group.story.chain = before
    assert chain_of(ana.client, group.log).head == group.story.chain.head
    users = ana.client.ask(admin.ListUsers(ana.client.number()), admin.Users).users
    assert {each.name for each in users} == {"ana", "ben"}
    assert ben.client.link.closed is None


def test_when_the_only_admin_leaves_the_next_one_is_admin_of_both(group: Group) -> None:
    ana = group.found()
    ben = group.admit("ben")
    assert group.story.remove(ana.person, ana.person) is None
    ana.client.ask(delete_own(ana, group.story.log[-1][1]), answers.Done)
    users = ben.client.ask(admin.ListUsers(ben.client.number()), admin.Users).users
    assert [(each.name, each.is_admin) for each in users] == [("ben", True)]


def test_a_name_of_the_group_is_nobody_elses_though_the_account_is_gone(group: Group) -> None:
    group.found()
    ben = group.admit("ben")
    operator = group.house.sign_in(group.house.operator_fingerprint)
    operator.ask(admin.DeleteAccount(operator.number(), ben.client.account), answers.Done)
    group.house.pass_time(31 * 86400)
    stranger = group.house.greet("stranger")
    refusal = stranger.ask(signin.Join(stranger.number(), "ben", PASSWORD, "laptop"), answers.Refused)
    assert "still that of a member of the group" in refusal.text
