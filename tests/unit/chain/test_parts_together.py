"""The parts together, with real keys: a link, a chain, an epoch, boxes, words."""

from __future__ import annotations

from grouphouse.people import InviteKeys, Person, Story, chance, founded
from lanline.chain.epochs import Epoch, Recipient, RecipientKind, group_readers, is_fresh, judge_epoch
from lanline.chain.scopes import Scope
from lanline.chain.words import judge_words
from lanline.crypto.groups import ids
from lanline.crypto.groups.epochs import commitment_of, open_back, room_key_of, seal_back, seed_commitment_of
from lanline.crypto.groups.keys import SealingKey, box_info, hash_of_key, seal_box
from lanline.crypto.groups.said import RunKeys, Where, seal_words, vouched
from lanline.testing.said import open_words
from lanline.wire.sealing.said import Header, LinkedBack, Words
from lanline.wire.sealing.strict import ZEROS, encode_strictly


def publics(people: list[Person], invites: list[InviteKeys]) -> dict[bytes, bytes]:
    """The sealing keys beside the chain, by their hashes."""
    keys = [SealingKey.of_generation(seed) for person in people for seed in person.seeds]
    keys += [SealingKey(ids.InviteSecrets.of(invite.secret).seal_seed) for invite in invites]
    return {hash_of_key(key.public_bytes): key.public_bytes for key in keys}


def boxes_of(story: Story, secret: bytes, known: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """By recipient."""
    chain = story.chain
    commitment = commitment_of(secret, chain.group_id, chain.height, chain.head)

    def box(to: Recipient) -> bytes:
        info = box_info(chain.group_id, commitment, to.kind, to.id, to.generation)
        return seal_box(known[to.seal_hash], info, secret)

    return {each.id: box(each) for each in group_readers(chain, story.time_ms)}


def test_the_bearer_of_a_link_reads_what_was_said_with_nobody_online() -> None:
    story, [ana] = founded("ana", seals=True)
    group, lobby = story.chain.group_id, ids.open_room_id_of(story.chain.group_id, "lobby")
    invite = InviteKeys("link", seals=True)
    story.invite(ana, invite)
    first, second = chance("first"), chance("second")
    before = story.epoch(ana.device, group, first)
    earlier = judge_epoch(story.chain, group, story.chain.is_member, (), before)
    assert isinstance(earlier, Epoch)
    back = LinkedBack(earlier.epoch_id, seal_back(second, group, earlier.epoch_id, first))
    boxes = boxes_of(story, second, publics([ana], [invite]))
    epoch = judge_epoch(
        story.chain,
        group,
        story.chain.is_member,
        {earlier.epoch_id},
        story.epoch(ana.device, group, second, back=(back,)),
    )
    assert isinstance(epoch, Epoch)
    where = Where(lobby, ana.id, chance("entry")[:16])
    header = Header(epoch.epoch_id, ana.device.id, chance("run")[:16], b"")
    words = Words(0, ZEROS, 0, story.chain.height, story.chain.head, bytes(8), 0, ZEROS, (), b"hello")
    keys = RunKeys(room_key_of(second, lobby), ana.device.id, header.run)
    content, _ = seal_words(keys, ana.device.signer, header, where, encode_strictly(words), chance("drawn"))

    bo = Person("bo", seals=True)
    assert story.join(bo, invite) is None
    key = SealingKey(ids.InviteSecrets.of(invite.secret).seal_seed)
    secret = key.open(boxes[invite.id], box_info(group, epoch.commitment, RecipientKind.INVITE, invite.id, 0))
    assert secret is not None
    assert commitment_of(secret, group, epoch.height, epoch.head) == epoch.commitment
    assert open_back(secret, group, epoch.back[0].epoch_id, epoch.back[0].sealed) == first
    opened = open_words(RunKeys(room_key_of(secret, lobby), header.device_id, header.run), where, content)
    assert opened.words.body == b"hello"
    assert vouched(lambda device_id: story.chain.devices[device_id].sign_key, [opened]) == [True]
    scope = Scope(group, story.chain.is_member, has_statements=False)
    assert judge_words(story.chain, scope, (epoch, 2), (ana.id, ana.device.id), opened.words, 1) is None
    assert is_fresh(epoch.height, story.chain.last_loss)
    story.remove(ana, bo)
    assert not is_fresh(epoch.height, story.chain.last_loss)


def test_a_new_device_gets_the_seed_in_a_box_for_this_turn() -> None:
    story, [ana] = founded("ana", seals=True)
    second = ana.new_device()
    story.add_device(ana, second)
    story.turn(ana, ana.device, by=second)
    newest = story.chain.accounts[ana.id].generations[-1]
    commitment = seed_commitment_of(newest.seal_hash, newest.maker)
    info = box_info(ana.id, commitment, RecipientKind.DEVICE, second.id, 2)
    box = seal_box(SealingKey.of_device(second.secret).public_bytes, info, ana.seeds[1])
    seed = SealingKey.of_device(second.secret).open(box, info)
    assert seed is not None
    assert hash_of_key(SealingKey.of_generation(seed).public_bytes) == newest.seal_hash
    assert SealingKey.of_device(ana.device.secret).open(box, info) is None
