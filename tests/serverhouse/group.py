"""People of a group who speak to the server under test, with their real keys. Not the client: messages of the wire."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from grouphouse.people import InviteKeys, Person, Story, chance
from lanline.chain.epochs import RecipientKind
from lanline.crypto.groups.epochs import commitment_of, epoch_id_of, seed_commitment_of
from lanline.crypto.groups.ids import InviteSecrets
from lanline.crypto.groups.keys import SealingKey, box_info, hash_of_key, seal_box
from lanline.model.invites import invite_token_hash
from lanline.proto.channels import Channel
from lanline.wire.chat import groups, signin
from lanline.wire.chat.answers import Done
from lanline.wire.sealing import entries
from serverhouse.house import PASSWORD, Client, House


class Someone:
    """An account of the server with its real keys; in the group once it has founded, joined or been admitted."""

    def __init__(self, group: Group, name: str, token: bytes | None = None, *, joins: bool = True) -> None:
        self.group = group
        self.person = Person(name, seals=True)
        self.client: Client = group.house.greet(self.person.device.link_fingerprint)
        if joins:
            message = signin.Join(self.client.number(), name, PASSWORD, "laptop", token)
            self.client.signed_in = self.client.ask(message, signin.SignedIn)
        self.client.ask(groups.AskGroup(self.client.number()), groups.GroupIs)

    def come_back(self) -> None:
        self.client = self.group.house.sign_in(self.person.device.link_fingerprint)
        self.client.ask(groups.AskGroup(self.client.number()), groups.GroupIs)

    @property
    def id(self) -> bytes:
        return self.person.id

    def put_keys(self) -> None:
        keys = [SealingKey.of_device(self.person.device.secret), SealingKey.of_generation(self.person.seeds[-1])]
        self.put(*(each.public_bytes for each in keys))

    def put(self, *keys: bytes) -> None:
        self.client.ask(groups.PutKeys(self.client.number(), keys), Done, Channel.BULK)

    def append(self, content: bytes) -> groups.KeyTaken:
        return self.client.ask(groups.AppendKey(self.client.number(), content), groups.KeyTaken)

    def bring(self) -> groups.KeyTaken:
        """What the story got last."""
        return self.append(self.group.story.log[-1][1])

    def put_seed(self) -> None:
        """The newest, for the own device, before the `turn` that makes it."""
        seed, number = self.person.seeds[-1], len(self.person.seeds)
        place = seed_commitment_of(hash_of_key(SealingKey.of_generation(seed).public_bytes), self.person.device.id)
        info = box_info(self.id, place, RecipientKind.DEVICE, self.person.device.id, number)
        box = seal_box(SealingKey.of_device(self.person.device.secret).public_bytes, info, seed)
        new = groups.NewBox(RecipientKind.DEVICE, self.person.device.id, number, box)
        put = groups.PutBoxes(self.client.number(), 0, self.id, epoch_id_of(place), (new,))
        self.client.ask(put, Done, Channel.BULK)

    def invite(self, seed: str = "link", uses: int = 5) -> InviteKeys:
        invite = InviteKeys(seed, seals=True)
        self.put(SealingKey(invite_seeds(invite)[1]).public_bytes)
        assert self.group.story.invite(self.person, invite, uses=uses) is None
        content, shown_hash = self.group.story.log[-1][1], invite_token_hash(invite.shown)
        self.client.ask(groups.MakeGroupInvite(self.client.number(), content, shown_hash), groups.KeyTaken)
        return invite

    def boxes(
        self, secret: bytes, readers: list[tuple[int, bytes, int, bytes]], log: int, scope: bytes
    ) -> groups.PutBoxes:
        """For readers with their public keys, of the epoch at the head of the story."""
        chain = self.group.story.chain
        commitment = commitment_of(secret, scope, chain.height, chain.head)
        sealed = tuple(
            groups.NewBox(
                kind,
                recipient,
                generation,
                seal_box(key, box_info(scope, commitment, kind, recipient, generation), secret),
            )
            for kind, recipient, generation, key in readers
        )
        return groups.PutBoxes(self.client.number(), log, scope, epoch_id_of(commitment), sealed)

    def begin(self, seed: str, *others: Someone, invites: tuple[InviteKeys, ...] = ()) -> bytes:
        """An epoch of the group; its secret."""
        secret, story = chance("epoch", seed), self.group.story
        readers = [reader_of(each) for each in (self, *others)] + [reader_of_invite(each) for each in invites]
        log, scope = self.group.log, story.chain.group_id
        self.client.ask(self.boxes(secret, readers, log, scope), Done, Channel.BULK)
        self.client.ask(self.statement(secret), groups.EpochBegun)
        return secret

    def statement(self, secret: bytes, height: int | None = None) -> groups.BeginEpoch:
        story = self.group.story
        content = story.epoch(self.person.device, story.chain.group_id, secret, height=height)
        return groups.BeginEpoch(self.client.number(), self.group.log, content)

    def found_boxes(
        self, epoch_id: bytes, shown: bytes | None = None, scope: bytes | None = None
    ) -> list[groups.FoundBox]:
        scope = scope or self.group.story.chain.group_id
        message = groups.GetBoxes(self.client.number(), scope, (epoch_id,), shown)
        return list(self.client.ask(message, groups.Boxes, Channel.BULK).boxes)


class Group:
    """A server, and the story of its chain as everybody has it."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.story = Story(time_ms=house.clock.now_ms())
        self.log = 0
        house.settle()
        first = house.server.core.make_first_invite(3600)
        house.settle()
        self.founder = Someone(self, "ana", first.result())

    def found(self, **policy: entries.Inviters) -> Someone:
        ana = self.founder
        ana.put_keys()
        assert self.story.found(ana.person, **policy) is None  # type: ignore[arg-type]
        self.log = ana.bring().log
        return ana

    def admit(self, name: str) -> Someone:
        someone = Someone(self, name)
        someone.put_keys()
        assert self.story.admit(self.founder.person, someone.person) is None
        self.founder.bring()
        return someone


@pytest.fixture(name="group")
def new_group(tmp_path: Path, empty_store: Path) -> Iterator[Group]:
    house = House(shutil.copytree(empty_store, tmp_path, dirs_exist_ok=True))
    yield Group(house)
    house.stop()


def invite_seeds(invite: InviteKeys) -> tuple[bytes, bytes]:
    _, sign_seed, seal_seed = InviteSecrets.of(invite.secret)
    return sign_seed, seal_seed


def reader_of(someone: Someone) -> tuple[int, bytes, int, bytes]:
    seeds = someone.person.seeds
    return RecipientKind.ACCOUNT, someone.id, len(seeds), SealingKey.of_generation(seeds[-1]).public_bytes


def reader_of_invite(invite: InviteKeys) -> tuple[int, bytes, int, bytes]:
    return RecipientKind.INVITE, invite.id, 0, SealingKey(invite_seeds(invite)[1]).public_bytes


def epoch_id(group: Group, secret: bytes, height: int | None = None) -> bytes:
    chain = group.story.chain
    at = chain.height if height is None else height
    head = chain.head_at(at)
    assert head is not None
    return epoch_id_of(commitment_of(secret, chain.group_id, at, head))
