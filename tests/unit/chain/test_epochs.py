"""Who gets an epoch's secret, until when it may be used, and when its statement holds."""

from __future__ import annotations

from grouphouse.people import InviteKeys, chance, founded
from lanline.chain.epochs import (
    Epoch,
    RecipientKind,
    group_readers,
    is_fresh,
    judge_epoch,
    last_loss_of_pair,
    pair_readers,
    room_readers,
)
from lanline.chain.reasons import Reason
from lanline.crypto.groups import ids
from lanline.crypto.groups.epochs import commitment_of, epoch_id_of
from lanline.wire.sealing.entries import Role
from lanline.wire.sealing.said import LinkedBack

SECRET = chance("epoch")


def test_members_and_open_invites_read_the_group() -> None:
    story, [ana, bo] = founded("ana", "bo")
    invite, late = InviteKeys(1), InviteKeys(2)
    story.invite(bo, invite)
    story.invite(ana, late, days=1)
    story.turn(bo)
    now_ms = story.time_ms + 2 * 86_400_000
    found = {(each.kind, each.id, each.generation) for each in group_readers(story.chain, now_ms)}
    assert found == {
        (RecipientKind.ACCOUNT, ana.id, 1),
        (RecipientKind.ACCOUNT, bo.id, 2),
        (RecipientKind.INVITE, invite.id, 0),
    }
    story.drop(bo, invite)
    assert len(group_readers(story.chain, now_ms)) == 2


def test_of_many_invites_those_of_admins_and_then_the_newest_are_sealed_to() -> None:
    story, people = founded("ana", *(f"bo{number}" for number in range(11)))
    by_admin = InviteKeys("admin")
    story.invite(people[0], by_admin)
    made = []
    for person in people[1:]:
        for _ in range(20):
            made.append(InviteKeys(len(made)))
            assert story.invite(person, made[-1]) is None
    invites = [each.id for each in group_readers(story.chain, story.time_ms) if each.kind is RecipientKind.INVITE]
    assert invites == [by_admin.id, *(each.id for each in reversed(made[-199:]))]


def test_who_is_in_a_room_reads_it_and_a_pair_reads_while_both_are_there() -> None:
    story, [ana, bo, cy] = founded("ana", "bo", "cy")
    lab = story.found_room(ana, "lab", bo)
    assert {each.id for each in room_readers(story.chain, story.room(lab))} == {ana.id, bo.id}
    assert {each.id for each in pair_readers(story.chain, bo.id, cy.id)} == {bo.id, cy.id}
    assert [each.id for each in pair_readers(story.chain, bo.id, bo.id)] == [bo.id]
    story.remove(ana, cy)
    assert pair_readers(story.chain, bo.id, cy.id) == []


def test_an_epoch_is_fresh_until_somebody_who_read_it_is_lost() -> None:
    story, [ana, bo] = founded("ana", "bo")
    named = story.chain.height
    invite = InviteKeys(1)
    story.invite(ana, invite)
    story.role(ana, bo, Role.ADMIN)
    story.add_device(ana, ana.new_device())
    assert is_fresh(named, story.chain.last_loss)
    story.turn(bo)
    assert not is_fresh(named, story.chain.last_loss)
    assert is_fresh(story.chain.height, story.chain.last_loss)


def test_a_pair_loses_by_its_own_two_only_and_from_when_both_are_there() -> None:
    story, [ana, bo, cy] = founded("ana", "bo", "cy")
    story.turn(cy)
    assert last_loss_of_pair(story.chain, ana.id, bo.id) == 0
    story.turn(bo)
    turned = story.chain.height
    assert last_loss_of_pair(story.chain, ana.id, bo.id) == turned
    assert last_loss_of_pair(story.chain, bo.id, bo.id) == turned
    story.remove(ana, bo)
    assert last_loss_of_pair(story.chain, ana.id, bo.id) == story.chain.height
    assert last_loss_of_pair(story.chain, ana.id, cy.id) == 4


def test_a_statement_holds_where_it_lies_and_for_who_read_there() -> None:
    story, [_ana, bo] = founded("ana", "bo")
    chain, group = story.chain, story.chain.group_id
    linked = (LinkedBack(bytes(16), bytes(48)),)
    content = story.epoch(bo.device, group, SECRET, back=linked)
    epoch = judge_epoch(chain, group, chain.is_member, (), content)
    commitment = commitment_of(SECRET, group, 2, chain.head)
    epoch_id = epoch_id_of(commitment)
    assert epoch == Epoch(epoch_id, group, commitment, 2, chain.head, bo.id, bo.device.id, linked)
    assert judge_epoch(chain, group, chain.is_member, {epoch_id}, content) is Reason.KNOWN_ID
    assert judge_epoch(chain, chance("another"), chain.is_member, (), content) is Reason.SCOPE
    assert judge_epoch(chain, group, lambda _account, _height: False, (), content) is Reason.RIGHTS
    assert judge_epoch(chain, group, chain.is_member, (), content[:-1]) is Reason.FORM
    earlier = story.epoch(bo.device, group, SECRET, height=1)
    assert judge_epoch(chain, group, chain.is_member, (), earlier) is Reason.DEVICE


def test_a_statement_names_a_head_of_this_chain() -> None:
    story, [ana, bo] = founded("ana", "bo")
    other, _ = founded("ana", "cy")
    group = story.chain.group_id
    assert other.chain.group_id == group
    for_other = other.epoch(ana.device, group, SECRET)
    assert judge_epoch(story.chain, group, story.chain.is_member, (), for_other) is Reason.OTHER_CHAIN
    before = story.chain
    story.remove(ana, bo)
    ahead = story.epoch(ana.device, group, SECRET)
    assert judge_epoch(before, group, before.is_member, (), ahead) is Reason.NOT_YET_THERE
    assert (
        judge_epoch(story.chain, group, story.chain.is_member, (), story.epoch(bo.device, group, SECRET))
        is Reason.DEVICE
    )


def test_in_a_private_room_only_who_is_in_begins_an_epoch() -> None:
    story, [ana, bo] = founded("ana", "bo")
    lab = story.found_room(ana, "lab")
    reads_at = story.room(lab).reads_at
    assert isinstance(judge_epoch(story.chain, lab, reads_at, (), story.epoch(ana.device, lab, SECRET)), Epoch)
    assert judge_epoch(story.chain, lab, reads_at, (), story.epoch(bo.device, lab, SECRET)) is Reason.RIGHTS
    assert ids.room_tag_of(lab, 3) != ids.room_tag_of(lab, 4)
