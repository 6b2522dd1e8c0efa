"""Private rooms, replayed: who is in, who rules, and what the chain's own entries do to them."""

from __future__ import annotations

from grouphouse.people import InviteKeys, Person, founded, stub_of
from lanline.chain.reasons import Reason
from lanline.chain.rooms import catch_up, replay
from lanline.chain.rules import follow
from lanline.crypto.groups import ids
from lanline.wire.sealing import entries
from lanline.wire.sealing.entries import RoomRole, RoomSuite


def test_who_founds_a_room_owns_it_and_who_was_named_is_in() -> None:
    story, [ana, bo, cy] = founded("ana", "bo", "cy")
    room = story.room(story.found_room(bo, "lab", cy))
    assert dict(room.members) == {bo.id: RoomRole.OWNER, cy.id: RoomRole.MEMBER}
    assert ana.id not in room.members, "an admin of the group has no say"


def test_only_members_of_the_group_found_and_come_in_and_the_founder_is_not_named() -> None:
    story, [ana, bo] = founded("ana", "bo")
    for person in (Person("stranger"), ana):
        room_id = story.found_room(ana, "lab", person)
        reason = Reason.ALREADY_IN if person is ana else Reason.NOT_A_MEMBER
        assert replay(story.chain, story.foundings[room_id], {}) is reason
    story.remove(ana, bo)
    room_id = story.found_room(bo, "lab")
    assert replay(story.chain, story.foundings[room_id], {}) is Reason.DEVICE


def test_moderators_and_owners_let_in() -> None:
    story, [ana, bo, cy, di] = founded("ana", "bo", "cy", "di")
    lab = story.found_room(ana, "lab", bo)
    assert story.let_in(lab, bo, cy) is Reason.RIGHTS
    assert story.let_in(lab, cy, cy) is Reason.RIGHTS
    assert story.room_role(lab, bo, bo, RoomRole.OWNER) is Reason.RIGHTS
    assert story.room_role(lab, ana, di, RoomRole.MODERATOR) is Reason.NOT_A_MEMBER
    assert story.room_role(lab, ana, bo, RoomRole.MODERATOR) is None
    assert story.let_in(lab, bo, cy) is None
    assert story.let_in(lab, bo, cy, di) is Reason.ALREADY_IN
    assert story.let_in(lab, bo, Person("stranger")) is Reason.NOT_A_MEMBER


def test_who_stands_higher_sends_away_and_anybody_leaves() -> None:
    story, [ana, bo, cy, di] = founded("ana", "bo", "cy", "di")
    lab = story.found_room(ana, "lab", bo, cy, di)
    story.room_role(lab, ana, bo, RoomRole.MODERATOR)
    assert story.send_away(lab, cy, di) is Reason.RIGHTS
    assert story.send_away(lab, bo, ana, cy) is Reason.RIGHTS
    assert story.send_away(lab, bo, cy, Person("stranger")) is Reason.NOT_A_MEMBER
    assert story.send_away(lab, bo, cy) is None
    assert story.send_away(lab, di, di) is None
    room = story.room(lab)
    assert set(room.members) == {ana.id, bo.id}
    assert room.last_loss == story.chain.height


def test_a_room_without_an_owner_has_an_heir() -> None:
    story, [ana, bo, cy, di] = founded("ana", "bo", "cy", "di")
    lab = story.found_room(ana, "lab", bo, cy)
    story.let_in(lab, ana, di)
    story.room_role(lab, ana, di, RoomRole.MODERATOR)
    story.send_away(lab, ana, ana)
    assert story.room(lab).members[di.id] is RoomRole.OWNER, "the highest role, before who came first"
    story.remove(di, di)
    room = story.room(lab)
    assert room.members[min(bo.id, cy.id)] is RoomRole.OWNER, "both came at once: the lower id"
    assert di.id not in room.members, "who leaves the group leaves its rooms"
    story.remove(ana, bo, cy)
    assert not story.room(lab).members
    assert story.let_in(lab, ana, ana) is Reason.RIGHTS, "nobody is in: it is closed"


def test_an_entry_that_comes_late_is_judged_at_its_own_height() -> None:
    story, [ana, bo, cy] = founded("ana", "bo", "cy")
    lab = story.found_room(ana, "lab")
    assert story.let_in(lab, ana, bo) is None
    let_in_at = story.chain.height
    story.room_role(lab, ana, bo, RoomRole.MODERATOR)
    assert story.let_in(lab, bo, cy) is None
    story.remove(ana, bo)
    without = story.room(lab, without={let_in_at})
    assert without.lacking == (let_in_at,)
    assert cy.id not in without.members, "nothing is believed that hangs on what is lacking"
    whole = story.room(lab)
    assert set(whole.members) == {ana.id, cy.id}
    assert not whole.broken


def test_a_turn_before_a_let_in_is_no_loss_and_one_after_it_is() -> None:
    story, [ana, bo] = founded("ana", "bo")
    lab = story.found_room(ana, "lab")
    story.turn(bo)
    story.let_in(lab, ana, bo)
    assert story.room(lab).last_loss == 0
    story.turn(bo)
    assert story.room(lab).last_loss == story.chain.height


def test_read_step_by_step_it_is_the_same_room() -> None:
    story, [ana, bo] = founded("ana", "bo")
    lab = story.found_room(ana, "lab")
    early = story.room(lab)
    story.let_in(lab, ana, bo)
    story.remove(bo, bo)
    assert catch_up(story.chain, early, story.rooms[lab]) == story.room(lab)


def test_stays_are_remembered() -> None:
    story, [ana, bo] = founded("ana", "bo")
    lab = story.found_room(ana, "lab")
    heights = []
    for _ in range(2):
        story.let_in(lab, ana, bo)
        heights.append(story.chain.height)
        story.send_away(lab, ana, bo)
    room = story.room(lab)
    read = [height for height in range(story.chain.height + 1) if room.reads_at(bo.id, height)]
    assert read == heights


def test_a_room_of_the_suite_rsa_takes_only_who_has_such_a_key() -> None:
    story, [ana, bo] = founded("ana", "bo")
    story.rsa(ana)
    lab = story.found_room(ana, "lab", suite=RoomSuite.RSA)
    assert story.let_in(lab, ana, bo) is Reason.NO_RSA_KEY
    story.rsa(bo)
    assert story.let_in(lab, ana, bo) is None


def test_an_entry_counts_only_under_the_tag_of_its_own_room() -> None:
    """Else a former moderator lets in, in one room, by an entry of another."""
    story, [ana, bo] = founded("ana", "bo")
    lab, other = story.found_room(ana, "lab"), story.found_room(ana, "other")
    content = story.signed(story.body(entries.LetIn, room_id=lab, accounts=(bo.id,)), ana.device)
    height = story.chain.height + 1
    story.add(stub_of(other, height, content), entries.STUB_SUITE)
    story.rooms[lab][height] = story.rooms[other][height] = content
    assert bo.id not in story.room(lab).members
    assert story.room(other).broken == ((height, Reason.SCOPE),)


def test_a_kind_of_people_does_not_hold_in_a_room_and_the_other_way() -> None:
    story, [ana, bo] = founded("ana", "bo")
    lab = story.found_room(ana, "lab")
    people = story.signed(story.body(entries.Remove, accounts=(bo.id,)), ana.device)
    story.place_in_room(lab, people)
    assert dict(story.room(lab).broken)[story.chain.height] is Reason.FORM
    assert story.chain.is_member(bo.id)
    let_in = story.signed(story.body(entries.LetIn, room_id=lab, accounts=(bo.id,)), ana.device)
    assert follow(story.chain, entries.KEY_SUITE, let_in)[1] is Reason.FORM


def test_a_second_founding_in_a_room_does_not_hold() -> None:
    story, [ana] = founded("ana")
    lab = story.found_room(ana, "lab")
    fields = {"chance": bytes(16), "name": b"x", "suite": RoomSuite.HYBRID, "accounts": ()}
    story.place_in_room(lab, story.signed(story.body(entries.FoundRoom, **fields), ana.device))
    assert dict(story.room(lab).broken)[story.chain.height] is Reason.PLACE
    body = story.body(entries.LetIn, room_id=lab, accounts=(ana.id,))
    assert isinstance(replay(story.chain, story.signed(body, ana.device), {}), Reason)


def test_a_room_is_known_by_its_founding_alone() -> None:
    story, [ana] = founded("ana")
    lab = story.found_room(ana, "lab")
    assert lab == ids.private_room_id_of(story.foundings[lab])
    early = follow(type(story.chain)(), *story.log[0])[0]
    assert replay(early, story.foundings[lab], {}) is Reason.NOT_YET_THERE


def test_a_founding_stands_in_the_chain_under_its_own_tag() -> None:
    story, [ana] = founded("ana")
    fields = {"chance": bytes(16), "name": b"lab", "suite": RoomSuite.HYBRID, "accounts": ()}
    content = story.signed(story.body(entries.FoundRoom, **fields), ana.device)
    elsewhere = bytes(32)
    story.add(stub_of(elsewhere, story.chain.height + 1, content), entries.STUB_SUITE)
    assert replay(story.chain, content, {}) is Reason.PLACE


def test_only_a_founding_founds() -> None:
    story, [ana, bo] = founded("ana", "bo")
    let_in = story.signed(story.body(entries.LetIn, room_id=bytes(32), accounts=(bo.id,)), ana.device)
    story.place_in_room(ids.private_room_id_of(let_in), let_in)
    assert replay(story.chain, let_in, {}) is Reason.FORM


def test_an_entry_of_a_room_is_signed_by_its_device_and_by_nothing_else() -> None:
    story, [ana, bo] = founded("ana", "bo")
    lab = story.found_room(ana, "lab")
    body = story.body(entries.LetIn, room_id=lab, accounts=(bo.id,))
    signed = entries.decode_entry(story.signed(body, bo.device))
    story.place_in_room(lab, entries.encode_entry(signed.body, ana.device.id, signed.signature))
    assert dict(story.room(lab).broken)[story.chain.height] is Reason.SIGNATURE
    story.place_in_room(
        lab, story.signed(story.body(entries.LetIn, room_id=lab, accounts=(bo.id,)), ana.device, InviteKeys(1))
    )
    assert dict(story.room(lab).broken)[story.chain.height] is Reason.FORM
    assert story.let_in(lab, ana, bo) is None
