"""Accounts and devices with their real keys, and the entries of the chain that they sign. All follows from seeds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from lanline.chain.reasons import Reason
from lanline.chain.rooms import ChainRoom, replay
from lanline.chain.rules import follow
from lanline.chain.state import Chain
from lanline.crypto.groups import ids
from lanline.crypto.groups.epochs import commitment_of
from lanline.crypto.groups.keys import SealingKey, SigningKey, hash_of_key
from lanline.wire.sealing import entries
from lanline.wire.sealing.entries import DeviceKind, Inviters, Joins, Role, RoomSuite
from lanline.wire.sealing.said import EpochBody, LinkedBack, SignedEpoch
from lanline.wire.sealing.strict import ZEROS, encode_strictly

BEGAN_MS = 1_700_000_000_000
A_DAY_MS = 86_400_000


def chance(*parts: object) -> bytes:
    """32 bytes, the same for the same parts under every Python: `repr` asks its table of Unicode."""
    return hashlib.sha256(ascii(parts).encode()).digest()


class DeviceKeys:
    def __init__(self, secret: bytes, kind: DeviceKind = DeviceKind.DEVICE, *, seals: bool = False) -> None:
        self.secret = secret
        self.kind = kind
        self.signer = SigningKey.of_device(secret)
        self.sign_key = self.signer.public_bytes
        self.id = ids.device_id_of(self.sign_key)
        self.seal_hash = _seal_hash(secret, SealingKey.of_device, seals=seals)
        self.link_fingerprint = ZEROS if kind is DeviceKind.RECOVERY else chance("link", secret)

    @property
    def record(self) -> bytes:
        return encode_strictly(entries.NewDevice(self.sign_key, self.seal_hash, self.link_fingerprint))


def _seal_hash(secret: bytes, key: Any, *, seals: bool) -> bytes:
    """Making a key of ML-KEM takes as long as a signature: where nothing is sealed, a stand-in does."""
    return hash_of_key(key(secret).public_bytes) if seals else chance("stands for a sealing key", secret)


class Person:
    """An account: its first device, those that it added, and the seeds of its generations."""

    def __init__(self, name: str, seed: object = 0, *, seals: bool = False) -> None:
        self.name, self.seals = name, seals
        self.seed = (name, seed)
        self.device = DeviceKeys(chance("device", self.seed, 1), seals=seals)
        self.devices = [self.device]
        self.id = ids.account_id_of(self.device.sign_key)
        self.seeds = [chance("generation", self.seed, 1)]

    def seal_hash(self, generation: int) -> bytes:
        return _seal_hash(self.seeds[generation - 1], SealingKey.of_generation, seals=self.seals)

    def new_seed(self) -> bytes:
        self.seeds.append(chance("generation", self.seed, len(self.seeds) + 1))
        return self.seal_hash(len(self.seeds))

    def new_device(self, kind: DeviceKind = DeviceKind.DEVICE) -> DeviceKeys:
        device = DeviceKeys(chance("device", self.seed, len(self.devices) + 1), kind, seals=self.seals)
        self.devices.append(device)
        return device

    @property
    def joiner(self) -> bytes:
        return encode_strictly(
            entries.Joiner(
                self.name.encode(),
                self.device.sign_key,
                self.device.seal_hash,
                self.device.link_fingerprint,
                self.seal_hash(1),
            )
        )


class InviteKeys:
    def __init__(self, seed: object, *, seals: bool = False) -> None:
        self.secret = chance("invite", seed)[:16]
        self.shown, sign_seed, seal_seed = ids.InviteSecrets.of(self.secret)
        self.signer = SigningKey(sign_seed)
        self.id = ids.invite_id_of(self.signer.public_bytes)
        self.seal_hash = _seal_hash(seal_seed, SealingKey, seals=seals)


@dataclass
class Story:
    """A chain, and the log that it was read from. Each method writes one entry, and says why it does not hold."""

    chain: Chain = field(default_factory=Chain)
    log: list[tuple[str, bytes]] = field(default_factory=list)
    rooms: dict[bytes, dict[int, bytes]] = field(default_factory=dict)
    foundings: dict[bytes, bytes] = field(default_factory=dict)
    time_ms: int = BEGAN_MS

    def add(self, content: bytes, suite: str = entries.KEY_SUITE) -> Reason | None:
        self.chain, reason = follow(self.chain, suite, content)
        self.log.append((suite, content))
        return reason

    def body(self, kind: type[entries.Body], /, **fields: Any) -> Any:
        common = {
            "group_id": self.chain.group_id,
            "height": self.chain.height + 1,
            "on": self.chain.head,
            "time_ms": self.time_ms,
        }
        return kind(**{**common, **fields})

    @staticmethod
    def signed(body: entries.Body, device: DeviceKeys, invite: InviteKeys | None = None) -> bytes:
        data = encode_strictly(body)
        use = None if invite is None else invite.signer.sign(ids.INVITE_USE + data)
        return entries.encode_entry(data, device.id, device.signer.sign(ids.KEY_ENTRY + data), use)

    def write(self, kind: type[entries.Body], by: DeviceKeys, /, **fields: Any) -> Reason | None:
        return self.add(self.signed(self.body(kind, **fields), by))

    def found(
        self, person: Person, joins: Joins = Joins.INVITE, inviters: Inviters = Inviters.MEMBERS
    ) -> Reason | None:
        return self.write(
            entries.Found,
            person.device,
            chance=chance("found", person.seed)[:16],
            joiner=person.joiner,
            joins=joins,
            inviters=inviters,
        )

    def invite(
        self,
        maker: Person,
        invite: InviteKeys,
        uses: int = 1,
        role: Role = Role.MEMBER,
        *,
        days: int = 7,
        device: DeviceKeys | None = None,
    ) -> Reason | None:
        return self.write(
            entries.MakeInvite,
            device or maker.device,
            verify_key=invite.signer.public_bytes,
            seal_hash=invite.seal_hash,
            uses=uses,
            until_ms=self.time_ms + days * A_DAY_MS,
            role=role,
        )

    def drop(self, person: Person, *invites: InviteKeys) -> Reason | None:
        return self.write(entries.DropInvites, person.device, invite_ids=tuple(sorted(each.id for each in invites)))

    def join(self, person: Person, invite: InviteKeys | None) -> Reason | None:
        body = self.body(entries.Join, joiner=person.joiner, invite_id=None if invite is None else invite.id)
        return self.add(self.signed(body, person.device, invite))

    def request(self, person: Person) -> bytes:
        return person.device.signer.sign(ids.REQUEST + self.chain.group_id + person.joiner)

    def admit(self, admin: Person, person: Person, request: bytes | None = None) -> Reason | None:
        signature = self.request(person) if request is None else request
        return self.write(entries.Admit, admin.device, joiner=person.joiner, request_signature=signature)

    def remove(self, by: Person, *people: Person) -> Reason | None:
        return self.write(entries.Remove, by.device, accounts=tuple(sorted(each.id for each in people)))

    def role(self, by: Person, person: Person, role: Role) -> Reason | None:
        return self.write(entries.SetRole, by.device, account=person.id, role=role)

    def policy(
        self,
        by: Person,
        joins: Joins = Joins.INVITE,
        inviters: Inviters = Inviters.MEMBERS,
        level: int = 1,
    ) -> Reason | None:
        return self.write(entries.SetPolicy, by.device, joins=joins, inviters=inviters, level=level)

    def add_device(self, person: Person, new: DeviceKeys, by: DeviceKeys | None = None) -> Reason | None:
        proof = new.signer.sign(ids.NEW_DEVICE + self.chain.group_id + person.id + new.record)
        return self.write(entries.AddDevice, by or person.device, device=new.record, kind=new.kind, proof=proof)

    def turn(self, person: Person, *gone: DeviceKeys, by: DeviceKeys | None = None) -> Reason | None:
        return self.write(
            entries.Turn,
            by or person.device,
            device_ids=tuple(sorted(each.id for each in gone)),
            generation=len(self.chain.accounts[person.id].generations) + 1,
            seal_hash=person.new_seed(),
            prior=None,
        )

    def rsa(self, person: Person) -> Reason | None:
        generation = len(self.chain.accounts[person.id].generations)
        return self.write(
            entries.AddRsa, person.device, generation=generation, rsa_hash=chance("rsa", person.seed, generation)
        )

    # -- private rooms

    def found_room(self, owner: Person, name: str, *people: Person, suite: RoomSuite = RoomSuite.HYBRID) -> bytes:
        """The room's id."""
        body = self.body(
            entries.FoundRoom,
            chance=chance("room", name, owner.seed)[:16],
            name=name.encode(),
            suite=suite,
            accounts=tuple(sorted(each.id for each in people)),
        )
        content = self.signed(body, owner.device)
        room_id = ids.private_room_id_of(content)
        self.foundings[room_id] = content
        self.place_in_room(room_id, content)
        return room_id

    def place_in_room(self, room_id: bytes, content: bytes) -> Reason | None:
        """The entry in full in the room's log, and its stub in the chain's."""
        height = self.chain.height + 1
        self.rooms.setdefault(room_id, {})[height] = content
        return self.add(stub_of(room_id, height, content), entries.STUB_SUITE)

    def write_in_room(self, room_id: bytes, kind: type[entries.Body], by: Person, /, **fields: Any) -> Reason | None:
        """Why its stub does not hold in the chain."""
        return self.place_in_room(room_id, self.signed(self.body(kind, room_id=room_id, **fields), by.device))

    def in_room(self, room_id: bytes, kind: type[entries.Body], by: Person, /, **fields: Any) -> Reason | None:
        """Why it does not hold in the room."""
        self.write_in_room(room_id, kind, by, **fields)
        broken = dict(self.room(room_id).broken)
        return broken.get(self.chain.height)

    def let_in(self, room_id: bytes, by: Person, *people: Person) -> Reason | None:
        return self.in_room(room_id, entries.LetIn, by, accounts=tuple(sorted(each.id for each in people)))

    def send_away(self, room_id: bytes, by: Person, *people: Person) -> Reason | None:
        return self.in_room(room_id, entries.RemoveFromRoom, by, accounts=tuple(sorted(each.id for each in people)))

    def room_role(self, room_id: bytes, by: Person, person: Person, role: entries.RoomRole) -> Reason | None:
        return self.in_room(room_id, entries.SetRoomRole, by, account=person.id, role=role)

    def room(self, room_id: bytes, without: set[int] | frozenset[int] = frozenset()) -> ChainRoom:
        """As somebody sees it to whom the entries at these heights did not come."""
        here = {height: content for height, content in self.rooms[room_id].items() if height not in without}
        room = replay(self.chain, self.foundings[room_id], here)
        assert isinstance(room, ChainRoom), room
        return room

    # -- epochs

    def epoch(
        self,
        device: DeviceKeys,
        scope: bytes,
        secret: bytes,
        *,
        height: int | None = None,
        back: tuple[LinkedBack, ...] = (),
    ) -> bytes:
        """The statement that begins one, for this height of the chain or its head."""
        at = self.chain.height if height is None else height
        head = self.chain.head_at(at)
        assert head is not None
        return sign_epoch(device, EpochBody(scope, commitment_of(secret, scope, at, head), at, head, back))


def sign_epoch(device: DeviceKeys, body: EpochBody) -> bytes:
    data = encode_strictly(body)
    return encode_strictly(SignedEpoch(data, device.id, device.signer.sign(ids.EPOCH + data)))


def stub_of(room_id: bytes, height: int, content: bytes) -> bytes:
    return encode_strictly(entries.Stub(ids.room_tag_of(room_id, height), hashlib.sha256(content).digest()))


def founded(*names: str, seals: bool = False) -> tuple[Story, list[Person]]:
    """The first founds the group, and admits the others."""
    story, people = Story(), [Person(name, seals=seals) for name in names]
    assert story.found(people[0]) is None
    for person in people[1:]:
        assert story.admit(people[0], person) is None
    return story, people
