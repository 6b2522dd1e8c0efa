"""Each kind of entry about people: what holds, and for which reason something does not."""

from __future__ import annotations

import pytest

from grouphouse.people import DeviceKeys, InviteKeys, Person, Story, chance, founded
from lanline.chain.reasons import Reason
from lanline.chain.rules import follow
from lanline.chain.state import NEVER, Row
from lanline.crypto.groups import ids
from lanline.wire.sealing import entries
from lanline.wire.sealing.entries import DeviceKind, Inviters, Joins, Role
from lanline.wire.sealing.strict import ZEROS


def test_who_founds_is_member_and_admin() -> None:
    story, [ana] = founded("ana")
    assert story.chain.admins == {ana.id}
    assert story.chain.names == {b"ana": ana.id}
    assert story.chain.group_id == ids.group_id_of(story.log[0][1])


def test_a_second_founding_does_not_hold() -> None:
    story, _ = founded("ana")
    assert story.found(Person("bo")) is Reason.PLACE


def test_who_has_the_link_joins_with_nobody_online() -> None:
    story, [ana] = founded("ana")
    invite, bo = InviteKeys(1), Person("bo")
    assert story.invite(ana, invite, role=Role.ADMIN) is None
    assert story.join(bo, invite) is None
    assert bo.id in story.chain.admins
    assert story.chain.invites[invite.id].until == story.chain.height
    assert story.chain.last_loss == 0
    assert story.join(Person("cy"), invite) is Reason.INVITE


def test_a_use_is_signed_by_the_key_of_the_invite() -> None:
    story, [ana] = founded("ana")
    invite, bo = InviteKeys(1), Person("bo")
    story.invite(ana, invite)
    body = story.body(entries.Join, joiner=bo.joiner, invite_id=invite.id)
    assert story.add(story.signed(body, bo.device, InviteKeys(2))) is Reason.SIGNATURE
    body = story.body(entries.Join, joiner=bo.joiner, invite_id=invite.id)
    assert story.add(story.signed(body, bo.device)) is Reason.SIGNATURE
    assert story.join(bo, invite) is None


def test_an_invite_past_its_time_lets_nobody_in_and_stays_open() -> None:
    story, [ana] = founded("ana")
    invite = InviteKeys(1)
    story.invite(ana, invite, days=1)
    story.time_ms += 2 * 86_400_000
    assert story.join(Person("bo"), invite) is Reason.INVITE
    assert story.chain.invites[invite.id].until == NEVER


def test_without_an_invite_one_joins_only_where_anyone_may() -> None:
    story, [ana] = founded("ana")
    assert story.join(Person("bo"), None) is Reason.INVITE
    story.policy(ana, joins=Joins.ANYONE)
    assert story.join(Person("bo"), None) is None


def test_a_use_signature_stands_only_where_an_invite_is_used() -> None:
    story, [ana] = founded("ana")
    story.policy(ana, joins=Joins.ANYONE)
    body = story.body(entries.Join, joiner=Person("bo").joiner, invite_id=None)
    assert story.add(story.signed(body, Person("bo").device, InviteKeys(1))) is Reason.FORM
    body = story.body(entries.SetRole, account=ana.id, role=Role.ADMIN)
    assert story.add(story.signed(body, ana.device, InviteKeys(1))) is Reason.FORM


def test_only_an_admin_admits_and_only_who_asked_in_this_group() -> None:
    story, [ana, bo] = founded("ana", "bo")
    cy = Person("cy")
    assert story.admit(bo, cy) is Reason.RIGHTS
    assert story.admit(ana, cy, cy.device.signer.sign(ids.REQUEST + ZEROS + cy.joiner)) is Reason.SIGNATURE
    assert story.admit(ana, cy) is None


def test_no_two_members_have_one_name_and_no_account_comes_twice() -> None:
    story, [ana, bo] = founded("ana", "bo")
    assert story.admit(ana, Person("bo", seed="another")) is Reason.NAME
    assert story.remove(ana, bo) is None
    assert story.admit(ana, bo) is Reason.KNOWN_ID
    assert story.admit(ana, Person("bo", seed="another")) is None


def test_an_admin_removes_others_and_anybody_oneself_alone() -> None:
    story, [ana, bo, cy, _] = founded("ana", "bo", "cy", "di")
    assert story.remove(bo, cy) is Reason.RIGHTS
    assert story.remove(bo, bo, cy) is Reason.RIGHTS
    assert story.remove(ana, ana, cy) is Reason.RIGHTS
    assert story.remove(ana, cy, Person("nobody")) is Reason.NOT_A_MEMBER
    assert story.remove(cy, cy) is None
    assert story.chain.last_loss == story.chain.height
    assert story.remove(cy, cy) is Reason.DEVICE


def test_what_was_true_at_a_height_can_still_be_asked() -> None:
    story, [ana, bo] = founded("ana", "bo")
    story.remove(ana, bo)
    assert [story.chain.is_member(bo.id, height) for height in range(4)] == [False, False, True, False]
    assert story.chain.live_device(bo.device.id) is None
    assert story.chain.live_device(bo.device.id, 2) is not None


def test_the_last_admin_leaves_the_group_to_who_has_been_there_longest() -> None:
    story, [ana, bo, cy] = founded("ana", "bo", "cy")
    assert story.remove(ana, ana) is None
    assert story.chain.admins == {bo.id}
    assert story.role(bo, bo, Role.MEMBER) is None
    assert story.chain.admins == {bo.id}, "who would be the heir stays admin"
    assert story.role(bo, cy, Role.ADMIN) is None
    assert story.role(cy, bo, Role.MEMBER) is None
    assert story.chain.admins == {cy.id}


def test_a_role_is_an_admins_to_give() -> None:
    story, [ana, bo] = founded("ana", "bo")
    assert story.role(bo, bo, Role.ADMIN) is Reason.RIGHTS
    assert story.role(ana, Person("nobody"), Role.ADMIN) is Reason.NOT_A_MEMBER


def test_a_policy_of_a_later_level_stops_a_program_that_does_not_know_it() -> None:
    story, [ana, bo] = founded("ana", "bo")
    assert story.policy(bo) is Reason.RIGHTS
    assert story.policy(ana, level=0) is Reason.LEVEL
    assert story.policy(ana, level=2) is None
    height = story.chain.height
    assert story.remove(ana, bo) is Reason.PROGRAM_TOO_OLD
    assert story.chain.height == height


def test_members_invite_where_the_policy_says_so_and_never_admins() -> None:
    story, [ana, bo] = founded("ana", "bo")
    assert story.invite(bo, InviteKeys(1)) is None
    assert story.invite(bo, InviteKeys(2), role=Role.ADMIN) is Reason.RIGHTS
    story.policy(ana, inviters=Inviters.ADMINS)
    assert story.invite(bo, InviteKeys(3)) is Reason.RIGHTS
    assert story.invite(ana, InviteKeys(1)) is Reason.KNOWN_ID


def test_a_member_has_twenty_open_invites_and_those_past_their_time_do_not_count() -> None:
    story, [_, bo] = founded("ana", "bo")
    for number in range(20):
        assert story.invite(bo, InviteKeys(number), days=1) is None
    assert story.invite(bo, InviteKeys(20)) is Reason.LIMIT
    story.time_ms += 2 * 86_400_000
    assert story.invite(bo, InviteKeys(20)) is None


def test_an_invite_is_dropped_by_its_maker_or_an_admin_and_once() -> None:
    story, [ana, bo, cy] = founded("ana", "bo", "cy")
    for number in (1, 2):
        story.invite(bo, InviteKeys(number))
    assert story.drop(cy, InviteKeys(1)) is Reason.RIGHTS
    assert story.drop(bo, InviteKeys(1)) is None
    assert story.chain.last_loss == story.chain.height
    assert story.drop(ana, InviteKeys(1), InviteKeys(2)) is Reason.INVITE
    assert story.drop(ana, InviteKeys(2)) is None


@pytest.mark.parametrize(
    "how", ["maker removed", "maker left", "its device revoked", "demoted", "policy", "guest left"]
)
def test_an_invite_ends_for_ever_and_that_is_a_loss(how: str) -> None:
    story, [ana, bo] = founded("ana", "bo")
    cy, second, invite = Person("cy"), bo.new_device(), InviteKeys(1)
    story.add_device(bo, second)
    story.role(ana, bo, Role.ADMIN)
    if how == "demoted":
        story.policy(ana, inviters=Inviters.ADMINS)
    if how == "policy":
        story.role(ana, bo, Role.MEMBER)
    assert story.invite(bo, invite, uses=5, device=second) is None
    assert story.join(cy, invite) is None
    assert story.chain.last_loss == 0
    reason = {
        "maker removed": lambda: story.remove(ana, bo),
        "maker left": lambda: story.remove(bo, bo),
        "its device revoked": lambda: story.turn(bo, second),
        "demoted": lambda: story.role(ana, bo, Role.MEMBER),
        "policy": lambda: story.policy(ana, inviters=Inviters.ADMINS),
        "guest left": lambda: story.remove(cy, cy),
    }[how]()
    assert reason is None
    assert story.chain.invites[invite.id].until == story.chain.height == story.chain.last_loss
    if how == "demoted":
        assert story.role(ana, bo, Role.ADMIN) is None
        assert story.join(Person("di"), invite) is Reason.INVITE


def test_the_first_device_of_a_guest_is_revoked_and_the_link_ends() -> None:
    story, [ana] = founded("ana")
    cy, invite = Person("cy"), InviteKeys(1)
    story.invite(ana, invite, uses=5)
    story.join(cy, invite)
    second = cy.new_device()
    story.add_device(cy, second)
    assert story.turn(cy, cy.device, by=second) is None
    assert story.chain.invites[invite.id].until == story.chain.height


def test_the_heir_of_the_last_admin_keeps_the_invites_that_she_made() -> None:
    story, [ana, bo] = founded("ana", "bo")
    story.role(ana, bo, Role.ADMIN)
    invite = InviteKeys(1)
    story.invite(ana, invite, role=Role.ADMIN)
    story.remove(bo, bo)
    assert story.role(ana, ana, Role.MEMBER) is None
    assert story.chain.admins == {ana.id}
    assert story.chain.invites[invite.id].until == NEVER


def test_a_device_is_added_with_its_own_proof() -> None:
    story, [ana, bo] = founded("ana", "bo")
    new = ana.new_device()
    proof = new.signer.sign(ids.NEW_DEVICE + story.chain.group_id + bo.id + new.record)
    fields = {"device": new.record, "kind": DeviceKind.DEVICE, "proof": proof}
    assert story.write(entries.AddDevice, ana.device, **fields) is Reason.SIGNATURE, "the proof is for another account"
    assert story.add_device(ana, new) is None
    assert story.add_device(ana, new) is Reason.KNOWN_ID
    assert story.add_device(bo, DeviceKeys(chance(1)), by=new) is Reason.SIGNATURE


def test_an_account_has_64_live_devices_at_most() -> None:
    story, [ana] = founded("ana")
    for _ in range(63):
        assert story.add_device(ana, ana.new_device()) is None
    assert story.add_device(ana, ana.new_device()) is Reason.LIMIT
    assert story.turn(ana, *ana.devices[1:64]) is None
    assert story.chain.accounts[ana.id].devices == (ana.device.id,)


def test_a_recovery_key_has_no_link() -> None:
    story, [ana] = founded("ana")
    key = ana.new_device(DeviceKind.RECOVERY)
    key.link_fingerprint = chance("a link")
    assert story.add_device(ana, key) is Reason.FORM


def test_a_recovery_key_outranks_every_device() -> None:
    story, [ana] = founded("ana")
    key, second, another = (
        ana.new_device(kind) for kind in (DeviceKind.RECOVERY, DeviceKind.DEVICE, DeviceKind.RECOVERY)
    )
    assert story.add_device(ana, key) is None
    assert story.add_device(ana, second) is None
    assert story.add_device(ana, another) is Reason.RIGHTS
    assert story.turn(ana, key) is Reason.RIGHTS
    assert story.turn(ana, ana.device, second, by=key) is None
    assert story.add_device(ana, another, by=key) is None
    assert story.turn(ana, key, by=another) is None


def test_a_turn_is_of_the_next_generation_and_removes_own_devices_only() -> None:
    story, [ana, bo] = founded("ana", "bo")
    second = ana.new_device()
    story.add_device(ana, second)
    assert story.turn(ana, bo.device) is Reason.DEVICE
    assert story.turn(ana, ana.device) is Reason.RIGHTS, "who signs stays"
    fields = {"device_ids": (), "generation": 3, "seal_hash": chance(1), "prior": None}
    assert story.write(entries.Turn, ana.device, **fields) is Reason.GENERATION
    assert story.turn(ana, second) is None
    assert story.turn(ana, second) is Reason.DEVICE
    assert story.chain.accounts[ana.id].generation_at(story.chain.height) == 2


def test_an_rsa_key_is_of_the_newest_generation_and_ends_with_it() -> None:
    story, [ana] = founded("ana")
    assert story.rsa(ana) is None
    assert story.rsa(ana) is Reason.GENERATION
    assert story.chain.rsa_key_at(ana.id, story.chain.height)
    story.turn(ana)
    assert story.chain.rsa_key_at(ana.id, story.chain.height) is None
    assert story.chain.rsa_key_at(ana.id, 1) is None
    assert story.rsa(ana) is None


def test_an_entry_stands_on_the_head_and_in_its_group() -> None:
    story, [ana, bo] = founded("ana", "bo")
    remove = {"accounts": (bo.id,)}
    for wrong, reason in (
        ({"height": 2}, Reason.PLACE),
        ({"on": chance("another head")}, Reason.PLACE),
        ({"group_id": chance("another group")}, Reason.GROUP),
    ):
        assert story.write(entries.Remove, ana.device, **remove, **wrong) is reason
    assert story.chain.is_member(bo.id)


def test_a_signature_of_another_device_does_not_fit() -> None:
    story, [ana, bo] = founded("ana", "bo")
    body = story.body(entries.Remove, accounts=(bo.id,))
    signed = entries.decode_entry(story.signed(body, bo.device))
    forged = entries.encode_entry(signed.body, ana.device.id, signed.signature)
    assert story.add(forged) is Reason.SIGNATURE


def test_a_row_that_grows_on_two_branches_keeps_both() -> None:
    row = Row[int]().with_next(1)
    one, other = row.with_next(2), row.with_next(3)
    assert (len(row), one[0], one[1], other[0], other[1]) == (1, 1, 2, 1, 3)
    with pytest.raises(IndexError):
        row[1]


def test_a_story_told_twice_comes_to_the_same_head() -> None:
    heads = {founded("ana", "bo")[0].chain.head for _ in range(2)}
    assert len(heads) == 1
    assert Story().chain.head == ZEROS


def test_who_comes_signs_with_the_device_that_comes() -> None:
    story, [ana] = founded("ana")
    story.policy(ana, joins=Joins.ANYONE)
    bo = Person("bo")
    body = story.body(entries.Join, joiner=bo.joiner, invite_id=None)
    signed = entries.decode_entry(story.signed(body, bo.device))
    assert story.add(entries.encode_entry(signed.body, ana.device.id, signed.signature)) is Reason.DEVICE


@pytest.mark.parametrize("is_checked", [True, False])
def test_what_was_found_to_hold_once_is_followed_without_its_signatures(is_checked: bool) -> None:
    story, [ana] = founded("ana")
    invite, eve = InviteKeys("eve"), Person("eve")
    story.invite(ana, invite)
    before = story.chain
    story.join(eve, invite)
    signed = entries.decode_entry(story.log[-1][1])
    forged = entries.encode_entry(signed.body, signed.device_id, bytes(64), bytes(64))
    chain, reason = follow(before, entries.KEY_SUITE, forged, is_checked=is_checked)
    assert reason is (None if is_checked else Reason.SIGNATURE)
    assert chain.is_member(eve.id) is is_checked
